// Keeps the live values of a page current, and never shows an old one as if it were fresh. Without scripts the page
// reloads itself.
(() => {
  const path = document.body.dataset.livePath;
  const form = document.querySelector("form[action='/token']");
  form?.addEventListener("submit", () => {
    const button = form.querySelector("button[type='submit']");
    button.textContent = "Asking the Commander …";
    setTimeout(() => (button.disabled = true));
  });
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  if (!path) return;

  const stale = document.getElementById("stale");
  let heardAt = Date.now();

  const show = (values) => {
    for (const place of document.querySelectorAll("[data-live]")) {
      const value = values[place.dataset.live];
      if (!value) continue;
      place.dataset.tone = value[1];
      if (place.textContent === value[0]) continue;
      place.textContent = value[0];
      place.classList.remove("glow");
      if (!/running|uptime|since/.test(place.dataset.live)) {
        void place.offsetWidth; // begins the animation anew
        place.classList.add("glow");
      }
    }
  };
  const fresh = (yes) => {
    document.body.classList.toggle("stale", !yes);
    stale.hidden = yes;
    if (!yes) {
      const at = new Date(heardAt).toLocaleTimeString();
      stale.textContent = `The Sentry has not answered since ${at}. What is shown is old.`;
    }
  };
  const look = async () => {
    try {
      const answer = await fetch(`${path}?values=1`, { signal: AbortSignal.timeout(3000), redirect: "error" });
      if (answer.status === 401) location.reload();
      if (!answer.ok) throw new Error(answer.statusText);
      const { shape, values } = await answer.json();
      heardAt = Date.now();
      if (shape !== document.body.dataset.shape) location.reload();
      else show(values);
    } catch {
      // said below, once it has lasted
    }
    fresh(Date.now() - heardAt < 5000);
    setTimeout(look, document.hidden ? 10000 : 2000);
  };
  document.addEventListener("visibilitychange", () => document.hidden || fresh(Date.now() - heardAt < 5000));
  setTimeout(look, 2000);
})();
