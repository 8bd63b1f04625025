"""Reports on a schedule: due by the clock of a zone, a row before they are sent, once, whenever the Commander ends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from sqlalchemy.exc import OperationalError

from rigfarm.commander.changes import Change, change_under_way
from rigfarm.commander.fields import checked, read_form
from rigfarm.commander.history import HistoryUnavailable
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Conflict, Invalid
from rigfarm.commander.reports.model import CoinFigures, Figures, Period, Report, ReportSettings
from rigfarm.commander.reports.schedule import rows
from rigfarm.commander.reports.schedule import schedules as module
from rigfarm.commander.reports.schedule.model import ScheduleForm, due_after, due_before
from rigfarm.commander.reports.schedule.schedules import BACKOFF_MS, PATIENCE_MS, Schedules
from rigfarm.commander.reports.schedule.text import message_of
from rigfarm.commander.storage import Storage

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def ms(text: str, zone: ZoneInfo = BERLIN) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def form(**more: Any) -> ScheduleForm:
    return ScheduleForm(**{"channel": 1, **more})


# When


@pytest.mark.parametrize(
    ("every", "now", "at", "first", "last", "after"),
    [
        ("day", "2026-11-30T06:59", "2026-11-29T07:00", "2026-11-28", "2026-11-28", "2026-11-30T07:00"),
        ("day", "2026-11-30T07:00", "2026-11-30T07:00", "2026-11-29", "2026-11-29", "2026-12-01T07:00"),
        ("week", "2026-11-30T06:59", "2026-11-23T07:00", "2026-11-16", "2026-11-22", "2026-11-30T07:00"),
        ("week", "2026-12-03T12:00", "2026-11-30T07:00", "2026-11-23", "2026-11-29", "2026-12-07T07:00"),
        ("month", "2027-01-01T06:59", "2026-12-01T07:00", "2026-11-01", "2026-11-30", "2027-01-01T07:00"),
        ("month", "2027-01-31T07:00", "2027-01-01T07:00", "2026-12-01", "2026-12-31", "2027-02-01T07:00"),
        ("day", "2026-03-29T12:00", "2026-03-29T07:00", "2026-03-28", "2026-03-28", "2026-03-30T07:00"),
    ],
)
def test_when_and_of_which_days(every: Any, now: str, at: str, first: str, last: str, after: str) -> None:
    due = due_before(form(every=every), BERLIN, ms(now))
    assert (due.at_ms, str(due.period.first), str(due.period.last)) == (ms(at), first, last)
    assert due_after(form(every=every), BERLIN, ms(now)).at_ms == ms(after)


def test_a_day_s_report_comes_every_day_of_a_year_once() -> None:
    now, seen = ms("2026-01-01T12:00"), []
    for _ in range(365):
        due = due_after(form(at="02:30"), BERLIN, now)
        assert due.at_ms > now
        assert due_before(form(at="02:30"), BERLIN, due.at_ms) == due
        seen.append(due.period.first)
        now = due.at_ms
    assert seen == [date.fromordinal(date(2026, 1, 1).toordinal() + n) for n in range(365)]


@pytest.mark.parametrize(
    ("field", "text"), [("at", ""), ("at", "25:00"), ("channel", "x"), ("filter", "color:red"), ("every", "year")]
)
def test_settings_that_mean_nothing(field: str, text: str) -> None:
    typed: dict[str, object] = {"every": "day", "at": "7:00", "channel": "1", "filter": "tag:solar", "on": "1"}
    assert checked(read_form(ScheduleForm, typed)).at == "07:00"
    with pytest.raises(Invalid):
        checked(read_form(ScheduleForm, typed | {field: text}))


# What is sent


class Channels:
    """A service that answers as it is told."""

    def __init__(self) -> None:
        self.names = {1: "phone", 2: "mail"}
        self.sent: list[tuple[int, str, str]] = []
        self.ok, self.on = True, True
        self.ends = False
        """Whether the Commander ends while it answers."""

    async def send(self, channel_id: int, title: str, body: str) -> Any:
        if channel_id not in self.names:
            raise Absent("gone")
        if not self.on:
            return None
        self.sent.append((channel_id, title, body))
        if self.ends:
            raise asyncio.CancelledError
        return SimpleNamespace(ok=self.ok, answer="HTTP 200 fine" if self.ok else "HTTP 500 no")


COIN = CoinFigures(
    coin="KAS", hashes=1e12, hashrate=2e9, efficiency=1e6, energy_j=3.6e6, cost=None, unpriced_j=0.0,
    accepted=99, rejected=1, stale=0, invalid=0,
)  # fmt: skip
FIGURES = Figures(
    seconds=86_400, there_s=86_400, online_s=80_000, degraded_s=0, idle_s=0, stopped_s=0, offline_s=6_400,
    unknown_s=0, energy_j=3.6e6, powered_s=86_400, cost=1.5, unpriced_j=0.0, coins=[COIN],
)  # fmt: skip


class Reports:
    """Reports of which history knows as much as it is told."""

    def __init__(self) -> None:
        self.settings = ReportSettings(zone="Europe/Berlin", currency="EUR")
        self.known = True
        self.fails = False
        self.asked: list[tuple[str, str]] = []

    async def of_farm(self, period: Period) -> Report:
        return await self.of_some(period, "")

    async def of_some(self, period: Period, search: str) -> Report:
        self.asked.append((str(period.first), search))
        if self.fails:
            raise HistoryUnavailable("History cannot be read at the moment.")
        hours = period.hours if self.known else range(period.hours.start, period.hours.stop - 1)
        return Report(period=period, hours=hours, now=FIGURES, before=FIGURES, days=[], rigs=[])


class Site:
    def __init__(self, storage: Storage) -> None:
        self.storage, self.channels, self.reports = storage, Channels(), Reports()
        self.now = ms("2026-11-29T12:00")

    async def start(self) -> Schedules:
        """A Commander that begins."""
        made = Schedules(
            self.reports, self.channels, self.storage, lambda: "https://farm.example", wall=lambda: self.now  # type: ignore[arg-type]
        )  # fmt: skip
        await made.load()
        return made

    async def states(self) -> list[tuple[str, str]]:
        async with self.storage.read() as tx:
            return [(one.first, one.state) for one in await rows.load_messages(tx, 100)][::-1]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    yield Site(storage)
    await storage.close()


async def test_each_day_s_report_is_sent_once(site: Site) -> None:
    one = await site.start()
    await one.create(form())
    await one.step()
    assert site.channels.sent == [], "today's time was before it was created"
    for _ in range(2):
        site.now += DAY_MS
        for _ in range(3):
            await one.step()
            await (await site.start()).step()
    assert [title for _, title, _ in site.channels.sent] == [
        "Rigfarm report: Sun 2026-11-29",
        "Rigfarm report: Mon 2026-11-30",
    ]
    assert await site.states() == [("2026-11-29", "sent"), ("2026-11-30", "sent")]


async def test_a_short_outage_is_made_up_for_and_a_long_one_is_not(site: Site) -> None:
    one = await site.start()
    await one.create(form(every="week", filter="tag:solar"))
    site.now = ms("2026-11-30T21:00")
    await (await site.start()).step()
    assert site.reports.asked == [("2026-11-23", "tag:solar")]
    site.now = ms("2026-12-09T21:00")
    await (await site.start()).step()
    assert len(site.channels.sent) == 1


async def test_it_ends_before_it_is_sent(site: Site) -> None:
    one = await site.start()
    await one.create(form())
    site.now += DAY_MS
    await one._note_due()
    assert await site.states() == [("2026-11-29", "waiting")]
    again = await site.start()
    await again.step()
    await again.step()
    assert len(site.channels.sent) == 1


async def test_it_ends_while_the_service_answers(site: Site) -> None:
    """Whether it arrived is unknown: it is sent again, and says so."""
    one = await site.start()
    await one.create(form())
    site.now += DAY_MS
    site.channels.ends = True
    with pytest.raises(asyncio.CancelledError):
        await one.step()
    assert await site.states() == [("2026-11-29", "sending")]
    site.channels.ends = False
    again = await site.start()
    await again.step()
    assert "may arrive twice" in (await again.messages(1))[0].answer
    assert len(site.channels.sent) == 1
    site.now += BACKOFF_MS[0]
    await again.step()
    await again.step()
    assert len(site.channels.sent) == 2
    assert await site.states() == [("2026-11-29", "sent")]


async def test_the_database_refuses_what_became_of_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await site.start()
    await one.create(form())
    site.now += DAY_MS
    change = rows.change_message

    async def refused(tx: Any, message_id: int, **values: object) -> None:
        if values.get("state") == "sent":
            raise OperationalError("disk is full", None, Exception())
        await change(tx, message_id, **values)

    monkeypatch.setattr(rows, "change_message", refused)
    with pytest.raises(OperationalError):
        await one.step()
    monkeypatch.setattr(rows, "change_message", change)
    await one.step()
    assert len(site.channels.sent) == 1, "not at once again"


async def test_a_service_that_refuses_is_tried_again_and_given_up(site: Site) -> None:
    one = await site.start()
    await one.create(form())
    site.now += DAY_MS
    site.channels.ok = False
    await one.step()
    await one.step()
    assert len(site.channels.sent) == 1
    for wait in BACKOFF_MS:
        site.now += wait
        await one.step()
    assert len(site.channels.sent) == 1 + len(BACKOFF_MS)
    [message] = await one.messages(10)
    assert (message.state, message.answer) == ("failed", "given up: HTTP 500 no")


async def test_it_waits_until_history_knows_all_of_the_time_but_not_for_ever(site: Site) -> None:
    one = await site.start()
    await one.create(form())
    site.now += DAY_MS
    site.reports.known = False
    await one.step()
    await one.step()
    assert (len(site.channels.sent), len(site.reports.asked)) == (0, 1)
    site.now += PATIENCE_MS
    await one.step()
    assert "does not know all of this time yet" in site.channels.sent[0][2]


async def test_history_that_cannot_be_read_is_said(site: Site) -> None:
    one = await site.start()
    await one.create(form())
    site.now += DAY_MS
    site.reports.fails = True
    await one.step()
    [message] = await one.messages(10)
    assert (message.state, message.answer) == ("waiting", "History cannot be read at the moment.")
    site.reports.fails = False
    site.now += BACKOFF_MS[0]
    await one.step()
    assert len(site.channels.sent) == 1


@pytest.mark.parametrize(
    ("what", "says"), [("channel off", "switched off"), ("channel gone", "removed"), ("schedule off", "switched off")]
)
async def test_what_is_off_or_gone_is_skipped(site: Site, what: str, says: str) -> None:
    one = await site.start()
    made = await one.create(form())
    site.now += DAY_MS
    await one._note_due()
    if what == "channel off":
        site.channels.on = False
    elif what == "channel gone":
        del site.channels.names[1]
    else:
        await one.change(made.id, form(on=False))
    await one.step()
    [message] = await one.messages(10)
    assert message.state == "skipped"
    assert says in message.answer
    assert site.channels.sent == []


async def test_changes_are_described_and_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await site.start()
    change = Change("POST", "10.0.0.1")
    with change_under_way(change):
        made = await one.create(form())
        changed = await one.change(made.id, form(channel=2, every="month"), made.revision)
    assert change.action == "change report schedule"
    assert change.compared["Channel"] == ("phone", "mail")
    assert changed.revision == 2
    with pytest.raises(ChangedMeanwhile):
        await one.change(made.id, form(), made.revision)
    with pytest.raises(Invalid, match="channels"):
        await one.create(form(channel=3))
    monkeypatch.setattr(module, "MAX_SCHEDULES", 1)
    with pytest.raises(Conflict, match="maximum"):
        await one.create(form())
    await one.remove(made.id)
    assert (await site.start()).schedules == {}
    with pytest.raises(Absent):
        await one.remove(made.id)


def test_a_message_has_the_main_figures_and_a_link() -> None:
    period = Period(date(2026, 11, 23), date(2026, 11, 29), BERLIN)
    whole = Report(period=period, hours=period.hours, now=FIGURES, before=FIGURES, days=[], rigs=[])
    title, body = message_of(whole, "tag:solar", "EUR", "https://farm.example")
    assert title == "Rigfarm report: 2026-11-23 to 2026-11-29"
    assert body.splitlines()[0] == "Rigs that match tag:solar today: 0"
    assert re.search(r"Energy 1\.000.kWh, 1\.50 EUR", body)
    assert "1.0 % rejected" in body
    assert "Revenue" not in body
    assert body.endswith("https://farm.example/reports?from=2026-11-23&to=2026-11-29&filter=tag%3Asolar")
    none = replace(whole, now=replace(FIGURES, there_s=0.0))
    assert "Nothing is known" in message_of(none, "", "EUR", "")[1]
