// Short words in the corner, read aloud too. Errors stay until they are closed.
const MOST = 4;
const STAYS_MS = 7000;
const box = () => document.getElementById("notices");

export function notify(text, kind = "") {
  const notice = document.createElement("div");
  notice.className = `notice ${kind}`;
  if (kind === "error") notice.setAttribute("role", "alert");
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", "Close this notice");
  close.addEventListener("click", () => notice.remove());
  notice.append(words, close);
  box()?.append(notice);
  while (box() && box().childElementCount > MOST) box().firstElementChild.remove();
  if (kind !== "error") setTimeout(() => notice.remove(), STAYS_MS);
}

// Said on the next page: this one is being left.
export function notifyThere(text) {
  try {
    sessionStorage.setItem("notice", text);
  } catch {
    // storage is forbidden: the page that comes speaks for itself
  }
}

document.addEventListener("notice", ({ detail }) => notify(detail.text ?? detail.value ?? "", detail.kind));
try {
  const text = sessionStorage.getItem("notice");
  sessionStorage.removeItem("notice");
  if (text) notify(text);
} catch {
  // as above
}
