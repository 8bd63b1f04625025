// Copy and download buttons: [data-copy="#id"], [data-download="#id"][data-filename].
import { notify } from "./notices.js";

async function copy(element) {
  const text = element.textContent;
  if (navigator.clipboard && isSecureContext) {
    await navigator.clipboard.writeText(text);
    return true;
  }
  // A Commander on the LAN without TLS: browsers keep the clipboard from such pages, but copy what is selected.
  getSelection().selectAllChildren(element);
  return document.execCommand("copy");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  const done = await copy(source).catch(() => false);
  if (!done) {
    getSelection().selectAllChildren(source);
    notify("The browser blocked copying. The text is selected: press Ctrl+C.", "error");
    return;
  }
  const words = button.textContent;
  if (words === "Copied") return;
  button.textContent = "Copied";
  setTimeout(() => {
    button.textContent = words;
  }, 2000);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-download]");
  if (!button) return;
  const content = `${document.querySelector(button.dataset.download).textContent}\n`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "text/plain" }));
  link.download = button.dataset.filename;
  link.click();
  URL.revokeObjectURL(link.href);
});
