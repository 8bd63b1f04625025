"""The farm as it was: the same rows that viewers saw then, from logs and from minutes, and nothing made up."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from msgspec import structs

from rigfarm.commander.events import ConditionChanged, Events
from rigfarm.commander.history import FarmThen, HistoryUnavailable
from rigfarm.commander.history.happened import rows
from rigfarm.commander.history.happened.facts import (
    Happened,
    LabelsWere,
    NameWas,
    NormalWas,
    RestWas,
    SpecsWas,
    StateWas,
)
from rigfarm.commander.history.model import row_id
from rigfarm.commander.history.reading.then import farm_then
from rigfarm.commander.history.rollups.minutes import Pace
from rigfarm.commander.history.store import Store
from rigfarm.commander.history.writing.derived import make_derived
from rigfarm.commander.history.writing.merge import Merge
from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Absent, NotUnderstood
from rigfarm.commander.rigs import view
from rigfarm.commander.rigs.listing.fields import FIELDS
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.rigs.listing.sorting import SORT_KEYS, SORTED_BY_LOGS
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.past import machine
from rigfarm.commander.rigs.past.farm import past_farm
from rigfarm.commander.stats import OperationalStats
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload
from rigfarm.wire.specs import GpuSpecs, Specs

START = 1_795_996_800_000 // 86_400_000 * 86_400_000
INTERVAL_S = 5.0
PACE = Pace(INTERVAL_S)
SPECS = Specs(sentry_version="1", gpus=[GpuSpecs(id="0000:01:00.0", name="RTX 3070")])


def a_log(t: int, *, core: float = 60.0, rate: float = 1e6) -> OperationalLog:
    return OperationalLog(
        t=t,
        uptime_s=3600.0,
        power_w=150.0,
        lan_ip="10.0.0.7",
        workloads=[
            Workload(
                software="t-rex", coin="KAS", algorithm="kaspa", hashrate=rate, accepted=500, rejected=2,
                pool="pool.example:1", worker="rig-7", state="mining", uptime_s=600.0,
            )
        ],
        devices=Devices.from_rows(
            [Device("gpu", 0, "0000:01:00.0", hashrates=[rate], core_c=core, fan_percent=60.0, power_w=150.0)]
        ),
        fans=[1200.0],
        messages=["hello"],
    )  # fmt: skip


class Past:
    """A history that is written as the Commander writes it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "history.db")
        with self.store.transaction():
            rows.runs(self.store, START - 3_600_000, START + 7_200_000)

    def add(self, rig: int, *logs: OperationalLog) -> None:
        with self.store.transaction():
            merge = Merge(self.store, rig, PACE, {"raw": {}, "minutes": {}, "hours": {}})
            merge.add(logs)
            for table, changed in merge.changed.items():
                self.store.put(table, changed.items())
            rows.added(self.store, rig, "cpu-gpu", START - 60_000)
            self.store.set_note("until_ms", START + 7_200_000)

    def happened(self, *facts: tuple[int, int, Any]) -> None:
        with self.store.transaction():
            rows.write(self.store, [Happened(t, rig, fact) for t, rig, fact in facts])


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def shown(rig: Rig, stats: OperationalStats, now_ms: int) -> dict[str, Any]:
    """Every field of the rig's row and page that viewers see."""
    units = view.CoinUnits()
    units.follow(stats.totals["cpu-gpu"].coins)
    one = stats.rigs[rig.id]
    row = structs.asdict(view.row(rig, one, units, now_ms))
    page = view.detail_page(rig, one, now_ms)
    for name in ("href", "seen_iso"):
        row.pop(name)
    kept = ("state", "since", "uptime", "faded", "workloads", "devices", "fans", "pools", "messages", "facts")
    return row | {f"page {name}": getattr(page, name) for name in kept}


