// The charts of the last hour: drawn once, then moved along with each new point. Unknown values and pauses are gaps.
import { now } from "./times.js";

const HEIGHT = 112;
const REDRAW_MS = 5000;
const LEAST_MS = 600000; // a rig that has just begun to report fills its charts, minute by minute, up to the whole span
const PREFIXES = ["", "k", "M", "G", "T", "P", "E", "Z"];
const hours = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const box = document.querySelector("[data-charts]");
let data = JSON.parse(document.querySelector(box.dataset.charts).textContent);
let plots = [];

function digits(value) {
  const size = Math.abs(value);
  if (!size) return "0";
  if (size < 9.9995) return value.toFixed(size < 0.99995 ? 4 : 3);
  if (size < 99.995) return value.toFixed(2);
  if (size < 999.95) return value.toFixed(1);
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

// The number and unit a value is written in; `largest` decides, so that one axis has one unit.
function scale(unit, largest) {
  if (unit === "°C") return { symbol: unit, factor: 1 };
  let n = 0;
  while (n < PREFIXES.length - 1 && largest >= 999.95 * 1000 ** n) n += 1;
  return { symbol: PREFIXES[n] + unit, factor: 1000 ** n };
}

function written(unit, value) {
  if (value == null) return ["–", ""];
  const { symbol, factor } = scale(unit, value);
  const whole = unit === "°C" || symbol === "W";
  return [whole ? value.toFixed(0) : digits(value / factor), symbol];
}

function largest(u) {
  let most = 0;
  for (const values of u.data.slice(1)) for (const value of values) if (value > most) most = value;
  return most;
}

// One column of times, and a column per series; a pause gets a moment of nothing in its middle.
function columns(chart) {
  const t = [];
  const values = chart.series.map(() => []);
  data.t.forEach((at, i) => {
    if (i && at - data.t[i - 1] > data.gap_ms) {
      t.push((at + data.t[i - 1]) / 2000);
      for (const one of values) one.push(null);
    }
    t.push(at / 1000);
    chart.series.forEach((one, n) => values[n].push(one.values[i]));
  });
  return [t, ...values];
}

// How far back the charts reach now.
function shownMs() {
  const known = data.t.length ? now() - data.t[0] : 0;
  return Math.min(Math.max(known * 1.02, LEAST_MS), data.span_ms);
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
  const range = (u, low, high) => {
    if (low == null) return [0, 1];
    if (chart.unit === "°C") return [Math.min(low - 5, high - 20), high + 5];
    return [0, high ? high * 1.12 : 1];
  };
  return {
    width: Math.max(figure.querySelector(".chart-box").clientWidth, 120),
    height: HEIGHT,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: () => [(now() - shownMs()) / 1000, now() / 1000] },
      y: { range },
    },
    series: [
      {},
      ...chart.series.map((one, n) => ({
        label: one.name,
        stroke: color(`--s${n}`),
        width: 1.5,
        points: { show: (u, n) => alone(u.data[n]).length > 0, size: 4, filter: (u, n) => alone(u.data[n]) },
        fill: chart.series.length === 1 ? `${color(`--s${n}`)}1a` : undefined,
      })),
    ],
    axes: [
      { ...axis, size: 20, gap: 3, space: 70, grid: { show: false }, values: (u, ticks) => ticks.map((s) => hours.format(s * 1000)) },
      { ...axis, size: 42, gap: 4, space: 26, values: axisValues(chart.unit) },
    ],
    hooks: { setCursor: [(u) => caption(chart, figure, u.cursor.idx == null ? null : u.data.map((one) => one[u.cursor.idx]))] },
  };
}

// The latest values beside the title, or those under the pointer.
function caption(chart, figure, at) {
  const line = figure.querySelector(".chart-now");
  line.replaceChildren(
    ...chart.series.map((one, n) => {
      const [number, unit] = written(chart.unit, at ? at[n + 1] : one.values.at(-1));
      const item = document.createElement("span");
      item.className = `s${n}`;
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
  if (detail.t <= (data.t.at(-1) ?? 0)) return;
  const columnsOf = (chart) => chart.series.map((one) => one.values);
  data.t.push(detail.t);
  data.charts.forEach((chart, n) => columnsOf(chart).forEach((values, i) => values.push(detail.values[n]?.[i] ?? null)));
  while (data.t.length && data.t[0] < now() - data.span_ms - data.gap_ms) {
    data.t.shift();
    for (const chart of data.charts) for (const values of columnsOf(chart)) values.shift();
  }
  redraw();
});

build();
setInterval(redraw, REDRAW_MS);
new ResizeObserver(() => {
  for (const { plot, figure } of plots) {
    const width = figure.querySelector(".chart-box").clientWidth;
    if (width && width !== plot.width) plot.setSize({ width, height: HEIGHT });
  }
}).observe(box);
new MutationObserver(build).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
