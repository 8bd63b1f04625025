// A value that changed glows once, faintly; not what changes all the time, as times do and the power of many rigs. The animation is the browser's own: it survives the next change in place.
import { settling } from "./live.js";

const GLOWS = "td:not(.c-seen, .c-uptime, .c-strip, .c-day, .circuits .n, .circuits .draw-cell, #circuit .n), .dev, .total-value .q, .farm-alive b, .farm-alive .q, .count";
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const FRAMES = [{ backgroundColor: "var(--glow)" }, { backgroundColor: "transparent" }];

htmx.registerExtension("rigfarm-glow", {
  htmx_before_morph_node(_, { oldNode, newNode }) {
    if (settling || calm.matches || document.hidden || !oldNode.matches?.(GLOWS)) return;
    if (oldNode.textContent === newNode.textContent) return;
    const frames = oldNode.classList.contains("dev") ? [FRAMES[0], {}] : FRAMES;
    oldNode.animate(frames, { duration: 1200, easing: "ease-out" });
  },
});
