// The finder: Ctrl+K opens it, arrows choose, Enter goes there. Enter that comes before the answer waits for it.
const field = () => document.querySelector(".finder input");
const options = () => [...document.querySelectorAll("#finds [role=option]")];
const chosen = () => document.querySelector("#finds [aria-selected=true]");
let goes = false;

function choose(option) {
  if (!option) return;
  for (const one of options()) one.setAttribute("aria-selected", String(one === option));
  option.scrollIntoView({ block: "nearest" });
  field().setAttribute("aria-activedescendant", option.id);
}

function go(input) {
  const answered = document.getElementById("finds")?.dataset.q === input.value;
  goes = !answered;
  if (answered) chosen()?.click();
}

function open() {
  const dialog = document.getElementById("finder");
  if (!dialog) return;
  document.getElementById("menu")?.hidePopover?.();
  dialog.showModal();
  field().value = "";
  field().dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    open();
    return;
  }
  const input = event.target.closest?.(".finder input");
  if (!input || event.isComposing) return;
  const all = options();
  const at = all.indexOf(chosen());
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 8, PageUp: at - 8 }[event.key];
  if (next !== undefined) {
    event.preventDefault();
    choose(all[Math.min(Math.max(next, 0), all.length - 1)]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    go(input);
  }
});

document.addEventListener("input", (event) => {
  if (event.target === field()) goes = false;
});

document.addEventListener("htmx:after:swap", () => {
  const input = field();
  if (!input) return;
  choose(chosen());
  if (goes) go(input);
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-find]") && document.getElementById("finder")) {
    event.preventDefault();
    open();
  }
  const option = event.target.closest?.("#finder #finds a"); // it may lead to a place on this very page
  if (option && !event.ctrlKey && !event.metaKey && !event.shiftKey) document.getElementById("finder").close();
});
