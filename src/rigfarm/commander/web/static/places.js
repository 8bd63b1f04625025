// The map: a canvas for each area, a tile for each rig. [id, kind, name, level, words] come with the page, and those that
// look otherwise afterwards by events of the page's socket. Dragging across tiles chooses rigs.
import { count } from "./numbers.js";
import { choose, chooseAt, isChosen } from "./select.js";

const SIZE = 16;
const GAP = 3;
const MOVED = 5; // px from which a press is a brush
let areas = [];
let where = new Map(); // id -> [area, index]
let under = null; // [area, index] under the pointer or the keyboard
let brush = null; // {canvas, x, y, frame}: where the pointer went down, and the frame once it has moved
let brushed = false; // the click that ends it opens nothing

const map = () => document.getElementById("map");
const canvases = () => document.querySelectorAll("#map canvas");

function read() {
  const data = document.getElementById("map-data");
  if (data) take(JSON.parse(data.textContent));
}

function take(tiles) {
  const before = where;
  areas = tiles;
  where = new Map(areas.flatMap((some, area) => some.map(([id], n) => [id, [area, n]])));
  under = null;
  const gone = [...before.keys()].filter((id) => !where.has(id) && isChosen(id));
  if (gone.length) choose(gone.map((id) => [id]), false);
  draw();
}

const columns = (canvas) => Math.max(Math.floor((canvas.clientWidth + GAP) / (SIZE + GAP)), 1);

function colours() {
  const style = getComputedStyle(map());
  const named = (name) => style.getPropertyValue(name).trim();
  return { unknown: named("--unknown"), text: named("--text"), accent: named("--accent"), of: [0, 1, 2, 3, 4, 5].map((n) => named(`--level-${n}`)) };
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
  const [id, , , level] = areas[area][n];
  pen.clearRect(x - 1, y - 1, SIZE + 2, SIZE + 2);
  pen.fillStyle = level < 0 ? known.unknown : known.of[level];
  pen.beginPath();
  pen.roundRect(x, y, SIZE, SIZE, 3);
  pen.fill();
  const here = under?.[0] === area && under[1] === n;
  if (!here && !isChosen(id)) return;
  pen.strokeStyle = here ? known.text : known.accent;
  pen.lineWidth = 2;
  pen.strokeRect(x, y, SIZE, SIZE);
  if (isChosen(id)) {
    pen.fillStyle = known.accent;
    pen.fillRect(x + 4, y + 4, SIZE - 8, SIZE - 8);
  }
}

function redraw(some) {
  const known = colours();
  const all = canvases();
  for (const [area, n] of some) if (all[area] && areas[area]?.[n]) tile(all[area].getContext("2d"), all[area], area, n, known);
}

function point(next) {
  const changed = [under, next].filter(Boolean);
  under = next;
  redraw(changed);
  const said = document.getElementById("tile-said");
  if (!said) return;
  const one = next && areas[next[0]]?.[next[1]];
  said.textContent = one ? `${one[2]} · ${one[4]}` : "";
}

function at(event) {
  const canvas = event.target.closest?.("#map canvas");
  if (!canvas) return null;
  const area = Number(canvas.dataset.area);
  const [x, y] = [Math.floor(event.offsetX / (SIZE + GAP)), Math.floor(event.offsetY / (SIZE + GAP))];
  const n = y * columns(canvas) + x;
  return x < columns(canvas) && areas[area]?.[n] ? [area, n] : null;
}

function open([area, n]) {
  const [id, kind] = areas[area][n];
  const { at: then, paths } = map().dataset;
  location.assign(`${paths.split(" ")[kind]}/${id}${then ? `?at=${encodeURIComponent(then)}` : ""}`);
}

const chooses = () => map() && !map().dataset.at; // of another time nothing can be done

function toggle([area, n]) {
  const [id, , name] = areas[area][n];
  choose([[id, name]], !isChosen(id));
}

