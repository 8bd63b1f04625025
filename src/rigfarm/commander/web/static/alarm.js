// Alerts that fire are told by this browser, with a notification and a sound, if the switch on the page of alerts says so.
// The bell says since when the newest one fires, on every live page. The choice and what was shown last are kept in the
// browser. Of several tabs the one that holds the lock shows it: what a tab writes to localStorage reaches the others
// late, so that alone could not decide. Plain http has no locks; there, two tabs may both show an alert.
import { notify } from "./notices.js";

const ON = "alarm"; // theme.js reads it, too
const TOLD = "alarm-told";
const TONES = [[0, 880], [0.2, 660], [0.4, 880]]; // [s, Hz]
const LOCK = "rigfarm-alarm";
const switches = () => document.querySelectorAll("[data-alarm]");
let audio = null;
let giveUp = null; // ends this tab's turn, or its wait for one
let mine = false;

function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, value);
    return true;
  } catch {
    return false; // storage is forbidden: nothing can be told once
  }
}

function sound() {
  audio ??= new AudioContext();
  audio.resume();
  for (const [after, hertz] of TONES) {
    const [tone, volume, at] = [audio.createOscillator(), audio.createGain(), audio.currentTime + after];
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.2, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.18);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.18);
  }
}

function show(text) {
  if (globalThis.Notification?.permission !== "granted") return;
  const shown = new Notification("Rigfarm", { body: text, tag: "rigfarm-alert", renotify: true });
  shown.addEventListener("click", () => {
    focus();
    location.assign("/alerts");
  });
}

// Only a live page hears of alerts, so only such a tab stands for it; its turn ends with the page at the latest.
function stand() {
  const live = Boolean(document.getElementById("main")?.dataset.page);
  if (!navigator.locks) mine = live;
  else if (live && !giveUp) {
    const ended = new AbortController();
    giveUp = () => ended.abort();
    const turn = () => new Promise((resolve) => {
      if (ended.signal.aborted) return resolve();
      ended.signal.addEventListener("abort", resolve);
      mine = true;
      look();
    });
    navigator.locks.request(LOCK, { signal: ended.signal }, turn).catch((error) => {
      if (error.name !== "AbortError") throw error;
    });
  } else if (!live && giveUp) {
    giveUp();
    giveUp = null;
    mine = false;
  }
}

function look() {
  if (!mine) return;
  const bell = document.getElementById("bell");
  const since = Number(bell?.dataset.since ?? 0);
  if (since <= Number(stored(TOLD) ?? 0) || !store(TOLD, since) || stored(ON) !== "on") return;
  sound();
  show(bell.dataset.text);
}

// A tab in the background keeps its connection, or it would be told nothing.
function connect(on) {
  htmx.config.ws.pauseOnBackground = !on;
  const main = document.getElementById("main");
  if (main?.dataset.page) htmx.process(main, true);
}

async function turn(on) {
  if (!store(ON, on ? "on" : "off")) return notify("This browser doesn't keep settings of this page.", "error");
  connect(on);
  if (!on) return;
  sound();
  if (!globalThis.Notification) notify("Browsers show notifications only over https: there is only the sound.", "error");
  else if ((await Notification.requestPermission()) !== "granted")
    notify("This browser blocks notifications of this page: there is only the sound.", "error");
}

function draw() {
  for (const one of switches()) one.checked = stored(ON) === "on";
}

document.addEventListener("change", ({ target }) => {
  if (target.matches?.("[data-alarm]")) turn(target.checked);
});
document.addEventListener("htmx:finally:swap", () => {
  draw();
  stand();
});
addEventListener("storage", draw); // switched in another tab
const bar = document.querySelector("header.bar");
if (bar) new MutationObserver(look).observe(bar, { subtree: true, childList: true, attributeFilter: ["data-since"] });
draw();
stand();
look();
