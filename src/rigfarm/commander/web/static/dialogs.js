// The page's one dialog: links and forms put their answer into #dialog, and it opens. It closes on success, Esc or
// Cancel, and on nothing else; an answer with errors changes the form in place and leaves what was typed.
const dialog = () => document.getElementById("dialog");

// What was in it goes with it: a secret is shown once. At once, too: the event of closing comes later.
function close() {
  dialog().close();
  dialog().replaceChildren();
}

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const box = dialog();
  if (ctx.target === box && ctx.swap !== "none" && box.childElementCount && !box.open) box.showModal();
});

// A form that worked: nothing more to say (204), or the server leads elsewhere.
document.addEventListener("htmx:before:response", (event) => {
  const { ctx } = event.detail;
  const { raw } = ctx.response;
  if (raw.redirected) {
    event.preventDefault();
    const there = new URL(raw.url);
    const here = there.pathname === location.pathname;
    if (here && document.getElementById("live")?.dataset.live === "on") close();
    else location.assign(there);
  } else if (raw.status === 204 && ctx.sourceElement.closest?.("#dialog")) {
    close();
  }
});

document.addEventListener("close-dialog", close);

document.addEventListener("click", (event) => {
  const closer = event.target.closest?.("dialog [data-close]");
  if (!closer) return;
  event.preventDefault();
  closer.closest("dialog").close();
});

dialog()?.addEventListener("close", () => dialog().replaceChildren());

// A menu closes when something else is chosen.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.drop[open]")) {
    const inside = menu.contains(event.target);
    if (!inside || event.target.closest(".drop-list a, .drop-list button")) menu.open = false;
  }
});
