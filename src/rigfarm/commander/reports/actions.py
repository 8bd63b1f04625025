"""Reports: made when they are asked for, from what history has added up; and their settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from rigfarm.commander.changes import describe
from rigfarm.commander.fields import checked
from rigfarm.commander.history import (
    HOUR_MS,
    Buckets,
    History,
    Life,
    Reader,
    RigSums,
    TimeRange,
    absence_of_farm,
    absence_of_rigs,
    farm_by_hour,
    lives,
    rigs_by_hour,
    sums_by_rig,
    unknown_by_rig,
)
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.reports.earnings.coins import Coins
from rigfarm.commander.reports.model import Figures, Period, Report, ReportSettings, RigFigures, period_of
from rigfarm.commander.reports.reckoning.earned import Valuation, earnings
from rigfarm.commander.reports.reckoning.figures import Ledger
from rigfarm.commander.reports.reckoning.rigs import of_rig
from rigfarm.commander.reports.reckoning.tariff import Tariff, midnight_ms
from rigfarm.commander.reports.store import load_settings, save_settings
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.language import parse
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.storage import Storage
from rigfarm.common.clock import utc_ms

__all__ = ["Reports"]

DAY_MS = 86_400_000
MOST_RIG_DAYS = 10_000
"""Of a report of some rigs, and as many of the period before: their hours are added up rig by rig."""


class Reports:
    """Used from the event loop; what takes long is done in history's reading threads."""

    def __init__(self, history: History, book: Rigs, rig_list: RigList, storage: Storage, coins: Coins) -> None:
        self._history = history
        self._book = book
        self._rig_list = rig_list
        self._storage = storage
        self.coins = coins
        self._lock = asyncio.Lock()
        self._turn = asyncio.Lock()
        """Of reports of some rigs, which take long: one at a time leaves a reading thread to others."""
        self.settings = ReportSettings()

    async def load(self) -> None:
        """Read the settings, and what is known of coins."""
        async with self._storage.read() as tx:
            self.settings = await load_settings(tx)
        await self.coins.load()

    async def change(self, settings: ReportSettings) -> None:
        """Other settings; Invalid for what means nothing."""
        async with self._lock:
            kept = checked(settings)
            describe(zone=kept.zone, currency=kept.currency, prices=len(kept.prices.splitlines()))
            async with self._storage.begin() as tx:
                await save_settings(tx, kept)
            self.settings = kept

    def period(self, name: str, first: str, last: str) -> Period:
        """The days that were asked for, by the farm's clock."""
        zone = ZoneInfo(self.settings.zone)
        return period_of(name, first, last, datetime.fromtimestamp(utc_ms() / 1000, UTC).astimezone(zone).date(), zone)

    async def of_farm(self, period: Period, kinds: Sequence[KindName] = tuple(KINDS)) -> Report:
        """What the rigs of these kinds did. HistoryUnavailable."""
        rigs = [rig for rig in self._book.rigs.values() if rig.kind in kinds]
        tariff = self.settings.tariff
        found = await self._history.ask(lambda reader: _report(reader, period, tariff, _farm(kinds), rigs))
        return self._valued(found, payouts=len(kinds) == len(KINDS))

    async def of_some(self, period: Period, search: str, kinds: Sequence[KindName] = tuple(KINDS)) -> Report:
        """What the rigs did that a search finds today. NotUnderstood, HistoryUnavailable."""
        wanted = parse(search)
        rigs = [rig for rig in self._book.rigs.values() if rig.kind in kinds and self._rig_list.matches(rig.id, wanted)]
        if len(rigs) * period.days > MOST_RIG_DAYS:
            raise NotUnderstood(
                f"{len(rigs):,} rigs match. A report of some rigs covers at most {MOST_RIG_DAYS:,} days of rigs: "
                f"choose at most {MOST_RIG_DAYS // len(rigs)} days, or fewer rigs."
            )
        tariff = self.settings.tariff
        async with self._turn:
            return self._valued(
                await self._history.ask(lambda reader: _report(reader, period, tariff, _some(rigs), rigs))
            )

    def labels(self, kinds: Sequence[KindName]) -> tuple[Collection[str], Collection[str]]:
        """(places, tags) of rigs of these kinds."""
        found = [self._rig_list.labels(kind) for kind in kinds]
        return {place for one in found for place in one[0]}, {tag for one in found for tag in one[1]}

    async def of_rig(self, period: Period, rig_id: int) -> Report:
        """What a rig did. Absent, HistoryUnavailable."""
        rig = self._book.get(rig_id)
        tariff = self.settings.tariff
        return self._valued(
            await self._history.ask(lambda reader: _report(reader, period, tariff, _some([rig]), [rig]))
        )

    def _valued(self, report: Report, *, payouts: bool = False) -> Report:
        settings = self.settings
        by = Valuation(self.coins, settings.currency, round(settings.coin_days * DAY_MS), utc_ms(), payouts)
        return replace(report, earned=earnings(report.period, report.days, report.now, by))

    def midnight_ms(self, day: str) -> int:
        """When a day begins by the farm's clock, UTC ms."""
        return midnight_ms(ZoneInfo(self.settings.zone), date.fromisoformat(day))