// Tiles in a rectangle of a canvas, in its own pixels.
function inside(canvas, left, top, right, bottom) {
  const area = Number(canvas.dataset.area);
  const across = columns(canvas);
  const step = SIZE + GAP;
  return (areas[area] ?? []).filter((_, n) => {
    const x = (n % across) * step;
    const y = Math.floor(n / across) * step;
    return x < right && x + SIZE > left && y < bottom && y + SIZE > top;
  });
}

function stretch(event) {
  const { canvas, x, y } = brush;
  const box = canvas.getBoundingClientRect();
  const [toX, toY] = [event.clientX - box.left, event.clientY - box.top];
  if (!brush.frame && Math.hypot(toX - x, toY - y) < MOVED) return null;
  const [left, top, right, bottom] = [Math.min(x, toX), Math.min(y, toY), Math.max(x, toX), Math.max(y, toY)];
  if (!brush.frame) {
    brush.frame = document.createElement("div");
    brush.frame.className = "brush";
    canvas.after(brush.frame);
  }
  const { style } = brush.frame;
  style.left = `${left}px`;
  style.top = `${top}px`;
  style.width = `${right - left}px`;
  style.height = `${bottom - top}px`;
  return inside(canvas, left, top, right, bottom);
}

function letGo() {
  brush?.frame?.remove();
  brush = null;
}

document.addEventListener("pointerdown", (event) => {
  brushed = false;
  const canvas = event.target.closest?.("#map canvas");
  if (!canvas || event.button || event.pointerType === "touch" || !chooses()) return; // fingers scroll
  brush = { canvas, x: event.offsetX, y: event.offsetY, frame: null };
});
document.addEventListener("pointermove", (event) => {
  if (brush) stretch(event);
  if (event.target.closest?.("#map canvas")) point(at(event));
  else if (under && !document.activeElement?.matches("#map canvas")) point(null);
});
document.addEventListener("pointerup", (event) => {
  const some = brush && stretch(event);
  letGo();
  if (!some) return;
  brushed = true;
  choose(some.map(([id, , name]) => [id, name]), true);
});
document.addEventListener("pointercancel", letGo);
document.addEventListener("click", (event) => {
  const go = event.target.closest?.("[data-work-on]");
  if (go) {
    chooseAt(go.dataset.path, picked(Number(go.dataset.workOn)));
    return;
  }
  const found = at(event);
  if (!found || brushed) return;
  if (chooses() && (event.ctrlKey || event.metaKey || event.shiftKey)) toggle(found);
  else open(found);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") letGo();
  const canvas = document.activeElement;
  if (!canvas?.matches("#map canvas")) return;
  const area = Number(canvas.dataset.area);
  const n = under?.[0] === area ? under[1] : -1;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(canvas), ArrowUp: -columns(canvas) };
  if (event.key in steps) {
    event.preventDefault();
    const next = n < 0 ? 0 : n + steps[event.key];
    if (areas[area]?.[next]) point([area, next]);
  } else if (event.key === "Enter" && n >= 0) {
    open([area, n]);
  } else if (event.key === "x" && n >= 0 && chooses()) {
    toggle([area, n]);
  }
});

// Those of a kind that are chosen, as [id, name].
const picked = (kind) =>
  areas.flat().filter(([id, its]) => its === kind && isChosen(id)).map(([id, , name]) => [id, name]);

document.addEventListener("rigfarm:selection", () => {
  if (!map()) return;
  for (const button of document.querySelectorAll("[data-work-on]")) {
    const { length } = picked(Number(button.dataset.workOn));
    button.hidden = !length;
    button.textContent = `Work on ${count(length)} ${length === 1 ? button.dataset.one : button.dataset.many}`;
  }
  draw();
});
document.addEventListener("rigfarm:tiles", ({ detail }) => {
  const changed = [];
  for (const one of detail.tiles) {
    const place = where.get(one[0]);
    if (!place) continue;
    areas[place[0]][place[1]] = one;
    changed.push(place);
  }
  requestAnimationFrame(() => {
    redraw(changed);
    if (under) point(under);
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
