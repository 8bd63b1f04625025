// The keyboard. Not while a field has the focus, not with Ctrl, Alt or Meta, not behind a dialog.
import { toggle } from "./expand.js";
import { toggleSelected } from "./select.js";

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
  if (row?.matches(".rig")) toggleSelected(row);
}

const visits = "visitor" in document.documentElement.dataset; // changes nothing: what would is not drawn

function edit() {
  if (visits) return;
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
    if (visits) return;
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
