// The map: a canvas for each area, a tile for each rig. [id, kind, name, level, words] come with the page, and those that
// look otherwise afterwards by events of the page's socket.
const SIZE = 16;
const GAP = 3;
let areas = [];
let where = new Map(); // id -> [area, index]
let chosen = null; // [area, index] under the pointer or the keyboard

const map = () => document.getElementById("map");
const canvases = () => document.querySelectorAll("#map canvas");

function read() {
  const data = document.getElementById("map-data");
  if (data) take(JSON.parse(data.textContent));
}

function take(tiles) {
  areas = tiles;
  where = new Map(areas.flatMap((some, area) => some.map(([id], n) => [id, [area, n]])));
  chosen = null;
  draw();
}

const columns = (canvas) => Math.max(Math.floor((canvas.clientWidth + GAP) / (SIZE + GAP)), 1);

function colours() {
  const style = getComputedStyle(map());
  const named = (name) => style.getPropertyValue(name).trim();
  return { unknown: named("--unknown"), text: named("--text"), of: [0, 1, 2, 3, 4, 5].map((n) => named(`--level-${n}`)) };
}

function draw() {
  if (!map()) return;
  const known = colours();
  canvases().forEach((canvas, area) => {
    const tiles = areas[area] ?? [];
    const ratio = devicePixelRatio || 1;
    const rows = Math.ceil(tiles.length / columns(canvas));
    const height = rows * (SIZE + GAP) - GAP;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    tiles.forEach((_, n) => tile(pen, canvas, area, n, known));
  });
}

function tile(pen, canvas, area, n, known) {
  const across = columns(canvas);
  const x = (n % across) * (SIZE + GAP);
  const y = Math.floor(n / across) * (SIZE + GAP);
  const level = areas[area][n][3];
  pen.clearRect(x - 1, y - 1, SIZE + 2, SIZE + 2);
  pen.fillStyle = level < 0 ? known.unknown : known.of[level];
  pen.beginPath();
  pen.roundRect(x, y, SIZE, SIZE, 3);
  pen.fill();
  if (chosen && chosen[0] === area && chosen[1] === n) {
    pen.strokeStyle = known.text;
    pen.lineWidth = 2;
    pen.strokeRect(x, y, SIZE, SIZE);
  }
}

function redraw(some) {
  const known = colours();
  const all = canvases();
  for (const [area, n] of some) if (all[area] && areas[area]?.[n]) tile(all[area].getContext("2d"), all[area], area, n, known);
}

function choose(next) {
  const changed = [chosen, next].filter(Boolean);
  chosen = next;
  redraw(changed);
  const said = document.getElementById("tile-said");
  if (!said) return;
  const one = next && areas[next[0]]?.[next[1]];
  said.textContent = one ? `${one[2]} · ${one[4]}` : "";
}

function under(event) {
  const canvas = event.target.closest?.("#map canvas");
  if (!canvas) return null;
  const area = Number(canvas.dataset.area);
  const [x, y] = [Math.floor(event.offsetX / (SIZE + GAP)), Math.floor(event.offsetY / (SIZE + GAP))];
  const n = y * columns(canvas) + x;
  return x < columns(canvas) && areas[area]?.[n] ? [area, n] : null;
}

function open([area, n]) {
  const [id, kind] = areas[area][n];
  const at = map().dataset.at;
  location.assign(`${map().dataset.paths.split(" ")[kind]}/${id}${at ? `?at=${encodeURIComponent(at)}` : ""}`);
}

document.addEventListener("pointermove", (event) => {
  if (event.target.closest?.("#map canvas")) choose(under(event));
  else if (chosen && !document.activeElement?.matches("#map canvas")) choose(null);
});
document.addEventListener("click", (event) => {
  const found = under(event);
  if (found) open(found);
});
document.addEventListener("keydown", (event) => {
  const canvas = document.activeElement;
  if (!canvas?.matches("#map canvas")) return;
  const area = Number(canvas.dataset.area);
  const n = chosen?.[0] === area ? chosen[1] : -1;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(canvas), ArrowUp: -columns(canvas) };
  if (event.key in steps) {
    event.preventDefault();
    const next = n < 0 ? 0 : n + steps[event.key];
    if (areas[area]?.[next]) choose([area, next]);
  } else if (event.key === "Enter" && n >= 0) {
    open([area, n]);
  }
});
document.addEventListener("rigfarm:tiles", ({ detail }) => {
  const changed = [];
  for (const one of detail.tiles) {
    const at = where.get(one[0]);
    if (!at) continue;
    areas[at[0]][at[1]] = one;
    changed.push(at);
  }
  requestAnimationFrame(() => {
    redraw(changed);
    if (chosen) choose(chosen);
  });
});
document.addEventListener("rigfarm:map", ({ detail }) => take(detail.areas));
document.addEventListener("htmx:finally:swap", () => {
  if (map() && document.querySelector("#map canvas:not([height])")) read();
});
addEventListener("resize", draw);
addEventListener("rigfarm:theme", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
read();
