// Numbers in the words of units.py: what the server wrote and what a script writes in its place look alike.
const PREFIXES = ["", "k", "M", "G", "T", "P", "E", "Z"];
const THIN = "\u202f";
const TOO_LARGE = 1e27;

// As Python rounds: what lies exactly between two goes to the even one.
function fixed(value, places) {
  const exact = value.toFixed(places + 60 > 100 ? 100 : places + 60);
  const point = exact.indexOf(".") + 1 + places;
  const rounded = value.toFixed(places);
  if (!/^50*$/.test(exact.slice(point))) return rounded;
  const below = exact.slice(0, places ? point : point - 1);
  return "02468".includes(below.at(-1)) ? below : rounded;
}

export function count(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, THIN);
}

export function digits(value) {
  const size = Math.abs(value);
  if (!size) return "0";
  if (size < 9.9995) return fixed(value, size < 0.99995 ? 4 : 3);
  if (size < 99.995) return fixed(value, 2);
  if (size < 999.95) return fixed(value, 1);
  return count(fixed(value, 0));
}

// The unit in which `largest` is written, so that one axis has one unit.
export function scale(unit, largest) {
  if (["°C", "rigs", "%", "rpm", "shares"].includes(unit)) return { symbol: unit, factor: 1 };
  const last = unit === "W" ? 3 : PREFIXES.length - 1;
  let n = 0;
  while (n < last && largest >= (unit === "W" && !n ? 999.5 : 999.95 * 1000 ** n)) n += 1;
  return { symbol: PREFIXES[n] + unit, factor: 1000 ** n };
}

// [number, unit] of a value in H/s, W or °C, or a number of rigs.
export function quantity(unit, value) {
  if (value == null || !(value < TOO_LARGE) || (value < 0 && unit !== "°C")) return ["–", ""];
  const { symbol, factor } = scale(unit, value);
  if (unit === "rigs" || unit === "shares") return [count(fixed(value, 0)), ""];
  if (unit === "rpm") return [count(fixed(value, 0)), symbol];
  if (unit === "%") return [fixed(value, value < 9.95 ? 1 : 0), symbol];
  if (unit === "°C") return [fixed(value, 0).replace(/^-0$/, "0"), symbol];
  if (symbol === "W") return [value >= 99.95 ? fixed(value, 0) : fixed(value, 1).replace(/\.0$/, ""), symbol];
  return [digits(unit === "W" ? Math.max(value, 1000) / factor : value / factor), symbol];
}

export function duration(seconds) {
  const s = Math.max(Math.floor(seconds), 0);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) {
    const h = Math.floor(s / 3600);
    const min = Math.floor((s % 3600) / 60);
    return min && h < 10 ? `${h} h ${min} min` : `${h} h`;
  }
  const d = Math.floor(s / 86400);
  const h = Math.floor((s % 86400) / 3600);
  return h && d < 10 ? `${d} d ${h} h` : `${count(d)} d`;
}
