"""The map in a real browser: what is under the pointer is named, a tile leads to its rig, and a change is seen."""

from __future__ import annotations

import re

import pytest
from living_farm import LivingFarm
from playwright.sync_api import expect

from support.browser import Visit, until_true

pytestmark = pytest.mark.browser

PIXEL = """([area, n]) => {
  const canvas = document.querySelectorAll('#map canvas')[area], ratio = devicePixelRatio;
  const across = Math.floor((canvas.clientWidth + 3) / 19);
  const [x, y] = [(n % across) * 19 + 8, Math.floor(n / across) * 19 + 8].map((one) => one * ratio);
  const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  pen.drawImage(canvas, -x, -y);
  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3).join();
}"""
CHANGED = "(tile) => document.dispatchEvent(new CustomEvent('rigfarm:tiles', {detail: {tiles: [tile]}}))"


def test_a_tile_says_whose_it_is_and_leads_there(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/places")
    page.locator("#map canvas").first.wait_for()
    tiles = page.evaluate("JSON.parse(document.getElementById('map-data').textContent)[0]")
    names = [tile[2] for tile in tiles]
    assert "rig-04" in names
    assert "asic-02" in names
    canvas = page.locator("#map canvas").first
    canvas.hover(position={"x": 8, "y": 8})
    expect(page.locator("#tile-said")).to_contain_text(names[0])
    canvas.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tile-said")).to_contain_text(names[1])
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/(rigs|asics)/{tiles[1][0]}$"))


def test_colours_tell_states_apart_and_follow_the_theme(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/places")
    page.locator("#map canvas").first.wait_for()
    tiles = page.evaluate("JSON.parse(document.getElementById('map-data').textContent)[0]")
    levels = {tile[2]: tile[3] for tile in tiles}
    at = {tile[2]: n for n, tile in enumerate(tiles)}
    assert levels["rig-08"] == 3, "it is offline"
    seen = {levels[name]: page.evaluate(PIXEL, [0, at[name]]) for name in at}
    assert len(set(seen.values())) == len(seen)
    page.evaluate(CHANGED, [farm.ids["rig-08"], 0, "rig-08", 0, "well again"])
    well = next(name for name, level in levels.items() if level == 0)
    until_true(page, f"({PIXEL})([0, {at['rig-08']}]) === ({PIXEL})([0, {at[well]}])")


def test_a_brush_selects_rigs_to_work_on_in_their_index(visit: Visit, farm: LivingFarm) -> None:
    page = visit("/places")
    canvas = page.locator("#map canvas").first
    canvas.wait_for()
    tiles = page.evaluate("JSON.parse(document.getElementById('map-data').textContent)[0]")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 2 * 19 + 4, box["y"] + 8, steps=3)
    expect(page.locator(".brush")).to_be_visible()
    page.mouse.up()
    expect(page.locator(".brush")).to_have_count(0)
    said = page.locator("#selection .said")
    expect(said).to_contain_text("3 selected: " + ", ".join(tile[2] for tile in tiles[:3]))
    canvas.click(position={"x": 8, "y": 8}, modifiers=["Shift"])
    expect(said).to_contain_text(f"2 selected: {tiles[1][2]}")
    canvas.focus()
    page.keyboard.press("x")
    expect(said).to_contain_text("3 selected")
    path = "asics" if tiles[0][1] else "rigs"
    some = [tile[0] for tile in tiles[:3] if tile[1] == tiles[0][1]]
    page.locator(f"#selection [data-path='/{path}']").click()
    page.wait_for_url(re.compile(f"/{path}$"))
    expect(said).to_contain_text(f"{len(some)} selected")
    for rig in some:
        expect(page.locator(f"#rig-{rig} .pick input")).to_be_checked()
    page.reload()
    expect(page.locator(f"#rig-{some[0]}")).to_be_visible()
    expect(page.locator("#selection")).to_have_count(0)
