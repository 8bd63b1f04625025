// The service worker: where the Commander can't be reached, a page that says so in the place of the browser's. It keeps that
// page and nothing else: no page behind the login, nothing of the farm. A number that is old must never look fresh.
const OFFLINE = "/static/offline.html";
const KEPT = "offline 1"; // another number when one of these files changes
const FILES = [OFFLINE, "/static/offline.css", "/static/offline.js", "/static/icon.svg"];

addEventListener("install", (event) => {
  const fresh = FILES.map((url) => new Request(url, { cache: "reload", credentials: "omit" }));
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(fresh)));
  skipWaiting();
});

addEventListener("activate", (event) => {
  const old = (names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(old).then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.mode === "navigate" && request.method === "GET") {
    event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  } else if (FILES.includes(url.pathname) && !url.search) {
    event.respondWith(fetch(request).catch(() => caches.match(url.pathname)));
  }
});
