// The tab: how many rigs need attention, in its title and on its icon; on pages of alerts, how many alerts fire.
const ICON = document.querySelector('link[rel="icon"]');
const PLAIN = ICON?.href;
let sick = Number(document.querySelector('meta[name="sick"]')?.content ?? 0);

function badge(number) {
  const text = number > 99 ? "99+" : String(number);
  const size = text.length > 2 ? 11 : text.length > 1 ? 15 : 18;
  return (
    "data:image/svg+xml," +
    encodeURIComponent(
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#b3261e"/>' +
        `<text x="16" y="${16 + size * 0.36}" font-family="sans-serif" font-weight="700" font-size="${size}" ` +
        `text-anchor="middle" fill="#fff">${text}</text></svg>`,
    )
  );
}

function number() {
  if (!/^\/alerts(\/|$)/.test(location.pathname)) return sick;
  return document.getElementById("main")?.dataset.page ? Number(document.getElementById("bell")?.dataset.count ?? 0) : 0;
}

function draw() {
  const count = number();
  const words = document.title.replace(/^\(\d+\) /, "");
  const title = count ? `(${count}) ${words}` : words;
  if (document.title !== title) document.title = title;
  if (ICON) ICON.href = count ? badge(count) : PLAIN;
}

// `counts`: by key of the top bar, or their sum.
export function setSick(counts) {
  if (typeof counts === "number") {
    sick = counts;
  } else {
    for (const [key, count] of Object.entries(counts)) {
      const mark = document.querySelector(`[data-nav="${CSS.escape(key)}"] .badge-sick`);
      if (!mark) continue;
      mark.textContent = count;
      mark.hidden = !count;
    }
    sick = Object.values(counts).reduce((sum, count) => sum + count, 0);
  }
  const total = document.querySelector("[data-sick-total]");
  if (total) {
    total.textContent = sick;
    total.hidden = !sick;
  }
  draw();
}

export function setName(name) {
  document.title = `${name} · Rigfarm`;
  draw();
}

document.addEventListener("htmx:finally:swap", draw); // a new view brought its own title
const bar = document.querySelector("header.bar");
if (bar) new MutationObserver(draw).observe(bar, { subtree: true, attributeFilter: ["data-count"] });
draw();
