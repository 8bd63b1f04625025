// Keeps what is live on a page current, and never shows an old value as if it were fresh. Every page works without.
(() => {
  const path = document.body.dataset.livePath;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  for (const form of all("form[data-busy]")) {
    form.addEventListener("submit", () => {
      const button = form.querySelector("button[type='submit']");
      button.textContent = form.dataset.busy;
      setTimeout(() => (button.disabled = true));
    });
  }
  addEventListener("pageshow", (event) => event.persisted && location.reload());

  // A file goes into the field of its text, where it can be looked at before it is sent.
  for (const place of all("[data-file-into]")) {
    const input = place.querySelector("input");
    place.hidden = false;
    input.addEventListener("change", async () => {
      const text = document.getElementById(place.dataset.fileInto);
      if (input.files[0]) text.value = await input.files[0].text();
    });
  }

  // Boxes: all of them at once, and how many are ticked.
  const count = () => {
    for (const button of all("[data-count]")) {
      const boxes = all("tbody input[type='checkbox']", button.form);
      const ticked = boxes.filter((box) => box.checked).length;
      if (!button.disabled) button.textContent = `${button.dataset.count} ${ticked}`;
      const whole = button.form.querySelector("[data-all]");
      whole.hidden = !boxes.length;
      whole.checked = ticked > 0 && ticked === boxes.length;
      whole.indeterminate = ticked > 0 && ticked < boxes.length;
    }
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) {
      for (const box of all("tbody input[type='checkbox']", event.target.form)) box.checked = event.target.checked;
    }
    count();
  });
  const localTimes = (root) => {
    for (const time of all("time[datetime]", root)) {
      const at = new Date(time.dateTime);
      time.textContent = at.toLocaleTimeString([], { hour12: false });
      time.title = at.toLocaleString();
    }
  };
  localTimes(document);
  count();
  if (!path) return;

  const stale = document.getElementById("stale");
  let heardAt = Date.now();

  const show = (values) => {
    for (const place of all("[data-live]")) {
      const value = values[place.dataset.live];
      if (!value) continue;
      place.dataset.tone = value[1];
      if (place.textContent === value[0]) continue;
      place.textContent = value[0];
      place.classList.remove("glow");
      if (!/running|uptime|since|age|count/.test(place.dataset.live)) {
        void place.offsetWidth; // begins the animation again
        place.classList.add("glow");
      }
    }
  };

  // A list: rows that did not change stay the very same elements, with what was ticked and typed in them.
  const arrange = (list, mark, rows) => {
    const known = new Map([...list.children].map((row) => [row.dataset.key, row]));
    let place = list.firstElementChild;
    for (const [key, rowMark, html] of rows) {
      let row = known.get(key);
      known.delete(key);
      if (!row || row.dataset.mark !== rowMark) {
        const made = document.createElement("template");
        made.innerHTML = html;
        const fresh = made.content.firstElementChild;
        localTimes(fresh);
        if (row) {
          if (row === place) place = fresh;
          row.replaceWith(fresh);
        }
        row = fresh;
      }
      if (row === place) place = place.nextElementSibling;
      else list.insertBefore(row, place);
    }
    for (const gone of known.values()) gone.remove();
    list.dataset.mark = mark;
  };
  const question = () => {
    const url = new URL(path, location.href);
    url.searchParams.set("values", "1");
    for (const list of all("[data-rows]")) {
      const name = list.dataset.rows;
      if (list.dataset.mark) url.searchParams.set(`seen-${name}`, list.dataset.mark);
      if ("keep" in list.dataset) {
        url.searchParams.set(`rows-${name}`, [...list.children].map((row) => row.dataset.key).join());
      }
    }
    return url;
  };

  const fresh = (yes) => {
    document.body.classList.toggle("stale", !yes);
    stale.hidden = yes;
    if (!yes) {
      const at = new Date(heardAt).toLocaleTimeString();
      stale.textContent = `The Sentry has not answered since ${at}. What is shown is old.`;
    }
  };
  let againMs = 2000;
  const look = async () => {
    try {
      const answer = await fetch(question(), { signal: AbortSignal.timeout(3000), redirect: "error" });
      if (answer.status === 401 || answer.status === 404) location.assign(path);
      if (!answer.ok) throw new Error(answer.statusText);
      const { shape, values, lists, again_s } = await answer.json();
      heardAt = Date.now();
      againMs = again_s * 1000;
      if (shape !== document.body.dataset.shape) location.assign(path);
      for (const list of all("[data-rows]")) {
        const change = lists[list.dataset.rows];
        if (change) arrange(list, ...change);
      }
      show(values);
      count();
    } catch {
      // said below, once it has lasted
    }
    fresh(Date.now() - heardAt < 5000);
    setTimeout(look, document.hidden ? 10000 : againMs);
  };
  document.addEventListener("visibilitychange", () => document.hidden || fresh(Date.now() - heardAt < 5000));
  setTimeout(look, 1000);
})();
