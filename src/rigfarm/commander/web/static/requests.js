// Requests that htmx makes: the token against other sites' forms, no empty search in the URL, and words for failures.
import { notify } from "./notices.js";

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  ctx.request.headers["X-CSRF-Token"] = meta("csrf");
  const { body, form } = ctx.request;
  if (form?.matches("[role=search]") && body.get("q")?.trim() === "") body.delete("q");
});

document.addEventListener("htmx:error", ({ detail }) => {
  if (detail.ctx) notify("The Commander could not be reached. Nothing was changed; try again.", "error");
});

// Something that is no page (a proxy's error, a program's answer) is told, never put into the page.
document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  const type = ctx.response.headers.get("Content-Type") ?? "";
  if (!ctx.text || type.startsWith("text/html")) return;
  event.preventDefault();
  let said = "";
  try {
    said = JSON.parse(ctx.text).detail;
  } catch {
    said = "";
  }
  notify(said || `That did not work (${ctx.response.status}).`, "error");
});
