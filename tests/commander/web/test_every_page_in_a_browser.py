"""Every page, on a desk and on a phone, light and dark: no complaint in the console under the strict policy, nothing
sideways, a finger hits what it aims at, and text can be read."""

from __future__ import annotations

import pytest
from gallery_helpers import DESK, PHONE, Look

from rigfarm.commander.web.gallery.pages import Gallery

pytestmark = pytest.mark.browser
NAMES = Gallery().names()
SMALL = """() => [...document.querySelectorAll('a, button, input, select, summary')].filter((one) => {
  const box = one.getBoundingClientRect();
  const shown = one.checkVisibility({visibilityProperty: true, opacityProperty: true});
  if (!shown || !box.width || one.closest('.skip, p:not(.crumb, .waiting), .hint, noscript')) return false;
  if (one.matches('input[type=radio], input[type=checkbox]')) return false;  // their label is the target
  const grown = getComputedStyle(one, '::after');
  if (grown.position === 'absolute' && grown.inset === '0px') return false;  // the whole card is the target
  return box.height < 43.5 || box.width < 30;
}).map((one) => `${one.outerHTML.slice(0, 90)} ${Math.round(one.getBoundingClientRect().height)}`)"""
UNREADABLE = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
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


@pytest.mark.parametrize("name", NAMES)
def test_on_a_phone(look: Look, name: str) -> None:
    page = look(name, PHONE, "light")
    page.wait_for_load_state("load")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert page.evaluate(SMALL) == []
    assert page.evaluate(UNREADABLE) == []


@pytest.mark.parametrize("name", NAMES)
def test_on_a_desk_in_the_dark(look: Look, name: str) -> None:
    page = look(name, DESK, "dark")
    page.wait_for_load_state("load")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    assert page.evaluate("document.documentElement.scrollWidth") <= DESK[0]
    assert page.evaluate(UNREADABLE) == []


@pytest.mark.parametrize("name", ["rigs-12", "asics", "overview", "rig-hot", "rig-waiting"])
@pytest.mark.parametrize("width", [761, 1000, 1180])
def test_between_phone_and_desk(look: Look, name: str, width: int) -> None:
    page = look(name, (width, 800), "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["rigs-12", "rig-hot", "overview", "created", "rigs-0"])
def test_without_scripts_a_page_reads(look: Look, name: str) -> None:
    page = look(name, DESK, "light", scripts=False)
    assert page.locator("main").inner_text().strip()
    assert page.locator("[data-copy]:visible, #live:visible, #stale:visible").count() == 0
    if name == "rigs-12":
        assert page.locator("tr.rig").count() == 12
        assert page.locator("tr.rig").first.locator(".state").inner_text() == "offline"


def test_a_script_that_somebody_smuggled_in_does_not_run(look: Look) -> None:
    """The control of the policy: what our own pages never do is really forbidden."""
    page = look("rigs-3", complaints=["Content Security Policy", "status of 404"])
    page.evaluate(
        """() => { const evil = document.createElement('div');
        evil.innerHTML = '<img src="x" onerror="window.evil = 1">'; document.body.append(evil);
        const script = document.createElement('script'); script.textContent = 'window.evil = 2';
        document.body.append(script); }"""
    )
    page.wait_for_timeout(100)
    assert page.evaluate("window.evil") is None