def test_it_is_as_viewers_saw_it_field_by_field(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU gets hot and hotter, is told of, and is well an hour later; what was shown meanwhile is shown again."""
    clock = [START]
    monkeypatch.setattr("rigfarm.commander.stats.operational.utc_ms", lambda: clock[0])
    events = Events()
    changes: list[ConditionChanged] = []
    events.listen(ConditionChanged, changes.append)
    stats = OperationalStats(Hub(), events, INTERVAL_S)
    stats.add(7, "cpu-gpu")
    stats.link_up(7)
    rig = Rig(id=7, name="rig-7", kind="cpu-gpu", created_at=START - 60_000, first_seen_at=START, specs=SPECS)
    logs, seen = [], {}
    for second in range(0, 120, 5):
        clock[0] = START + second * 1000
        log = a_log(clock[0], core=95.0 + (second - 30) / 5 if 30 <= second < 60 else 60.0, rate=1e6 + second)
        logs.append(log)
        stats.receive(7, log)
        seen[clock[0]] = shown(rig, stats, clock[0])
    past.add(7, *logs)
    past.happened((START - 60_000, 7, NameWas("rig-7")), (START - 60_000, 7, SpecsWas(SPECS)))
    for one in changes:
        fact = StateWas(one.state, one.reason, one.cause, one.word, one.severity, one.rank, one.before, one.maintenance)
        past.happened((one.t_ms, 7, fact))
    for t_ms, then in seen.items():
        book, was = past_farm(farm_then(past.store, t_ms, PACE), {}, INTERVAL_S)
        assert shown(book.get(7), was, t_ms) == then, (t_ms - START) / 1000
    assert "95 °C" in str(seen[START + 30_000]["page state"])
    assert was.totals["cpu-gpu"].alive == 1


def test_between_two_logs_it_is_the_one_before_and_after_silence_it_is_unknown(past: Past) -> None:
    past.add(7, a_log(START, core=50.0), a_log(START + 5_000, core=51.0))
    past.happened((START, 7, StateWas("online")))

    def core(t_ms: int) -> float | None:
        log = farm_then(past.store, t_ms, PACE).rigs[0].log
        return None if log is None else next(iter(log.devices)).core_c

    assert [core(START + ms) for ms in (0, 4_999, 5_000, 19_999)] == [50.0, 50.0, 51.0, 51.0]
    assert core(START - 1) is None
    assert core(START + 5_000 + PACE.hold_ms) is None
    past.add(7, a_log(START + 600_000 - 2_000, core=70.0))
    assert core(START + 600_000 + 2_000) == 70.0, "of the ten minutes before"


def test_a_rig_that_was_not_there_is_not_shown(past: Past) -> None:
    past.add(7, a_log(START))
    past.add(8, a_log(START))
    with past.store.transaction():
        rows.removed(past.store, {8: START + 60_000})
    past.happened((START, 7, NameWas("old name")), (START + 60_000, 7, NameWas("new name")))
    past.happened((START + 30_000, 7, LabelsWere()), (START + 60_000, 7, LabelsWere("hall-2", ("solar",))))
    present = {7: Rig(id=7, name="newest name", kind="cpu-gpu", created_at=0, place="hall-1", tags=("x",))}

    def names(t_ms: int) -> list[str]:
        book, _ = past_farm(farm_then(past.store, t_ms, PACE), present, INTERVAL_S)
        return [rig.name for rig in book.rigs.values()]

    assert names(START - 90_000) == []
    assert names(START - 30_000) == ["newest name", "rig 8"]
    assert names(START) == ["old name", "rig 8"]
    assert names(START + 60_000) == ["new name"]
    with pytest.raises(Absent):
        past_farm(farm_then(past.store, START, PACE), present, INTERVAL_S)[0].get(9)

    def labels(t_ms: int) -> tuple[str, tuple[str, ...]]:
        rig = past_farm(farm_then(past.store, t_ms, PACE), present, INTERVAL_S)[0].get(7)
        return rig.place, rig.tags

    assert labels(START) == ("hall-1", ("x",)), "history did not keep them yet: those of today"
    assert labels(START + 30_000) == ("", ())
    assert labels(START + 60_000) == ("hall-2", ("solar",))


def test_while_the_commander_was_away_logs_say_what_is_known(past: Past) -> None:
    away = START + 7_200_000 + 60_000
    past.add(7, a_log(away, core=95.0))
    past.add(8, a_log(START))
    past.happened((START, 7, StateWas("offline", "link lost")), (START, 8, StateWas("online")))
    found = farm_then(past.store, away, PACE)
    assert not found.ran
    _, stats = past_farm(found, {}, INTERVAL_S)
    assert stats.rigs[7].condition.reason == "GPU 0 at 95 °C"
    assert stats.rigs[8].condition.reason == "not known: the Commander did not run"
    assert stats.rigs[8].condition.severity == 0
    assert stats.totals["cpu-gpu"].alive == 1


def test_beyond_the_logs_the_minute_stands_for_one(past: Past) -> None:
    past.add(7, *(a_log(START + n * 5_000, core=60.0 + n % 2, rate=1e6) for n in range(24)))
    past.happened((START, 7, StateWas("online")), (START, 7, NormalWas({"KAS": 2e6})), (START, 7, RestWas("")))
    with past.store.transaction():
        past.store.delete("raw", [row_id(START // 600_000, 7)])
        past.store.set_note("raw_floor_ms", START + 600_000)
    found = farm_then(past.store, START + 61_000, PACE)
    assert found.by_minute
    log = found.rigs[0].log
    assert log is not None
    assert (log.t, log.power_w, log.fans) == (START + 60_000, 150.0, [1200.0])
    [workload] = log.workloads
    assert (workload.coin, workload.hashrate, workload.accepted) == ("KAS", 1e6, None)
    [device] = log.devices
    assert (device.kind, device.index) == ("gpu", 0)
    assert device.hashrates == [pytest.approx(1e6, rel=1e-3)]
    assert device.core_c == pytest.approx(60.5, abs=0.1)
    _, stats = past_farm(found, {}, INTERVAL_S)
    assert stats.rigs[7].expected("KAS") == 2e6


def test_in_brief_it_is_the_same_farm(past: Past) -> None:
    """All that an index asks of rigs that it does not show."""
    for rig in (7, 8, 9, 10):
        past.add(rig, *(a_log(START + n * 5_000, rate=1e6 * rig, core=50.0 + rig) for n in range(130)))
        past.happened((START - 1, rig, NameWas(f"name {rig}")), (START - 1, rig, SpecsWas(SPECS)))
    past.happened((START, 7, StateWas("online")), (START, 8, StateWas("offline", "link lost", severity=2, rank=0)))
    past.happened((START, 9, StateWas("of a later version")))
    for made in (False, True):
        for t_ms in (START + 100_000, START + 640_000, START + 9_000_000):
            farms = [farm_then(past.store, t_ms, PACE, brief=brief) for brief in (False, True)]
            assert set(farms[1].brief) == (set() if t_ms > START + 7_200_000 else {7, 8})
            (book, stats), (brief_book, brief_stats) = (past_farm(one, {}, INTERVAL_S) for one in farms)
            totals, brief_totals = stats.totals["cpu-gpu"], brief_stats.totals["cpu-gpu"]
            assert (brief_totals.coins, brief_totals.counts) == (totals.coins, totals.counts)
            assert brief_totals.milliwatts == totals.milliwatts
            for rig_id, rig in book.rigs.items():
                assert brief_book.rigs[rig_id].name == rig.name
                assert brief_book.rigs[rig_id].now_ms == rig.now_ms
                one, brief_one = stats.rigs[rig_id], brief_stats.rigs[rig_id]
                for what in ("condition", "since_ms", "heard_ms", "link_up", "counted", "contribution"):
                    assert getattr(brief_one, what) == getattr(one, what), what
                for name in SORT_KEYS.keys() - SORTED_BY_LOGS:
                    for key in SORT_KEYS[name]:
                        assert key(brief_book.rigs[rig_id], brief_one) == key(rig, one), name
                for field in FIELDS.values():
                    _, sign, value = re.split(r"(!=|>=|<=|[:=<>])", field.example, maxsplit=1)
                    for asked in (value, "9") if field.brief else ():
                        with contextlib.suppress(NotUnderstood):
                            check = field.check(sign, asked)
                            assert check.fits(brief_book.rigs[rig_id], brief_one) == check.fits(rig, one), field.example
        if not made:
            make_derived(past.store, breathe=lambda _: None)
            assert past.store.first("briefs") is not None


async def test_an_index_reads_no_more_than_it_shows(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rigs = await site.asics(*(f"asic-{n:02}" for n in range(30)))
    t_ms = utc_ms() - 60_000
    store = await asyncio.to_thread(site.history._opened)
    with store.transaction():
        rows.runs(store, t_ms - 1_000, t_ms + 60_000)
        for n, rig in enumerate(rigs):
            rows.added(store, rig, "asic", t_ms - 1_000)
            state = StateWas("degraded", f"board {n} is missing", severity=1, rank=1) if n < 20 else StateWas("online")
            rows.write(store, [Happened(t_ms - 1_000, rig, state), Happened(t_ms - 1_000, rig, SpecsWas(SPECS))])
        store.set_note("until_ms", t_ms + 60_000)
    asked: list[int] = []
    real = site.history.then

    async def then(t_ms: int, rigs: Any = None, *, brief: bool = False) -> FarmThen:
        found: FarmThen = await real(t_ms, rigs, brief=brief)
        asked.append(len(found.rigs) - len(found.brief))
        return found

    monkeypatch.setattr(site.history, "then", then)
    time_machine = machine.TimeMachine(site.shown)
    for url, whole in (("per=25&sort=name", 25), ("per=25&sort=name&page=2", 5), ("sort=model", 0), ("q=asic-07", 0)):
        then = await time_machine.at(str(t_ms), brief=True)
        await time_machine.index(then, IndexQuery.parse("asic", dict(parse_qsl(url))))
        assert asked == ([0, whole] if url == "per=25&sort=name" else [whole] if whole else []), url
        asked.clear()
    for url, reads in (
        (f"/asics?at={t_ms}&per=25&sort=name", [0, 25]),
        (f"/asics?at={t_ms}&sort=model", [0, 30]),
        (f"/asics?at={t_ms}&per=25&q=state:degraded+name:asic-0*", [0, 10]),
        (f"/asics?at={t_ms}&per=25&q=hashrate<90%25+asic-07", [0, 30]),
        (f"/places?at={t_ms}", [0, 20]),
        (f"/places?at={t_ms}&q=chips:*+name:asic-07", [0, 30]),
        (f"/places?at={t_ms}&colour=temp", [0, 30]),
        (f"/places?at={t_ms}&colour=efficiency", [0]),
        (f"/?at={t_ms}", [0]),
    ):
        page = await site.get(url)
        assert "asic-07" in page, url
        assert asked == reads, url
        asked.clear()
    assert "board 7 is missing" in await site.get(f"/asics?at={t_ms}&q=asic-07")
    assert "asic-07" not in await site.get(f"/asics?at={t_ms}&q=temp:", 400)


async def test_a_moment_that_is_left_is_free_at_once(site: Any) -> None:
    """A farm of ten thousand rigs in circles would wait for the garbage collector, which hardly ever looks at what is
    old."""
    rigs = await site.asics("asic-1", "asic-2")
    t_ms = utc_ms() - 60_000
    store = await asyncio.to_thread(site.history._opened)
    with store.transaction():
        rows.runs(store, t_ms - 60_000, t_ms + 60_000)
        for rig in rigs:
            rows.added(store, rig, "asic", t_ms - 60_000)
            rows.write(store, [Happened(t_ms - 60_000, rig, StateWas("online"))])
    time_machine = machine.TimeMachine(site.shown)
    query = IndexQuery.parse("asic", {"q": "asic", "sort": "model"})
    left = []
    gc.collect()
    gc.disable()
    try:
        for n in range(machine.KEPT_FARMS + 3):
            then = await time_machine.at(str(t_ms - 1_000 * n), brief=True)
            await time_machine.index(then, query)
            await then.shown.prepare_sparks(query, 1.0)
            assert then.shown.index(query)[1].ids == rigs
            left += [weakref.ref(then.shown), weakref.ref(then.shown.stats)]
        del then
        assert [one() is None for one in left] == [True] * 6 + [False] * 2 * machine.KEPT_FARMS
    finally:
        gc.enable()


def test_one_rig_alone(past: Past) -> None:
    for rig in (7, 8):
        past.add(rig, a_log(START))
    assert [one.life.rig for one in farm_then(past.store, START, PACE, [8]).rigs] == [8]


class Reading:
    """A history that is asked, and answers when it is let."""

    def __init__(self, until_ms: int) -> None:
        self.until_ms, self.asked, self.let = until_ms, 0, asyncio.Event()
        self.let.set()

    async def then(self, t_ms: int, _: int | None, *, brief: bool) -> FarmThen:
        del brief
        self.asked += 1
        await self.let.wait()
        return FarmThen(t_ms=t_ms, rigs=[], ran=True, by_minute=False, until_ms=self.until_ms)


async def test_a_moment_that_history_does_not_know_yet_is_read_again(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, clock = Reading(START), [0.0]
    monkeypatch.setattr(site.shown, "history", history)
    monkeypatch.setattr(machine.time, "monotonic", lambda: clock[0])
    time_machine = machine.TimeMachine(site.shown)
    for moment in (START - 1_000, START + 1_000):
        await time_machine.at(str(moment))
        await time_machine.at(str(moment))
    assert history.asked == 2
    clock[0] += machine.GROWS_FOR_S
    history.until_ms = START + 600_000
    await time_machine.at(str(START - 1_000))
    assert (await time_machine.at(str(START + 1_000))).notes == ()
    assert history.asked == 3


async def test_who_comes_when_many_moments_are_being_read_is_sent_away(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = Reading(START)
    history.let.clear()
    monkeypatch.setattr(site.shown, "history", history)
    time_machine = machine.TimeMachine(site.shown)
    asked = [asyncio.create_task(time_machine.at(str(START - n * 1_000))) for n in range(machine.MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(HistoryUnavailable, match="Too many other moments"):
        await time_machine.at(str(START - 60_000))
    history.let.set()
    await asyncio.gather(*asked)
    await time_machine.at(str(START - 60_000))


async def test_its_pages_say_so_and_offer_nothing_to_do(site: Any) -> None:
    one, two = await site.asics("was-here", "came-later")
    t_ms = utc_ms() - 60_000
    store = await asyncio.to_thread(site.history._opened)
    with store.transaction():
        rows.runs(store, t_ms - 1_000, t_ms + 60_000)
        rows.added(store, one, "asic", t_ms - 1_000)
        rows.added(store, two, "asic", t_ms + 1_000)
        rows.write(store, [Happened(t_ms - 1_000, one, StateWas("degraded", "board 0 is missing", severity=1))])
    at = datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").replace(":", "%3A")
    index = await site.get(f"/asics?at={at}")
    assert "Nothing here is live." in index
    assert "History has logs up to" in index
    assert f'id="rig-{one}"' in index
    assert f'id="rig-{two}"' not in index
    assert "board 0 is missing" in index
    assert f'href="/asics/{one}?at={at}"' in index
    assert f'href="/asics?state=degraded&amp;at={at}"' in index, "filters stay at the time"
    assert '<a class="chip on" href="/asics"' in index
    for gone in ("selection-offers", "New ASIC", 'hx-ws:connect="'):
        assert gone not in index
    assert "board 0 is missing" in await site.get(f"/asics/{one}?at={t_ms - 1_000}"), (
        "a link of an event shows what came of it"
    )
    detail = await site.get(f"/asics/{one}?at={at}")
    assert "board 0 is missing" in detail
    assert f'href="/asics?at={at}"' in detail
    for gone in ("Remove was-here", "Place and tags", "/name/edit", 'hx-ws:connect="'):
        assert gone not in detail
    assert "board 0 is missing" in await site.get(f"/?at={at}")
    await site.get(f"/asics/{two}?at={at}", 404)
    await site.get("/asics?at=tomorrow", 400)
    await site.get(f"/asics?at={utc_ms() + 60_000}", 400)
    assert "There were no rigs at that time" in await site.get(f"/rigs?at={at}")
    empty = await site.get("/?at=2020-01-01T00:00:00Z")
    assert "There were no rigs at that time" in empty
    assert "New rig" not in empty, "nothing can be done there"


async def test_the_api_says_what_pages_say(site: Any) -> None:
    """Rows, pages of rows and one rig are those of then; of what is asked for, and no more."""
    rigs = await site.asics("a", "b", "c", "came-later")
    t_ms = (utc_ms() - 60_000) // 1_000 * 1_000
    store = await asyncio.to_thread(site.history._opened)
    with store.transaction():
        rows.runs(store, t_ms - 1_000, t_ms + 60_000)
        for n, rig in enumerate(rigs):
            rows.added(store, rig, "asic", t_ms + (30_000 if n == 3 else -1_000))
            state = StateWas("degraded", f"board {n} is missing", severity=1, rank=1)
            rows.write(store, [Happened(t_ms - 1_000, rig, state), Happened(t_ms - 1_000, rig, NameWas(f"old-{n}"))])
        store.set_note("until_ms", t_ms + 60_000)
    at = datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    past = {"at": at, "resolution_s": 5.0}

    async def get(url: str, status: int = 200) -> Any:
        answer = await site.client.get(url)
        assert answer.status_code == status, answer.text
        return answer

    listed = (await get(f"/api/rigs?at={t_ms}&sort=-name&kind=asic")).json()
    assert [(one["name"], one["reason"]) for one in listed] == [
        (f"old-{n}", f"board {n} is missing") for n in (2, 1, 0)
    ]
    assert all(one["past"] == past for one in listed)
    assert [one["name"] for one in (await get(f"/api/rigs?at={t_ms}&filter=name:old-1")).json()] == ["old-1"]
    assert (await get(f"/api/rigs?at={t_ms}&filter=name:a")).json() == [], "it has this name now"
    page = await get("/api/rigs?at=-59s&limit=2")
    assert "at=-59s" not in page.links["next"]["url"], "the next page is of the same moment"
    assert len((await get(page.links["next"]["url"])).json()) == 1
    detail = (await get(f"/api/rigs/{rigs[1]}?at={t_ms}")).json()
    assert (detail["name"], detail["reason"], detail["past"]) == ("old-1", "board 1 is missing", past)
    assert "past" not in (await get(f"/api/rigs/{rigs[1]}")).json()
    await get(f"/api/rigs/{rigs[3]}?at={t_ms}", 404)
    for wrong in ("tomorrow", str(utc_ms() + 60_000), "x" * 41):
        await get(f"/api/rigs?at={wrong}", 400)
        await get(f"/api/rigs/{rigs[0]}?at={wrong}", 400)
    with store.transaction():
        store.set_note("raw_floor_ms", t_ms + 60_000)
    [one] = (await get(f"/api/rigs?at={t_ms - 500}&filter=name:old-1")).json()
    assert one["past"] == {"at": at, "resolution_s": 60.0, "notes": [machine.BY_MINUTE]}


def test_beyond_what_history_has_the_last_logs_are_shown(past: Past) -> None:
    for rig, late in ((7, 0), (8, 4_000)):
        past.add(rig, a_log(START + late))
    past.add(9, a_log(START - 3_600_000))
    with past.store.transaction():
        past.store.set_note("until_ms", START + 5_000)
    for later in (0, 20_000, 300_000, 3_000_000):
        found = farm_then(past.store, START + 5_000 + later, PACE)
        assert {one.life.rig: one.log is not None for one in found.rigs} == {7: True, 8: True, 9: False}, later


async def test_the_way_there_keeps_the_page(site: Any) -> None:
    (rig_id,) = await site.asics("a")
    for page in ("/asics", f"/asics/{rig_id}", "/places", "/"):
        assert f'<a href="{page}?at=-10m">As it was' in await site.get(
            f"{page}?sort=name" if page == "/asics" else page
        )
