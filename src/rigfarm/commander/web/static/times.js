// Ages grow by themselves, counted from the Commander's clock; the moment itself, in the viewer's zone, is the tooltip.
import { duration } from "./numbers.js";

let ahead = Number(document.querySelector('meta[name="now"]')?.content || Date.now()) - Date.now();
const read = new WeakMap();
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function setClock(nowMs) {
  ahead = nowMs - Date.now();
}

export function now() {
  return Number(document.getElementById("past")?.dataset.at) || Date.now() + ahead; // or the moment that is shown
}

function moment(element) {
  const text = element.dateTime;
  const known = read.get(element);
  if (known?.text === text) return known.at;
  const at = Date.parse(text);
  read.set(element, { text, at });
  return at;
}

function tick() {
  if (document.hidden) return;
  const at = now();
  for (const element of document.querySelectorAll("time[data-age], time[data-until]")) {
    const past = (at - moment(element)) / 1000;
    const words = duration("until" in element.dataset ? -past : past);
    if (element.textContent !== words) element.textContent = words;
  }
}

document.addEventListener("pointerover", (event) => {
  const element = event.target.closest?.("time[datetime]");
  if (!element) return;
  const length = /^PT(\d+)S$/.exec(element.dateTime);
  const at = length ? now() - length[1] * 1000 : moment(element);
  if (Number.isFinite(at)) element.title = (length ? "since " : "") + whole.format(at);
});

setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);
