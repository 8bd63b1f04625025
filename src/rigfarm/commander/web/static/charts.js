// Charts of a range of time. The last hour moves along with each new point; other ranges come whole, and are drawn again.
// Unknown values and pauses are gaps. Drag over a chart to see that time, or along its time axis (or with Shift) to move;
// with fingers, move and pinch. A double click leads back. Each range is a URL.
import { quantity, scale } from "./numbers.js";
import { now } from "./times.js";

const HEIGHT = 112;
const REDRAW_MS = 5000;
const LEAST_MS = 600000; // a rig that has just begun to report fills its charts, minute by minute, up to the whole span
const LEAST_ZOOM_MS = 60000;
const HUES = 8;
const MARK_PX = 6;
const DAY_MS = 86400000;
const hours = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const moments = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });
const box = document.querySelector("[data-charts]");
let data = JSON.parse(document.querySelector(box.dataset.charts).textContent);
let plots = [];
let view = null; // the range while fingers or the mouse move it

function largest(u) {
  let most = 0;
  for (const values of u.data.slice(1)) for (const value of values) if (value > most) most = value;
  return most;
}

// What is drawn of a chart: its means, then the least and the most of those series that know them.
function courses(chart) {
  const bands = chart.series.filter((one) => one.low?.length);
  return [...chart.series.map((one) => one.values), ...bands.flatMap((one) => [one.high, one.low])];
}

// One column of times, and a column per course; a pause gets a moment of nothing in its middle.
function columns(chart) {
  const t = [];
  const drawn = courses(chart);
  const values = drawn.map(() => []);
  data.t.forEach((at, i) => {
    if (i && at - data.t[i - 1] > data.gap_ms) {
      t.push((at + data.t[i - 1]) / 2000);
      for (const one of values) one.push(null);
    }
    t.push(at / 1000);
    drawn.forEach((one, n) => values[n].push(one[i]));
  });
  return [t, ...values];
}

// How far back the charts reach now.
function shownMs() {
  const known = data.t.length ? now() - data.t[0] : 0;
  return Math.min(Math.max(known * 1.02, LEAST_MS), data.span_ms);
}

function shownRange() {
  if (view) return [view.from / 1000, view.to / 1000];
  if (data.from_ms != null) return [data.from_ms / 1000, data.to_ms / 1000];
  return [(now() - shownMs()) / 1000, now() / 1000];
}

function timeLabels(u, ticks) {
  const long = (u.scales.x.max - u.scales.x.min) * 1000 > 1.5 * DAY_MS;
  const midnight = (s) => new Date(s * 1000).getHours() === 0 && new Date(s * 1000).getMinutes() === 0;
  return ticks.map((s) => (long && midnight(s) ? days : hours).format(s * 1000));
}

// Another range of time is another view: it has a URL of its own.
function zoomTo(from, to) {
  if (to - from < LEAST_ZOOM_MS) return;
  const params = new URLSearchParams(location.search);
  params.set("from", Math.round(from));
  params.set("to", Math.round(to));
  location.assign(`${location.pathname}?${params}`);
}

// Lines of one chart have colours in turn, or a rig's own on all charts; the period before has that of its line.
function hue(chart, n) {
  return chart.series[n].hue ?? (chart.series.slice(0, n + 1).filter((one) => !one.before).length - 1) % HUES;
}

// What happened where the pointer is.
function markAt(u, left) {
  const near = (data.marks ?? []).map((one) => [Math.abs(u.valToPos(one.t / 1000, "x") - left), one]);
  return near.filter(([far]) => far <= MARK_PX).sort((a, b) => a[0] - b[0])[0]?.[1];
}

// The page as it was then.
function goTo(mark) {
  if (!mark) return;
  location.assign(`${location.pathname}?at=${mark.t}`);
}

function drawMarks(u) {
  const style = getComputedStyle(document.documentElement);
  const colors = ["--faint", "--warn", "--bad"].map((name) => style.getPropertyValue(name).trim());
  u.ctx.save();
  u.ctx.lineWidth = devicePixelRatio;
  u.ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const one of data.marks ?? []) {
    const x = Math.round(u.valToPos(one.t / 1000, "x", true));
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
    u.ctx.strokeStyle = colors[one.level] || colors[0];
    u.ctx.beginPath();
    u.ctx.moveTo(x, u.bbox.top);
    u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
  }
  u.ctx.restore();
}

// Values with nothing beside them: no line leads to them, so that they are drawn as points.
function alone(values) {
  return [...values.keys()].filter((i) => values[i] != null && values[i - 1] == null && values[i + 1] == null);
}

