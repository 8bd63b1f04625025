// The page's socket. hx-ws connects, reconnects and puts HTML in place; here is what the viewer is told of it, and the
// JSON events:
//   snapshot               what the page shows is up to date again
//   moved {count}          so many rows would stand elsewhere: offered as a chip, never done under the pointer
//   gone {url, notice}     what this page is about exists no more
//   notice {text, level}   words in the corner
//   points …               for the charts (charts.js)
//   map {areas}, tiles {tiles}   for the map (places.js) and the wall (wall.js)
//   wall {build}           which program the Commander is (wall.js)
//   title {sick, name}     how many rigs need attention, by page of the top bar; what the page is about is called now
//   pong                   the answer to {"ping": 1}: any frame is a sign of life
// Any of them may carry now_ms, the Commander's clock.
import { notify, notifyThere } from "./notices.js";
import { setClock } from "./times.js";
import { setName, setSick } from "./tab.js";

const GONE_MS = 3000;
const QUIET_MS = 6000;
const ANSWER_MS = 3000;
const root = document.documentElement;
const main = () => document.getElementById("main");
const dot = () => document.getElementById("live");

let socket = null;
let lostAt = null; // when the page began to be without its socket
let visibleAt = Date.now();
let heardAt = 0;
let askedAt = 0;
let failures = 0;
export let settling = true; // between a connection and its snapshot: everything may change, nothing is news

if (main()?.dataset.page) lostAt = Date.now();

function show(state, words) {
  const element = dot();
  if (!element) return;
  element.dataset.live = state;
  element.lastElementChild.textContent = words;
}

function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function setStale(stale) {
  const banner = document.getElementById("stale");
  if (stale) {
    root.dataset.stale = "";
    banner.firstElementChild.textContent =
      `No connection to the Commander since ${clock(lostAt)}. What you see is from then.`;
    banner.hidden = Date.now() - visibleAt < 600; // a tab that was just opened is given a moment
    show("gone", "no connection");
  } else {
    delete root.dataset.stale;
    banner.hidden = true;
  }
}

function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

async function stillLoggedIn() {
  try {
    const answer = await fetch("/api/session", { headers: { Accept: "application/json" }, cache: "no-store" });
    if (answer.status === 401) toLogin();
  } catch {
    // the Commander is away: not the login's fault
  }
}

function connected(opened) {
  socket = opened;
  heardAt = Date.now();
  askedAt = 0;
  failures = 0;
  show("on", "live");
  if (!("stale" in root.dataset)) lostAt = null;
  socket.send('{"ping":1}');
}

document.addEventListener("htmx:ws:after:connection", ({ detail }) => {
  settling = true;
  connected(detail.connection.socket);
});

document.addEventListener("htmx:ws:close", ({ detail }) => {
  if (detail.reason === "removed") return; // the view changed: its new socket follows
  socket = null;
  lostAt ??= Date.now();
  if (document.hidden) return;
  show("off", "connecting");
  if (detail.code === 4401) toLogin();
  else if (detail.code === 4404) location.reload();
  else if (detail.code === 4429) notify("Too many pages are open: this one is not updated.", "error");
  else if (++failures % 3 === 0) stillLoggedIn();
});

document.addEventListener("htmx:ws:before:message:incoming", () => {
  heardAt = Date.now();
  askedAt = 0;
});

document.addEventListener("htmx:ws:after:message:incoming", ({ detail }) => {
  const { data } = detail.message;
  if (typeof data !== "string" || data[0] !== "{") return;
  const event = JSON.parse(data);
  if (event.now_ms) setClock(event.now_ms);
  handlers[event.event]?.(event);
});

const handlers = {
  snapshot() {
    settling = false;
    lostAt = null;
    setStale(false);
    show("on", "live");
  },
  moved({ count }) {
    const chip = document.getElementById("moved");
    if (!chip) return;
    chip.hidden = !count;
    chip.textContent = `${count} ${count === 1 ? "rig" : "rigs"} moved · update`;
  },
  gone({ url, notice }) {
    if (notice) notifyThere(notice);
    location.assign(url);
  },
  notice({ text, level }) {
    notify(text, level);
  },
  points(event) {
    document.dispatchEvent(new CustomEvent("rigfarm:points", { detail: event }));
  },
  map(event) {
    document.dispatchEvent(new CustomEvent("rigfarm:map", { detail: event }));
  },
  tiles(event) {
    document.dispatchEvent(new CustomEvent("rigfarm:tiles", { detail: event }));
  },
  wall(event) {
    document.dispatchEvent(new CustomEvent("rigfarm:wall", { detail: event }));
  },
  title({ sick, name }) {
    if (sick) setSick(sick);
    if (name) setName(name);
  },
};

// A socket can die without a word (a cable, a sleeping laptop): who hears nothing asks, who gets no answer connects again.
function watch() {
  if (document.hidden || !main()?.dataset.page) return;
  const now = Date.now();
  if (lostAt !== null && now - lostAt >= GONE_MS) setStale(true);
  if (socket?.readyState !== WebSocket.OPEN) return;
  if (askedAt && now - askedAt > ANSWER_MS) {
    lostAt ??= heardAt;
    askedAt = 0;
    socket = null;
    htmx.process(main(), true);
  } else if (!askedAt && now - heardAt > QUIET_MS) {
    askedAt = now;
    socket.send('{"ping":1}');
  }
}

// The socket may have been quicker than this script.
const early = window.rigfarm?.socket;
if (early?.readyState === WebSocket.OPEN) {
  settling = false;
  connected(early);
}

setInterval(watch, 500);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  visibleAt = Date.now();
  watch();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // the browser kept the page, not its socket
});
