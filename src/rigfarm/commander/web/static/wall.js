// A screen that no one touches for a month: the tiles of all rigs in one canvas, the time, and loading the page again
// once a day (which renews its cookie) and when the Commander is another program now. Never while the Commander is away:
// a page that shows since when is better than a browser's error.
const DAY_MS = 86_400_000;
const USED_EVERY_MS = 600_000;
const GAP = 0.16;
const loadedAt = Date.now();
const map = document.getElementById("wall-map");
const canvas = map.querySelector("canvas");
let tiles = [];
let where = new Map(); // id -> index

async function again() {
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.ok) location.reload();
  } catch {
    // away: the next snapshot or hour tries again
  }
}

function draw() {
  map.hidden = !document.getElementById("wall")?.dataset.tiles;
  if (map.hidden || !tiles.length) return;
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = devicePixelRatio || 1;
  let size = Math.min(Math.sqrt((width * height) / tiles.length), width / 24);
  while (Math.floor(width / size) * Math.floor(height / size) < tiles.length) size *= 0.98;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const style = getComputedStyle(map);
  const colours = [0, 1, 2, 3].map((n) => style.getPropertyValue(`--level-${n}`));
  const across = Math.floor(width / size);
  const side = size * (1 - GAP);
  tiles.forEach(([, , , level], n) => {
    pen.fillStyle = colours[level];
    pen.fillRect((n % across) * size, Math.floor(n / across) * size, side, side);
  });
}

function take(all) {
  tiles = all;
  where = new Map(tiles.map(([id], n) => [id, n]));
  requestAnimationFrame(draw);
}

document.addEventListener("rigfarm:map", ({ detail }) => take(detail.areas[0]));
document.addEventListener("rigfarm:tiles", ({ detail }) => {
  for (const one of detail.tiles) if (where.has(one[0])) tiles[where.get(one[0])] = one;
  requestAnimationFrame(draw);
});
document.addEventListener("rigfarm:wall", ({ detail }) => {
  if (detail.build !== map.dataset.build || Date.now() - loadedAt > DAY_MS) again();
});
take(JSON.parse(document.getElementById("wall-tiles").textContent));
new ResizeObserver(draw).observe(map);
addEventListener("rigfarm:theme", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => requestAnimationFrame(draw));

function tell() {
  document.getElementById("wall-clock").textContent = new Date().toLocaleString([], {
    weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
}
tell();
setInterval(tell, 1000);

// A login ends when it isn't used for long: an open socket alone doesn't count.
setInterval(() => {
  if (Date.now() - loadedAt > DAY_MS) again();
  else fetch("/api/session", { cache: "no-store" }).catch(() => {});
}, USED_EVERY_MS);

// Where the browser can: the screen stays on.
const stayOn = () => document.hidden || navigator.wakeLock?.request("screen").catch(() => {});
document.addEventListener("visibilitychange", stayOn);
stayOn();
