"""The table of ASICs on the Sentry's page: what it shows, in which order, and that it is live."""

from __future__ import annotations

import re
import unicodedata

from page_of_asics import looking

from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.identity.settings import Settings
from rigfarm.simulate.asic import Fault
from rigfarm.wire.frames import Verdict, Verdicts
from rigfarm.wire.tokens import new_token
from support.asic_trial import farm_of
from support.toy_commander import ToyCommander
from support.until import until


async def test_what_is_read_is_shown(settings: Settings) -> None:
    async with farm_of("luxos", "whatsminer") as farm, looking(settings) as looker:
        first, second = farm.devices
        await looker.service.add(Entry(first, "rack 1"), Entry(second))
        for id in (1, 2):
            await looker.state(id, "reading")
        text = await looker.text()
        assert "rack 1" in text
        assert "Antminer S19KPro" in text
        assert first in text
        values = await looker.values()
        assert values["asic.1.state"] == ["● reading", "ok"]
        assert values["asic.1.rate"] == ["59.76", ""]
        assert values["asic.1.rate-unit"] == ["TH/s", ""]
        assert values["asic.1.boards"] == ["3 / 3", ""]
        assert values["asic.1.token"] == ["none", ""]
        assert values["count.all"] == ["2", ""]
        assert "ASICs" in (await looker.text("/"))
        assert "2 of 2 reading" in (await looker.text("/"))


async def test_what_is_wrong_is_said(settings: Settings) -> None:
    async with farm_of("luxos", "whatsminer") as farm, looking(settings) as looker:
        broken, gone = farm.devices
        await looker.service.add(Entry(broken), Entry(gone))
        for id in (1, 2):
            await looker.state(id, "reading")
        farm[broken].dead_boards.add(0)
        farm.unplug(gone)
        await looker.state(2, "unreachable")
        await until(lambda: looker.service.device(1).boards == (2, 3))
        values = await looker.values()
        assert values["asic.2.state"] == ["✕ unreachable", "bad"]
        assert values["asic.2.detail"][0]
        assert values["asic.1.boards"] == ["2 / 3", "bad"]
        keys = [key for key, _, _ in await looker.rows("asics")]
        assert keys == ["2", "1"], "sick first"
        assert "1 of 2 reading" in (await looker.text("/"))


async def test_rows_that_are_shown_do_not_move(settings: Settings) -> None:
    async with looking(settings) as looker:
        await looker.service.add(*[Entry(f"127.9.9.{n}") for n in (1, 2, 3)])
        for id in (1, 2, 3):
            await looker.state(id, "unreachable")
        assert [key for key, _, _ in await looker.rows("asics", rows_asics="3,1,2")] == ["3", "1", "2"]
        assert await looker.rows("moved", rows_asics="3,1,2"), "but it is said that the order is another"
        assert not await looker.rows("moved", rows_asics="1,2,3")
        assert [key for key, _, _ in await looker.rows("asics", rows_asics="3,1")] == ["3", "1", "2"], "new ones below"
        await looker.service.remove(1)
        assert [key for key, _, _ in await looker.rows("asics", rows_asics="3,1,2")] == ["3", "2"]
        assert [key for key, _, _ in await looker.rows("asics", rows_asics="x,-1,99999999999999999999,²")] == ["2", "3"]


async def test_a_list_that_was_seen_is_not_sent_again(settings: Settings) -> None:
    async with looking(settings) as looker:
        await looker.service.add(Entry("127.9.9.1"))
        await looker.state(1, "unreachable")
        lists = (await looker.live())["lists"]
        assert isinstance(lists, dict)
        seen = {f"seen-{name}": mark for name, (mark, _) in lists.items()}
        again = (await looker.client.get("/asics", params={"values": "1", **seen})).json()
        assert again["lists"] == {}
        assert again["values"]["asic.1.state"][0] == "✕ unreachable"