_Ledgers = Callable[[Reader, range, Tariff], Ledger]
"""Makes a ledger of some hours."""


def _farm(kinds: Sequence[KindName]) -> _Ledgers:
    """Of all rigs of these kinds, from their totals."""

    def ledger(reader: Reader, hours: range, tariff: Tariff) -> Ledger:
        absence = absence_of_farm(reader, kinds, _buckets(reader, hours))
        return Ledger(farm_by_hour(reader, kinds, hours), absence, [tariff.of_hour(hour) for hour in hours])

    return ledger


def _some(rigs: Sequence[Rig]) -> _Ledgers:
    """Of these rigs, added up."""
    ids = {rig.id for rig in rigs}

    def ledger(reader: Reader, hours: range, tariff: Tariff) -> Ledger:
        absence = absence_of_rigs(reader, ids, _buckets(reader, hours))
        return Ledger(rigs_by_hour(reader, ids, hours), absence, [tariff.of_hour(hour) for hour in hours])

    return ledger


def _buckets(reader: Reader, hours: range) -> Buckets:
    begin, end = hours.start * HOUR_MS, hours.stop * HOUR_MS
    return Buckets(TimeRange(begin, end, "", ""), HOUR_MS // 1000, max(reader.note("until_ms") or 0, end))


def _report(reader: Reader, period: Period, tariff: Tariff, of: _Ledgers, rigs: Sequence[Rig]) -> Report:
    known_until = (reader.note("until_ms") or 0) // HOUR_MS
    asked = period.hours
    hours = range(asked.start, max(min(asked.stop, known_until), asked.start))
    start = period.before.hours.start
    ledger = of(reader, hours, tariff)
    return Report(
        period=period,
        hours=hours,
        now=ledger.figures(range(len(hours))),
        before=_figures(reader, range(start, min(start + len(hours), asked.start)), tariff, of),
        days=_by_day(ledger, period, hours),
        rigs=_rigs(reader, hours, rigs),
    )


def _figures(reader: Reader, hours: range, tariff: Tariff, of: _Ledgers) -> Figures:
    return of(reader, hours, tariff).figures(range(len(hours)))


def _by_day(ledger: Ledger, period: Period, hours: range) -> list[tuple[date, Figures]]:
    found = []
    for day in period.each_day():
        begin, end = max(day.hours.start, hours.start), min(day.hours.stop, hours.stop)
        if begin < end:
            found.append((day.first, ledger.figures(range(begin - hours.start, end - hours.start))))
    return found


def _rigs(reader: Reader, hours: range, rigs: Sequence[Rig]) -> list[RigFigures]:
    """Those that lost most first, then those of which nothing is known."""
    begin_ms, end_ms = hours.start * HOUR_MS, hours.stop * HOUR_MS
    ids = [rig.id for rig in rigs]
    sums = sums_by_rig(reader, hours, ids)
    there: dict[int, Life] = {one.rig: one for one in lives(reader)}
    unknown_ms = unknown_by_rig(reader, hours, {rig: there[rig] for rig in ids if rig in there})
    found = [
        of_rig(
            rig,
            sums.get(rig.id, RigSums()),
            there.get(rig.id),
            begin_ms,
            end_ms,
            unknown_ms.get(rig.id, 0),
        )
        for rig in rigs
    ]
    return sorted(found, key=lambda one: (one.lost_s is None, -(one.lost_s or 0.0), one.name))
