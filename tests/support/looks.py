"""What scripts ask of a page in a real browser: is everything large enough for a finger, readable, and named?"""

from __future__ import annotations

SMALL = """() => [...document.querySelectorAll('a, button, input, select, summary, textarea')].filter((one) => {
  const box = one.getBoundingClientRect();
  const shown = one.checkVisibility({visibilityProperty: true, opacityProperty: true});
  if (!shown || !box.width || one.closest('.skip, p:not(.crumb, .waiting), .hint, noscript')) return false;
  if (one.matches('input[type=radio], input[type=checkbox]')) return false;  // their label is the target
  const grown = getComputedStyle(one, '::after');
  if (grown.position === 'absolute' && grown.inset === '0px') return false;  // the whole card is the target
  return box.height < 43.5 || box.width < 30;
}).map((one) => `${one.outerHTML.slice(0, 90)} ${Math.round(one.getBoundingClientRect().height)}`)"""
"""What a finger would miss: lower than 44 px. Links in running text are excepted, as WCAG does."""

UNREADABLE = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const known = new Map();
  const rgb = (color) => {
    if (!known.has(color)) {
      canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
      known.set(color, [...canvas.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(color);
  };
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] / 255 + under[i] * (1 - top[3] / 255));
  const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const color = rgb(getComputedStyle(one).backgroundColor);
      layers.push(color);
      if (color[3] === 255) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const light = (color) => {
    const [r, g, b] = color.map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const bad = new Set();
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text || !element.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    if (element.closest('.faded, canvas, script, noscript')) continue;
    const style = getComputedStyle(element);
    const under = behind(element);
    const [a, b] = [light(over(rgb(style.color), under)), light(under)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < needed) bad.add(`${element.tagName}.${element.className} ${ratio.toFixed(2)} ${style.color}`);
  }
  return [...bad];
}"""
"""Text whose contrast is under WCAG's AA. What is greyed because it is old is excepted: being faint is what it says."""

NAMELESS = """() => {
  const named = (one) => one.getAttribute('aria-label') || one.getAttribute('title') || one.innerText?.trim() ||
    one.labels?.length || one.getAttribute('aria-labelledby') || one.type === 'hidden' ||
    (one.type === 'submit' && one.value);
  const bad = [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
    .filter((one) => one.checkVisibility() && !named(one)).map((one) => one.outerHTML.slice(0, 120));
  const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
  const twice = [...new Set(ids.filter((id, i) => ids.indexOf(id) !== i))].map((id) => `twice: #${id}`);
  const heads = document.querySelectorAll('h1').length;
  const cells = [...document.querySelectorAll('thead th:not([scope])')].map((one) => `no scope: ${one.outerHTML}`);
  const main = document.querySelectorAll('main').length === 1 ? [] : ['not one <main>'];
  return [...bad, ...twice, ...cells, ...main, ...(heads ? [] : ['no <h1>'])];
}"""
"""What somebody who cannot see the page would miss: controls without a name, ids that are there twice, no heading."""

CUT_OFF = """() => {
  const menus = [...document.querySelectorAll('main details.drop')];
  for (const menu of menus) { menu.removeAttribute('name'); menu.open = true; }
  const bad = menus.map((menu) => menu.querySelector('.drop-list')).filter((list) => {
    const box = list.getBoundingClientRect();
    return box.left < 0 || box.right > innerWidth;
  }).map((list) => `cut off: ${list.outerHTML.slice(0, 90)}`);
  for (const menu of menus) menu.open = false;
  return bad;
}"""
"""Menus that would reach beyond the screen when they are opened."""