async def test_filter_search_and_pages(settings: Settings) -> None:
    async with looking(settings) as looker:
        await looker.service.add(*[Entry(f"127.9.{n // 200}.{n % 200 + 1}", f"rig-{n:03}") for n in range(120)])
        for id in (1, 120):
            await looker.state(id, "unreachable")
        await until(lambda: all(view.state == "unreachable" for view in looker.service.devices()))
        assert len(await looker.rows("asics")) == 50
        assert len((await looker.client.get("/asics?page=3&values=1")).json()["lists"]["asics"][1]) == 20
        assert "3 of 3" in await looker.text("/asics?page=99")
        found = (await looker.client.get("/asics", params={"q": "RIG-11", "values": "1"})).json()["lists"]
        assert len(found["asics"][1]) == 10
        assert not (await looker.client.get("/asics?state=reading&values=1")).json()["lists"]["asics"][1]
        nothing = await looker.text("/asics?q=%3Cb%3Eoops")
        assert "No devices match “&lt;b&gt;oops”" in nothing
        assert 'data-live-path="/asics?q=RIG&amp;page=2"' in await looker.text("/asics?q=RIG&page=2")


async def test_hostile_answers_are_inert(settings: Settings) -> None:
    makes = ["luxos", "whatsminer", "braiins", "bitaxe", "epic", "antminer-stock", "iceriver"]
    async with farm_of(*makes) as farm, looking(settings) as looker:
        for device in farm.devices.values():
            device.fault = Fault.HOSTILE
        await looker.service.add(*[Entry(ip) for ip in farm.devices])
        await until(lambda: sum(view.state != "new" for view in looker.service.devices()) == len(makes))
        await until(lambda: any("alert(1)" in str(view) for view in looker.service.devices()), "it says so, as text")
        await looker.scanned(",".join(farm.devices))
        pages = [await looker.text(path) for path in ("/asics", "/", *[f"/asics/{n + 1}" for n in range(len(makes))])]
        live = await looker.live()
        sent = [row[2] for _, rows in live["lists"].values() for row in rows]  # type: ignore[attr-defined]
        for html in [*pages, *sent]:
            assert not re.search(r"<(script(?! src=\"/sentry\.js\")|img)", html)
            assert not [c for c in html if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]
        values = live["values"]
        assert isinstance(values, dict)
        told = "".join(text for text, _ in values.values())
        assert not [c for c in told if unicodedata.category(c).startswith("C")], "the script puts it in as text"
        assert "alert(1)" in "".join(pages)


async def test_a_removed_rig_stays_with_an_invalid_token(settings: Settings, commander: ToyCommander) -> None:
    """Feature 8, as the operator of the Sentry sees it."""
    tokens = [new_token(), new_token()]
    commander.good(*tokens)
    commander.interval_s = 0.2
    async with farm_of("luxos", "bitaxe") as farm, looking(settings, commander) as looker:
        gone, stays = farm.devices
        await looker.service.add(Entry(gone, token=tokens[0]), Entry(stays, token=tokens[1]))
        await until(lambda: len({log.lan_ip for log in commander.logs}) == 2)
        removed = Verdict("removed", 1, "rack 1, left")
        commander.verdicts[tokens[0]] = removed
        await commander.tell(Verdicts([(0, removed)]))
        await looker.state(1, "token-invalid")
        values = await looker.values()
        assert values["asic.1.state"] == ["▲ token invalid", "warn"]
        assert "removed in the Commander" in values["asic.1.detail"][0]
        assert values["asic.1.token"] == ["invalid", "warn"]
        assert values["asic.2.token"] == ["set", ""]
        assert tokens[0] not in await looker.text()
        asked = farm[gone].traffic.total
        logs = len(commander.logs)
        await until(lambda: len(commander.logs) > logs + 5, "the other goes on")
        assert farm[gone].traffic.total <= asked + 8, "it is left alone, but for a reading that was under way"


async def test_the_log_tells_what_happens(settings: Settings) -> None:
    async with farm_of("luxos") as farm, looking(settings) as looker:
        await looker.service.add(Entry(next(iter(farm.devices)), "rack 1"))
        await looker.state(1, "reading")
        lines = [html for _, _, html in await looker.rows("log")]
        assert "rack 1: reading Antminer S19KPro" in lines[0], "the newest first"
        assert any("rack 1: added to the list" in line for line in lines)


async def test_too_few_files_is_said(settings: Settings) -> None:
    async with looking(settings) as looker:
        assert not await looker.rows("problems")
        looker.service.files_problem = "9 devices need <b>900</b> open files"
        ((_, _, html),) = await looker.rows("problems")
        assert "9 devices need &lt;b&gt;900" in html
