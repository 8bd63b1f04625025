// The finder: Ctrl+K opens it, arrows choose, Enter goes there. Enter that comes before the answer waits for it.
const finder = () => document.querySelector(".finder");
const options = () => [...document.querySelectorAll("#finds [role=option]")];
const chosen = () => document.querySelector("#finds [aria-selected=true]");
let goes = false;

function choose(option) {
  if (!option) return;
  for (const one of options()) one.setAttribute("aria-selected", String(one === option));
  option.scrollIntoView({ block: "nearest" });
  finder().querySelector("input").setAttribute("aria-activedescendant", option.id);
}

function go(input) {
  const answered = document.getElementById("finds")?.dataset.q === input.value;
  goes = !answered;
  if (answered) chosen()?.click();
}

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    if (document.querySelector("dialog[open]") || !document.querySelector("[data-find]")) return;
    event.preventDefault();
    document.querySelector("[data-find]").click();
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
  if (event.target.closest?.(".finder")) goes = false;
});

document.addEventListener("htmx:after:swap", () => {
  const input = finder()?.querySelector("input");
  if (!input) return;
  choose(chosen());
  if (goes) go(input);
});

document.addEventListener("click", (event) => {
  const option = event.target.closest?.("#dialog #finds a");
  if (option && !event.ctrlKey && !event.metaKey && !event.shiftKey) document.getElementById("dialog").close();
});
