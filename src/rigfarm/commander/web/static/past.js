// The time machine's band: another time of the viewer's own clock, and time that passes quicker than it did.
const band = () => document.getElementById("past");
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const EVERY_MS = 1000;
let speed = 0;
let due = 0;

function go(ms) {
  const url = new URL(location.href);
  url.searchParams.set("at", new Date(Math.min(ms, Date.now() - 1000)).toISOString().replace(/\.\d+Z$/, "Z"));
  history.replaceState(history.state, "", url);
  return htmx.ajax("GET", url.pathname + url.search, { target: "#main", select: "#main", swap: "outerMorph" });
}

document.addEventListener("change", ({ target }) => {
  if (target.matches?.("[data-go-to]") && target.value) go(new Date(target.value).getTime());
  if (target.matches?.("[data-play]")) {
    speed = Number(target.value);
    clearTimeout(due);
    if (speed) due = setTimeout(step, EVERY_MS);
  }
});

async function step() {
  const here = band();
  if (!here || !speed) return;
  const at = Number(here.dataset.at) + speed * EVERY_MS;
  if (at > Date.now()) return;
  const begun = performance.now();
  await go(at);
  const select = band()?.querySelector("[data-play]");
  if (select) select.value = String(speed);
  due = setTimeout(step, Math.max(EVERY_MS - (performance.now() - begun), 100));
}

// The viewer's own clock, in words and in the field.
function show() {
  const time = band()?.querySelector("time");
  if (!time) return;
  const at = new Date(time.dateTime);
  time.textContent = whole.format(at);
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
  band().querySelector("[data-go-to]").value = local;
}

show();
document.addEventListener("htmx:finally:swap", show);