function axisValues(unit) {
  return (u, ticks) => {
    const { factor } = scale(unit, largest(u));
    return ticks.map((tick) => (tick / factor).toLocaleString("en", { maximumSignificantDigits: 4, useGrouping: false }));
  };
}

function options(chart, figure) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const font = `11px ${color("--font")}`;
  const axis = { stroke: color("--faint"), font, grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
  const banded = [...chart.series.keys()].filter((n) => chart.series[n].low?.length);
  const range = (u, low, high) => {
    if (low == null) return [0, 1];
    if (chart.unit === "°C") return [Math.min(low - 5, high - 20), high + 5];
    return [0, Math.max(high * 1.12, 1)]; // no axis of ten-thousandths for what is next to nothing
  };
  return {
    width: Math.max(figure.querySelector(".chart-box").clientWidth, 120),
    height: HEIGHT,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: { time: true, range: shownRange },
      y: { range },
    },
    series: [
      {},
      ...chart.series.map((one, n) => ({
        label: one.name,
        stroke: color(`--s${hue(chart, n)}`),
        width: one.before ? 1 : 1.5,
        dash: one.before ? [4, 4] : undefined,
        points: { show: (u, n) => alone(u.data[n]).length > 0, size: 4, filter: (u, n) => alone(u.data[n]) },
        fill: chart.series.length === 1 && !one.low?.length ? `${color(`--s${hue(chart, n)}`)}1a` : undefined,
      })),
      ...banded.flatMap(() => [{ width: 0, points: { show: false } }, { width: 0, points: { show: false } }]),
    ],
    bands: banded.map((n, at) => ({
      series: [chart.series.length + 1 + 2 * at, chart.series.length + 2 + 2 * at],
      fill: `${color(`--s${hue(chart, n)}`)}33`,
    })),
    axes: [
      { ...axis, size: 20, gap: 3, space: 70, grid: { show: false }, values: timeLabels },
      { ...axis, size: 42, gap: 4, space: 26, values: axisValues(chart.unit) },
    ],
    hooks: {
      draw: [drawMarks],
      ready: [(u) => u.over.addEventListener("click", () => u.select.width <= 4 && goTo(markAt(u, u.cursor.left)))],
      setCursor: [(u) => caption(chart, figure, u.cursor.idx == null ? null : u.data.map((one) => one[u.cursor.idx]), markAt(u, u.cursor.left)?.text)],
      setSelect: [(u) => u.select.width > 4 && zoomTo(u.posToVal(u.select.left, "x") * 1000, u.posToVal(u.select.left + u.select.width, "x") * 1000)],
    },
  };
}

// The latest values beside the title, or those under the pointer and their time.
function caption(chart, figure, at, mark) {
  const line = figure.querySelector(".chart-now");
  const when = document.createElement("small");
  when.textContent = at ? [moments.format(at[0] * 1000), mark].filter(Boolean).join(" · ") : "";
  line.replaceChildren(
    ...(at ? [when] : []),
    ...chart.series.map((one, n) => {
      const [number, unit] = quantity(chart.unit, at ? at[n + 1] : one.values.at(-1));
      const item = document.createElement("span");
      item.className = `s${hue(chart, n)}`;
      if (chart.series.length > 1) {
        item.append(document.createElement("i"), document.createElement("small"));
        item.lastChild.textContent = `${one.name} `;
      }
      item.append(number, document.createElement("small"));
      item.lastChild.textContent = unit ? ` ${unit}` : "";
      return item;
    }),
  );
}

// The server drew the frames that it knew of; a coin that came later gets one too.
function figureOf(chart) {
  let figure = box.querySelector(`[data-chart="${CSS.escape(chart.id)}"]`);
  if (!figure) {
    figure = document.createElement("figure");
    figure.className = "plot";
    figure.dataset.chart = chart.id;
    const caption = document.createElement("figcaption");
    const line = document.createElement("span");
    line.className = "chart-now";
    caption.append(chart.title, line);
    const area = document.createElement("div");
    area.className = "chart-box";
    figure.append(caption, area);
  }
  figure.querySelector("figcaption").firstChild.data = chart.title;
  box.append(figure);
  return figure;
}

function build() {
  for (const { plot } of plots) plot.destroy();
  const ids = new Set(data.charts.map((chart) => chart.id));
  for (const figure of box.querySelectorAll("[data-chart]")) if (!ids.has(figure.dataset.chart)) figure.remove();
  plots = data.charts.map((chart) => {
    const figure = figureOf(chart);
    const plot = new uPlot(options(chart, figure), columns(chart), figure.querySelector(".chart-box"));
    caption(chart, figure, null);
    reveal({ chart, figure });
    return { chart, figure, plot };
  });
  nothingKnown();
}

