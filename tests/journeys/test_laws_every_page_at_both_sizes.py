"""Every page of a living farm, on a desk and on a phone, light and dark: nothing sideways, a finger hits what it aims
at, text can be read, controls have names."""

from __future__ import annotations

import pytest
from living_farm import LivingFarm
from playwright.sync_api import expect

from support.browser import Visit
from support.looks import CUT_OFF, NAMELESS, SMALL, UNREADABLE

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/rigs",
    "/rigs?q=nothing+like+that",
    "/rigs/{rig}",
    "/rigs/{idle}",
    "/rigs/{waiting}",
    "/asics",
    "/asics/{asic}",
    "/playbooks",
    "/playbooks/1",
    "/playbooks/1/edit",
    "/playbooks/1/apply",
    "/playbooks/1/history",
    "/software",
    "/software/1/edit",
    "/addresses",
    "/addresses/1/edit",
    "/commands/new?command=reboot&rigs={rig}",
    "/rigs/new",
    "/rigs/{rig}/remove",
    "/rigs/{rig}/labels",
    "/rigs/compare?rigs={rig},{idle}",
    "/rigs/sheet",
    "/places",
    "/places?colour=temp&q=coin:*",
    "/places/fill",
    "/scan",
    "/scan?code=rig-04",
    "/circuits",
    "/circuits/new",
    "/places/rules",
    "/places/rules/new",
    "/places/rules/1/edit",
    "/places/rules/1/remove",
    "/places/rules/plan",
    "/places/rules/plan?which=all",
    "/reports",
    "/reports?filter=rig",
    "/reports/settings",
    "/reports/coins",
    "/reports/coins/values/new",
    "/reports/coins/sources/new",
    "/reports/schedules",
    "/reports/schedules/new",
    "/alerts",
    "/activity",
    "/settings",
    "/settings/sessions",
    "/settings/enrolment",
    "/settings/webhooks",
    "/settings/webhooks/new",
    "/settings/history",
    "/api/docs",
    "/find",
    "/find?q=rig",
    "/help",
    "/help/settings",
    "/help?q=rig",
)


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page(visit: Visit, farm: LivingFarm, width: int) -> None:
    page = visit("/", width=width)
    page.emulate_media(reduced_motion="reduce")  # colours change at once
    ids = {"rig": "rig-04", "idle": "rig-05", "waiting": "rig-10", "asic": "asic-02"}
    wrong: list[str] = []
    for pattern in PAGES:
        path = pattern.format(**{key: farm.ids[name] for key, name in ids.items()})
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        found = page.evaluate(NAMELESS) + page.evaluate(CUT_OFF)
        if (sideways := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"scrolls sideways: {sideways}")
        if width == 390:
            found += page.evaluate(SMALL)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
            found += page.evaluate(UNREADABLE)
        wrong += [f"{path}: {one}" for one in found]
    assert not wrong, "\n".join(wrong)
