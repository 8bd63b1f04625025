// The keyboard. Not while somebody types, not with Ctrl, Alt or Meta, not behind a dialog.
import { toggle } from "./expand.js";

const rows = () => [...document.querySelectorAll(".rig, .attention li")];
const linkOf = (row) => row.querySelector(".c-name a, a");
const at = () => document.activeElement?.closest?.(".rig, .attention li") ?? null;
const click = (selector) => {
  const element = document.querySelector(selector);
  if (element && !element.hidden) element.click();
  return Boolean(element);
};
let afterG = 0;

function step(by) {
  const all = rows();
  if (!all.length) return;
  const here = all.indexOf(at());
  const next = all[Math.min(Math.max(here < 0 ? (by > 0 ? 0 : all.length - 1) : here + by, 0), all.length - 1)];
  linkOf(next).focus();
  next.scrollIntoView({ block: "nearest" });
}

function select() {
  const row = at();
  if (!row?.matches(".rig")) return;
  if ("rfSelected" in row.dataset) delete row.dataset.rfSelected;
  else row.dataset.rfSelected = "";
  drawSelection();
}

function drawSelection() {
  const chosen = [...document.querySelectorAll(".rig[data-rf-selected]")];
  let bar = document.getElementById("selection");
  if (!chosen.length) {
    bar?.remove();
  } else {
    if (!bar) {
      bar = document.createElement("div");
      bar.id = "selection";
      bar.className = "selection";
      bar.setAttribute("role", "status");
      const words = document.createElement("span");
      const clear = document.createElement("button");
      clear.type = "button";
      clear.className = "btn";
      clear.textContent = "Clear";
      clear.addEventListener("click", () => {
        for (const row of document.querySelectorAll(".rig[data-rf-selected]")) delete row.dataset.rfSelected;
        drawSelection();
      });
      bar.append(words, clear);
      document.getElementById("main").append(bar);
    }
    const names = chosen.map((row) => linkOf(row).textContent);
    bar.firstElementChild.textContent = `${chosen.length} selected: ${names.slice(0, 8).join(", ")}${names.length > 8 ? " …" : ""}`;
  }
  const ids = chosen.map((row) => Number(row.id.slice(4)));
  document.dispatchEvent(new CustomEvent("rigfarm:selection", { detail: { ids } }));
}

function edit() {
  if (click("[data-edit]")) return;
  const row = at();
  if (!row?.matches(".rig")) return;
  const path = new URL(linkOf(row).href).pathname;
  htmx.ajax("GET", `${path}/name/edit`, { target: "#dialog", swap: "innerHTML" });
}

const actions = {
  "/": () => {
    const field = document.querySelector("[data-search]");
    field?.focus();
    field?.select();
  },
  j: () => step(1),
  k: () => step(-1),
  o: () => {
    const row = at();
    if (row?.matches(".rig")) toggle(row);
  },
  x: select,
  e: edit,
  n: () => {
    const { newHref } = document.body.dataset;
    if (!click("[data-new]") && newHref) htmx.ajax("GET", newHref, { target: "#dialog", swap: "innerHTML" });
  },
  u: () => click("#moved"),
  "?": () => document.getElementById("keys")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const typing = event.target.closest?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
  if (event.key === "Escape") {
    const leaves = event.target.closest?.("[data-escape]");
    if (leaves) htmx.ajax("GET", leaves.dataset.escape, { target: `#${leaves.id}`, swap: "outerHTML" });
    else if (typing?.matches("[data-search]")) typing.blur();
    for (const menu of document.querySelectorAll("details.drop[open]")) menu.open = false;
    return;
  }
  if (typing || document.querySelector("dialog[open]")) return;
  if (afterG && Date.now() - afterG < 1500) {
    afterG = 0;
    if (click(`[data-go="${CSS.escape(event.key)}"]`)) {
      event.preventDefault();
      return;
    }
  }
  if (event.key === "g") {
    afterG = Date.now();
    return;
  }
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-keys]")) return;
  document.getElementById("menu")?.hidePopover?.();
  document.getElementById("keys")?.showModal();
});
