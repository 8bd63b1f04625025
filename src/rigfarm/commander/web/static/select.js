// Which rigs are chosen, by box or by key in an index, by brush on the map, and what can be done with them. The choice lives
// as long as the page: other pages of the same table add to it, a snapshot does not disturb it. The map hands it to an index.
// `rigfarm:selection` says what it is.
import { count } from "./numbers.js";

const chosen = new Map(); // rig id -> its name
let everything = null; // the filter, when all that match are meant, those on other pages too

const rows = () => [...document.querySelectorAll(".rig")];
const idOf = (row) => row.id.slice(4);
const table = () => document.querySelector("table.rigs[data-matches]");
const filter = () => {
  const params = new URLSearchParams(location.search);
  return Object.fromEntries(["q", "state", "coin"].map((name) => [name, params.get(name) ?? ""]));
};

const HANDED = "rigfarm-chosen"; // in the tab's storage: a page's path, and the rigs to choose there

export const isChosen = (id) => chosen.has(String(id));

// Rigs as [id, name]: all of them are, or none is.
export function choose(some, on) {
  everything = null;
  for (const [id, name] of some) {
    if (on) chosen.set(String(id), name);
    else chosen.delete(String(id));
  }
  draw();
}

export function chooseAt(path, some) {
  sessionStorage.setItem(HANDED, JSON.stringify({ path, some }));
  location.assign(path);
}

function handed() {
  const kept = JSON.parse(sessionStorage.getItem(HANDED));
  if (kept?.path !== location.pathname) return;
  sessionStorage.removeItem(HANDED);
  choose(kept.some, true);
}

export function toggleSelected(row) {
  set(row, !("rfSelected" in row.dataset));
  draw();
}

function set(row, on) {
  everything = null;
  if (on) chosen.set(idOf(row), row.querySelector(".c-name a").textContent);
  else chosen.delete(idOf(row));
}

function clear() {
  chosen.clear();
  everything = null;
  draw();
}

function hidden(name, value) {
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = name;
  field.value = value;
  return field;
}

function fields() {
  if (!everything) return [hidden("rigs", [...chosen.keys()].join(","))];
  return [hidden("those", "filter"), ...Object.entries(everything).map(([name, value]) => hidden(name, value))];
}

function words(matches) {
  if (everything) return `All ${count(matches)} that match are selected`;
  const names = [...chosen.values()];
  return `${names.length} selected: ${names.slice(0, 8).join(", ")}${names.length > 8 ? " …" : ""}`;
}

function bar() {
  const made = document.createElement("div");
  made.id = "selection";
  made.className = "selection";
  const said = document.createElement("span");
  said.className = "said";
  said.setAttribute("role", "status");
  made.append(said);
  const offered = document.getElementById("selection-offers");
  if (offered) made.append(offered.content.cloneNode(true));
  const stop = document.createElement("button");
  stop.type = "button";
  stop.className = "btn";
  stop.textContent = "Clear";
  stop.addEventListener("click", clear);
  made.append(stop);
  document.getElementById("main").after(made);
  htmx.process(made);
  return made;
}

function draw() {
  const matches = Number(table()?.dataset.matches ?? 0);
  for (const row of rows()) {
    const on = Boolean(everything) || chosen.has(idOf(row));
    if (on) row.dataset.rfSelected = "";
    else delete row.dataset.rfSelected;
    const box = row.querySelector(".pick input");
    if (box) box.checked = on;
  }
  const whole = document.querySelector("[data-pick-all]");
  if (whole) {
    const all = rows();
    const some = all.filter((row) => "rfSelected" in row.dataset).length;
    whole.checked = some > 0 && some === all.length;
    whole.indeterminate = some > 0 && some < all.length;
  }
  const any = everything || chosen.size;
  if (!any) document.getElementById("selection")?.remove();
  else {
    const here = document.getElementById("selection") ?? bar();
    here.querySelector(".said").textContent = words(matches);
    here.querySelector("[data-chosen]")?.replaceChildren(...fields());
    const more = here.querySelector("[data-select-all]");
    if (more) {
      more.hidden = Boolean(everything) || matches <= chosen.size;
      more.textContent = `Select all ${count(matches)} that match`;
    }
  }
  const ids = everything ? [] : [...chosen.keys()].map(Number);
  document.dispatchEvent(new CustomEvent("rigfarm:selection", { detail: { ids, filter: everything } }));
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-pick-all]")) {
    for (const row of rows()) set(row, target.checked);
    draw();
  } else if (target.matches(".pick input")) {
    set(target.closest(".rig"), target.checked);
    draw();
  }
});

document.addEventListener("click", ({ target }) => {
  if (!target.closest?.("[data-select-all]")) return;
  everything = filter();
  draw();
});

// Rows came, went or changed: what is chosen is drawn on the new ones. Another filter is another question.
document.addEventListener("htmx:finally:swap", () => {
  if (!chosen.size && !everything) return;
  const now = filter();
  if (everything && Object.keys(now).some((name) => now[name] !== everything[name])) everything = null;
  draw();
});

// Done with them, or some of them are gone: the server says so by leading on.
document.addEventListener("rigfarm:done", clear);

handed();
