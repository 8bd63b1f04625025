// Completion in the search box: the fields that the help beside it lists, and the values that it knows of a field.
let list = null;
let at = -1;

const fields = () => [...document.querySelectorAll(".search-help dt[data-field]")];

function word(input) {
  const before = input.value.slice(0, input.selectionStart);
  const start = Math.max(before.lastIndexOf(" "), before.lastIndexOf("\t")) + 1;
  const text = before.slice(start);
  const bare = text.startsWith("-") ? text.slice(1) : text;
  return { start: start + text.length - bare.length, text: bare };
}

// [what is written, what is said of it], at most eight.
function offers({ text }) {
  const [, name, value] = /^([a-z]+):(?:.*,)?([^"]*)$/i.exec(text) ?? [];
  if (name) {
    const known = fields().find((one) => one.dataset.field === name.toLowerCase())?.dataset.values;
    const values = known ? JSON.parse(known) : [];
    const typed = value.toLowerCase();
    const place = (one) => one.toLowerCase().indexOf(typed);
    const fitting = values.filter((one) => place(one) >= 0 && one.toLowerCase() !== typed);
    fitting.sort((one, other) => (place(one) > 0) - (place(other) > 0)); // first, what begins with it
    const kept = text.slice(0, text.length - value.length);
    return fitting.slice(0, 8).map((one) => [kept + (one.includes(" ") ? `"${one}"` : one), ""]);
  }
  if (!text || /[^a-z]/i.test(text)) return [];
  const fitting = fields().filter((one) => one.dataset.field.startsWith(text.toLowerCase()));
  return fitting.slice(0, 8).map((one) => [one.dataset.field + one.dataset.sign, one.nextElementSibling.textContent]);
}

function close() {
  list?.remove();
  list = null;
  at = -1;
}

function show(input) {
  close();
  const found = document.activeElement === input ? offers(word(input)) : [];
  if (!found.length) return;
  list = document.createElement("ul");
  list.className = "drop-list completion";
  list.id = "completion";
  list.setAttribute("role", "listbox");
  for (const [text, about] of found) {
    const item = document.createElement("li");
    item.setAttribute("role", "option");
    item.dataset.text = text;
    const code = document.createElement("code");
    code.textContent = text;
    item.append(code, ` ${about}`);
    item.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the box keeps the focus
      take(input, text);
    });
    list.append(item);
  }
  input.after(list);
  input.setAttribute("aria-controls", list.id);
}

function take(input, text) {
  const { start } = word(input);
  const whole = /[:<>]$/.test(text) ? text : `${text} `;
  input.setRangeText(whole, start, input.selectionStart, "end");
  close();
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

function move(step) {
  const items = [...list.children];
  items[at]?.removeAttribute("aria-selected");
  at = (at + step + items.length) % items.length;
  items[at].setAttribute("aria-selected", "true");
}

document.addEventListener("input", ({ target }) => {
  if (target.matches?.("[data-search]") && fields().length) show(target);
});
document.addEventListener(
  "keydown",
  (event) => {
    if (!list || !event.target.matches?.("[data-search]")) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") move(event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1);
    else if (event.key === "Escape") close();
    else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) take(event.target, list.children[at].dataset.text);
    else return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);
document.addEventListener("focusout", close);
// The answer to what was typed replaces the list's surroundings: the list stays, with what is chosen in it.
document.addEventListener("htmx:finally:swap", () => {
  if (!list || list.isConnected) return;
  if (document.activeElement.matches("[data-search]")) document.activeElement.after(list);
  else close();
});
// A key that came just before the answer: htmx forgets what waits when the answer takes its form's place.
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  const box = document.activeElement;
  if (ctx.status !== "swapped" || !ctx.request.form?.matches("[role=search]")) return;
  if (!box.matches("[role=search] [name=q]")) return;
  const asked = new URL(ctx.request.action, location.href).searchParams.get("q") ?? "";
  if (box.value.trim() !== asked.trim()) box.dispatchEvent(new Event("input", { bubbles: true }));
});