function nothingKnown() {
  const said = box.querySelector("[data-empty]");
  if (said) said.hidden = Boolean(data.problem) || plots.some(({ figure }) => !figure.hidden);
}

// A chart of nothing but unknown values is not shown until something is known.
function reveal({ chart, figure }) {
  figure.hidden = !chart.series.some((one) => one.values.some((value) => value != null));
}

function redraw() {
  if (document.hidden) return;
  for (const { chart, figure, plot } of plots) {
    reveal({ chart, figure });
    plot.setData(columns(chart));
    if (plot.cursor.idx == null) caption(chart, figure, null);
  }
}

document.addEventListener("rigfarm:points", ({ detail }) => {
  if (detail.data) {
    data = detail.data;
    build();
    return;
  }
  if (data.from_ms != null || detail.t <= (data.t.at(-1) ?? 0)) return;
  const columnsOf = (chart) => chart.series.map((one) => one.values);
  data.t.push(detail.t);
  data.charts.forEach((chart, n) => columnsOf(chart).forEach((values, i) => values.push(detail.values[n]?.[i] ?? null)));
  while (data.t.length && data.t[0] < now() - data.span_ms - data.gap_ms) {
    data.t.shift();
    for (const chart of data.charts) for (const values of columnsOf(chart)) values.shift();
  }
  redraw();
});

// Moving and pinching: the charts follow the pointers, and the new range is opened when they leave.
const pointers = new Map();
let grip = null;

function hold() {
  const [from, to] = shownRange().map((s) => s * 1000);
  grip = pointers.size ? { from, to, xs: [...pointers.values()], moved: grip?.moved ?? false } : null;
}

function follow() {
  const over = box.querySelector(".u-over").getBoundingClientRect();
  const per = (grip.to - grip.from) / over.width;
  const xs = [...pointers.values()];
  const time = (x) => grip.from + (x - over.left) * per;
  let [from, to] = [grip.from + (grip.xs[0] - xs[0]) * per, grip.to + (grip.xs[0] - xs[0]) * per];
  if (xs.length > 1 && Math.abs(xs[1] - xs[0]) > 8) {
    const [a, b] = [time(grip.xs[0]), time(grip.xs[1])];
    const scaled = (b - a) / (xs[1] - xs[0]);
    if (!(scaled > 0)) return;
    from = a - (xs[0] - over.left) * scaled;
    to = from + over.width * scaled;
  }
  grip.moved ||= xs.some((x, n) => Math.abs(x - grip.xs[n]) > 8);
  if (!grip.moved || to - from < LEAST_ZOOM_MS) return;
  view = { from, to };
  for (const { plot } of plots) plot.setScale("x", { min: from / 1000, max: to / 1000 });
}

function held(event) {
  if (!event.target.closest?.(".uplot")) return false;
  return event.pointerType !== "mouse" || event.shiftKey || Boolean(event.target.closest(".u-axis"));
}

box.addEventListener("pointerdown", (event) => {
  if (!held(event) || event.button) return;
  pointers.set(event.pointerId, event.clientX);
  hold();
});
box.addEventListener("mousedown", (event) => event.shiftKey && event.stopPropagation(), true);
document.addEventListener("pointermove", (event) => {
  if (!pointers.has(event.pointerId)) return;
  pointers.set(event.pointerId, event.clientX);
  follow();
});
for (const name of ["pointerup", "pointercancel"]) {
  document.addEventListener(name, (event) => {
    if (!pointers.delete(event.pointerId)) return;
    hold();
    if (pointers.size || !view) return;
    const { from, to } = view;
    view = null;
    if (name === "pointerup") zoomTo(from, Math.max(Math.min(to, now()), from + LEAST_ZOOM_MS));
    else redraw();
  });
}

box.addEventListener("dblclick", () => {
  const url = new URL(location.href);
  for (const name of ["from", "to"]) url.searchParams.delete(name);
  if (url.href !== location.href) location.assign(url);
});
const span = document.querySelector("[data-span]");
if (span && data.from_ms != null) span.textContent = moments.formatRange(data.from_ms, data.to_ms);
build();
setInterval(redraw, REDRAW_MS);
new ResizeObserver(() => {
  for (const { plot, figure } of plots) {
    const width = figure.querySelector(".chart-box").clientWidth;
    if (width && width !== plot.width) plot.setSize({ width, height: HEIGHT });
  }
}).observe(box);
new MutationObserver(build).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
