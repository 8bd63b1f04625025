"""The index of ASICs and an ASIC's page, without a browser: columns sort, hostile text is inert, chips are live."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.commander import channels
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.view.facts import own_page
from rigfarm.units import THIN
from rigfarm.wire.commands import Restart
from rigfarm.wire.frames import CommandResult
from rigfarm.wire.log import Device, Devices, Pool, Workload
from rigfarm.wire.specs import BoardDetail
from support.asic_load import an_asic_log, asic_boards, asic_specs

HOSTILE = "<img src=x onerror=alert(1)>"


def _rows(html: str) -> list[str]:
    return re.findall(r'<tr id="rig-(\d+)"', html)


async def test_the_index_has_the_asics_columns(site: Any) -> None:
    await site.asics("asic-01")
    html = await site.get("/asics")
    heads = re.findall(r'<th scope="col".*?<a href="[^"]*">([^<]+)</a>', html)
    assert heads == [column.label for column in view.COLUMNS["asic"]]
    for part in ("Antminer S19j Pro 104T", "LuxOS 2026.4.8", "3 / 3", "228 / 228 chips", "J/TH", "pool.example:3333"):
        assert part in html, part
    assert "asic.css" in html
    assert "asic.css" not in await site.get("/rigs")


async def test_every_column_sorts_both_ways_with_the_unknown_last(site: Any) -> None:
    low, high, away = await site.asics("a", "b", "c")
    quiet = replace(an_asic_log(low, 2_000_000), uptime_s=1.0, power_w=3_500.0, fans=[1_000.0], messages=["x"])
    rows = [replace(one, missing=not n, chips=9, core_c=50.0, chip_c=51.0) for n, one in enumerate(quiet.devices)]
    quiet.devices = Devices.from_rows(rows)
    quiet.workloads = [replace(quiet.workloads[0], hashrate=1e12, accepted=1, pool="a.example:1")]
    loud = replace(an_asic_log(high, 2_000_000), uptime_s=9e6, power_w=3_000.0, fans=[6_000.0], messages=["x", "y"])
    site.stats.receive(low, quiet)
    site.stats.receive(high, loud)
    site.book.said.specs(low, replace(asic_specs(low), make="Aaa", firmware="Aaa"))
    await site.book.said.store()
    site.stats.rigs[low].heard_ms -= 60_000
    site.stats.remove(away)
    site.stats.add(away, "asic")
    site.stats.rigs[away].condition = replace(site.stats.rigs[away].condition, state="offline")
    for sort in [*(column.sort for column in view.COLUMNS["asic"]), "efficiency", "firmware", "messages"]:
        up = _rows(await site.get(f"/asics?sort={sort}"))
        down = _rows(await site.get(f"/asics?sort=-{sort}"))
        assert set(up) == {str(low), str(high), str(away)}, sort
        known = [one for one in up if one != str(away)]
        assert known == [one for one in reversed(down) if one != str(away)], sort
        if sort not in ("name", "state", "model", "firmware"):
            assert (up[-1], down[-1]) == (str(away), str(away)), sort


async def test_filters_and_search_are_in_the_url(site: Any) -> None:
    first, _ = await site.asics("hall-1", "hall-2")
    assert _rows(await site.get("/asics?q=hall-1")) == [str(first)]
    assert len(_rows(await site.get("/asics?q=s19j"))) == 2
    assert _rows(await site.get("/asics?coin=KAS")) == []
    assert 'data-matches="2"' in await site.get("/asics?state=online&coin=BTC")


async def test_whatever_a_device_says_is_text(site: Any) -> None:
    log = replace(
        an_asic_log(1, 1_000_000),
        messages=[HOSTILE],
        pools=[Pool(HOSTILE, HOSTILE, True, True)],
        workloads=[
            Workload(software=HOSTILE, version=HOSTILE, coin=HOSTILE, hashrate=1.0, pool=HOSTILE, worker=HOSTILE)
        ],
        devices=Devices.from_rows([Device(kind="hashboard", index=0, id=HOSTILE, name=HOSTILE, core_c=60.0)]),
    )
    specs = replace(asic_specs(1), make=HOSTILE, model=HOSTILE, firmware=HOSTILE, serial=HOSTILE, mac=HOSTILE)
    (rig_id,) = await site.asics(HOSTILE, specs=specs, log=log)
    page, _ = site.live("/asics")
    detail, _ = site.live(f"/asics/{rig_id}")
    for html in (
        await site.get("/asics"),
        await site.get(f"/asics/{rig_id}"),
        await site.get(f"/asics/{rig_id}/devices"),
        await site.get(f"/asics/{rig_id}/remove"),
        "".join((await page.snapshot())[:1]),
        "".join((await detail.snapshot())[:1]),
    ):
        assert "<img" not in html
        assert "&lt;img src=x" in html


async def test_the_page_of_an_asic(site: Any) -> None:
    (rig_id,) = await site.asics("asic-01", log=replace(an_asic_log(1, 1_000_000), messages=["Fan 3 is slow"]))
    site.chips.receive(rig_id, asic_boards(rig_id, 1))
    html = await site.get(f"/asics/{rig_id}")
    for part in ("Boards alive", "228 / 228", "% of 104.0 TH/s", "Fan 3 is slow", "spare.example", f"to 3{THIN}500 W"):
        assert part in html, part
    assert html.count('class="heat-') > 100
    assert "style=" not in html, "the policy forbids it"
    for command in ("restart", "pause", "resume", "locate-on", "locate-off", "power-limit", "set-pools"):
        assert f"/commands/new?command={command}&amp;rigs={rig_id}&amp;back=/asics/{rig_id}" in html, command


async def test_chips_come_alive_without_the_rest_of_the_page(site: Any, changes: Any) -> None:
    (rig_id,) = await site.asics("asic-01")
    page, session = site.live(f"/asics/{rig_id}")
    assert 'class="heat-' not in "".join(await page.snapshot())
    changes(session)
    site.chips.receive(rig_id, [BoardDetail(0, chip_temperatures_c=[97.0])])
    heard = changes(session)
    assert [channel for channel, _ in heard] == [channels.operation_stats("asic", rig_id)]
    (frame,) = await page.render(heard)
    assert frame.startswith('<hx-partial hx-target="#rig-chips"')
    assert '<b class="bad" title="chip 0 · 97 °C">97</b>' in frame
    site.chips.receive(rig_id, [BoardDetail(0, chip_temperatures_c=[61.0])])
    site.stats.receive(rig_id, an_asic_log(rig_id, 2_000_000))
    both = "".join(await page.render(changes(session)))
    assert "#rig-chips" in both
    assert "#rig-live" in both


async def test_the_actions_follow_what_the_device_says_it_can(site: Any, changes: Any) -> None:
    (rig_id,) = await site.asics("asic-01", specs=asic_specs(1, supports=["locate"]))
    page, session = site.live(f"/asics/{rig_id}")
    html = "".join(await page.snapshot())
    assert "command=locate-on" in html
    assert "command=restart" not in html
    site.book.said.specs(rig_id, asic_specs(1, supports=["locate", "restart"]))
    await site.book.said.store()
    assert "command=restart" in "".join(await page.render(changes(session)))


async def test_how_a_command_ended_is_said_aloud_on_its_rigs_page(site: Any, changes: Any) -> None:
    (rig_id,) = await site.asics("asic-01")
    page, session = site.live(f"/asics/{rig_id}")
    await page.snapshot()
    await site.steering.commands.give(Restart(), [rig_id])
    assert "notice" not in "".join(await page.render(changes(session))), "it has only begun"
    (command,) = await site.steering.commands.waiting(rig_id, 0, connected=True)
    await site.steering.commands.result(rig_id, CommandResult(command.id, 0, "failed", f"It is silent. {HOSTILE}"))
    frames = await page.render(changes(session))
    assert any('"event":"notice"' in frame and "Restart: failed. It is silent." in frame for frame in frames)
    assert "<img" not in frames[0]


async def test_the_api_tells_an_asics_chips(site: Any) -> None:
    (rig_id,) = await site.asics("asic-01")
    assert "boards" not in (await site.client.get(f"/api/rigs/{rig_id}")).json()
    site.chips.receive(rig_id, [BoardDetail(1, [61.0, None], chips_dead=[1], outlet_c=66.0)])
    answer = (await site.client.get(f"/api/rigs/{rig_id}")).json()
    (board,) = answer["boards"]
    assert (board["index"], board["chip_temperatures_c"], board["chips_dead"]) == (1, [61.0, None], [1])
    assert board["outlet_c"] == 66.0
    assert "inlet_c" not in board
    assert (answer["specs"]["model"], answer["log"]["devices"][0]["chips"]) == ("S19j Pro", 76)


async def test_a_renamed_rig_is_found_by_its_new_name_and_no_longer_by_its_old_one(site: Any) -> None:
    (rig_id,) = await site.asics("before")
    assert "before" in await site.get("/asics?q=before")
    await site.book.rename(rig_id, "after")
    assert "after" in await site.get("/asics?q=after")
    assert f'href="/asics/{rig_id}"' not in await site.get("/asics?q=before")
    assert f'href="/asics/{rig_id}"' in await site.get("/asics?q=AFTER")


@pytest.mark.parametrize(
    ("lan_ip", "href"),
    [
        ("192.168.7.20", "http://192.168.7.20"),
        ("10.0.0.1", "http://10.0.0.1"),
        ("172.31.255.1", "http://172.31.255.1"),
        ("fd00::7", "http://[fd00::7]"),
        ("203.0.113.7", ""),
        ("8.8.8.8", ""),
        ("127.0.0.1", ""),
        ("169.254.169.254", ""),
        ("::1", ""),
        ("0.0.0.0", ""),
        ("10.0.0.1/evil", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_only_a_private_address_of_a_lan_is_linked(lan_ip: str | None, href: str) -> None:
    assert own_page(lan_ip) == href


async def test_an_asics_page_leads_to_its_own_page(site: Any) -> None:
    log = an_asic_log(1, 1_000_000)
    log.lan_ip = "192.168.7.20"
    (rig_id,) = await site.asics("asic-1", log=log)
    html = await site.get(f"/asics/{rig_id}")
    assert '<a href="http://192.168.7.20" target="_blank" rel="noreferrer noopener"' in html
