"""A report as it is shown, as data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime
from urllib.parse import urlencode

from msgspec import Struct

from rigfarm import units
from rigfarm.commander.history import HOUR_MS
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.names import name_sort
from rigfarm.commander.reports.model import NAMED_PERIODS, CoinFigures, Earned, Earnings, Figures, Report, RigFigures
from rigfarm.commander.rigs.view.labels import condition
from rigfarm.units import UNKNOWN, Quantity

__all__ = ["Asked", "ReportPage", "report_page", "rows_of"]

MAX_LABELS = 100
"""Places or tags to choose from."""
SHOWN = 50
"""Rigs on the page; the export has all."""
SETS: dict[str, str] = {"": "Whole farm"} | {name: kind.title for name, kind in KINDS.items()}


class Asked(Struct, frozen=True):
    """What a URL asks for."""

    period: str = ""
    first: str = ""
    last: str = ""
    kind: str = ""
    rig: int | None = None
    filter: str = ""
    """A search: rigs that it finds today."""

    def href(self, path: str = "/reports", **other: str) -> str:
        """The same about something else."""
        own = {"filter": self.filter, "rig": str(self.rig) if self.rig is not None else ""}
        given = self.kept | own | other
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{path}?{query}" if query else path

    @property
    def kept(self) -> dict[str, str]:
        """What a form that asks for other rigs sends along."""
        given = {"period": self.period, "from": self.first, "to": self.last, "kind": self.kind}
        return {name: value for name, value in given.items() if value}


class Link(Struct, frozen=True):
    """Another report."""

    label: str
    href: str
    current: bool


class Tile(Struct, frozen=True):
    """One figure, what it was before, and what it means."""

    label: str
    value: Quantity
    before: str
    note: str = ""


class EarnedCells(Struct, frozen=True):
    """What was earned with a coin; `note` is what it was reckoned with."""

    coins: str = UNKNOWN
    revenue: str = UNKNOWN
    profit: str = UNKNOWN
    note: str = ""


class CoinLine(Struct, frozen=True):
    """A coin: cells of the table."""

    coin: str
    hashrate: Quantity
    before: str
    efficiency: Quantity
    energy: Quantity
    cost: str
    rejects: Quantity
    shares: str
    earned: EarnedCells


class DayLine(Struct, frozen=True):
    """A day: cells of the table."""

    day: str
    available: Quantity
    hashrates: str
    efficiency: Quantity
    energy: Quantity
    cost: str


class RigLine(Struct, frozen=True):
    """A rig: cells of the table."""

    name: str
    href: str
    report: str
    letter: str
    reason: str
    delivered: Quantity
    available: Quantity
    speed: Quantity
    lost: str
    rejects: Quantity
    hot: str
    starts: str
    energy: Quantity


class ReportPage(Struct, frozen=True):
    """The page."""

    title: str
    of: str
    until: str
    """Where the period has not ended: up to when it is known, ISO."""
    known: bool
    periods: list[Link]
    sets: list[Link]
    labels: dict[str, list[Link]]
    """Places and tags, by title."""
    asked: Asked
    matches: str
    """How many rigs the search finds; empty without one."""
    tiles: list[Tile]
    earns: bool
    """Whether anything is known of revenue."""
    coins: list[CoinLine]
    days: list[DayLine]
    rigs: list[RigLine]
    more: int
    csv: dict[str, str]
    notes: list[str]


def report_page(
    report: Report,
    asked: Asked,
    currency: str,
    name: str,
    labels: tuple[Collection[str], Collection[str]] = ((), ()),
    days_used: float = 7.0,
) -> ReportPage:
    """`name`: of the rig that it is about, or of a set of rigs; `labels`: places and tags to choose from; `days_used`:
    for how long a coin's price is used."""
    period, now, before = report.period, report.now, report.before
    days = f"{period.first}" if period.days == 1 else f"{period.first} to {period.last}"
    ended = report.hours.stop >= period.hours.stop
    until = datetime.fromtimestamp(report.hours.stop * HOUR_MS / 1000, UTC).isoformat(timespec="minutes")
    of_rig = asked.rig is not None
    return ReportPage(
        title=f"{NAMED_PERIODS[period.name]}, {days}" if period.name else days,
        of=name,
        until="" if ended or not report.hours else until,
        known=bool(report.hours) and now.there_s > 0,
        periods=[
            Link(label, asked.href(period=key, **{"from": "", "to": ""}), key == period.name)
            for key, label in NAMED_PERIODS.items()
        ],
        sets=[] if of_rig else [Link(label, asked.href(kind=kind), kind == asked.kind) for kind, label in SETS.items()],
        labels={} if of_rig else _labels(asked, *labels),
        asked=asked,
        matches=units.count(len(report.rigs)) if asked.filter else "",
        tiles=[*_tiles(now, before, currency), *_earning_tiles(report.earned, currency)],
        earns=bool(report.earned.coins),
        coins=[_coin(one, before, currency, report.earned) for one in now.coins],
        days=[_day(day, figures, currency) for day, figures in report.days] if period.days > 1 else [],
        rigs=[_rig(one, asked) for one in report.rigs[:SHOWN]] if not of_rig else [],
        more=0 if of_rig else max(len(report.rigs) - SHOWN, 0),
        csv={part: asked.href("/api/reports.csv", part=part) for part in ("coins", "days", "rigs")},
        notes=[*_notes(now, currency), *_earning_notes(report.earned, days_used)],
    )


def _labels(asked: Asked, places: Collection[str], tags: Collection[str]) -> dict[str, list[Link]]:
    def links(field: str, words: Collection[str]) -> list[Link]:
        every = [(word, condition(field, word)) for word in sorted(words, key=name_sort)[:MAX_LABELS]]
        return [
            Link(word, asked.href(filter="" if search == asked.filter else search), search == asked.filter)
            for word, search in every
        ]

    found = {"Places": links("place", places), "Tags": links("tag", tags)}
    return {title: some for title, some in found.items() if some}


def money(amount: float | None, currency: str) -> str:
    """An amount of the farm's currency."""
    if amount is None:
        return UNKNOWN
    text = f"{amount:,.2f}".replace(",", units.THIN).replace("-", "−")
    return f"{text} {currency}".strip()


def _tiles(now: Figures, before: Figures, currency: str) -> list[Tile]:
    energy, cost = units.energy(now.energy_j), money(now.cost, currency)
    return [
        Tile("Mined", units.percent(now.available), str(units.percent(before.available)), "of the time of all rigs"),
        Tile("Energy", energy, str(units.energy(before.energy_j))),
        Tile("Cost of energy", Quantity(*_apart(cost)), money(before.cost, currency)),
        Tile(
            "Offline",
            Quantity(units.duration(now.offline_s), ""),
            units.duration(before.offline_s),
            "all rigs together",
        ),
    ]


def _apart(amount: str) -> tuple[str, str]:
    number, _, unit = amount.partition(" ")
    return number, unit


def _earning_tiles(earned: Earnings, currency: str) -> Iterator[Tile]:
    if earned.revenue is not None:
        part = "of some coins only" if earned.missing else ""
        yield Tile("Revenue", Quantity(*_apart(money(earned.revenue, currency))), "", part)
    if earned.profit is not None:
        yield Tile("Profit", Quantity(*_apart(money(earned.profit, currency))), "", "revenue less energy")


def _earned(one: Earned, currency: str) -> EarnedCells:
    note = "paid out" if one.paid_out else ""
    if one.price is not None:
        age = units.duration(one.price_age_s)
        source = f", {one.price_source}" if one.price_source else ""
        note = f"{note}{', ' if note else ''}price {one.price:.6g} {currency}, {age} old{source}"
    return EarnedCells(
        f"{one.coins:.6g}",
        money(one.revenue, currency),
        money(one.profit, currency),
        note,
    )


def _earning_notes(earned: Earnings, days_used: float) -> Iterator[str]:
    for one in earned.coins:
        if one.unvalued_days:
            parts = units.counted(one.unvalued_days, "payout" if one.paid_out else "day")
            yield (
                f"{one.coin}: for {parts} no price or rate is known that was at most {days_used:g} "
                "days old. They aren't in the revenue."
            )
    unknown = [coin for coin in earned.missing if coin not in {one.coin for one in earned.coins}]
    if earned.coins and unknown:
        yield f"Nothing is known of the price or the rate of {', '.join(unknown)}: not in the revenue."


def _coin(one: CoinFigures, before: Figures, currency: str, earned: Earnings) -> CoinLine:
    then = next((other.hashrate for other in before.coins if other.coin == one.coin), None)
    return CoinLine(
        coin=one.coin,
        hashrate=units.hashrate(one.hashrate),
        before=str(units.hashrate(then)),
        efficiency=units.energy_per_hash(one.efficiency) if one.efficiency else Quantity(UNKNOWN, ""),
        energy=units.energy(one.energy_j),
        cost=money(one.cost, currency),
        rejects=units.percent(one.rejects),
        shares=units.count(one.accepted),
        earned=next((_earned(mine, currency) for mine in earned.coins if mine.coin == one.coin), EarnedCells()),
    )


def _day(day: date, one: Figures, currency: str) -> DayLine:
    first = one.coins[0] if one.coins else None
    return DayLine(
        day=f"{day:%a} {day}",
        available=units.percent(one.available),
        hashrates=", ".join(f"{units.hashrate(coin.hashrate)} {coin.coin}" for coin in one.coins[:3]) or UNKNOWN,
        efficiency=units.energy_per_hash(first.efficiency) if first else Quantity(UNKNOWN, ""),
        energy=units.energy(one.energy_j),
        cost=money(one.cost, currency),
    )


def _rig(one: RigFigures, asked: Asked) -> RigLine:
    return RigLine(
        name=one.name,
        href=one.href,
        report=asked.href(rig=str(one.rig_id), kind="", filter=""),
        letter=one.grade.letter if one.grade else UNKNOWN,
        reason=one.grade.reason if one.grade else "its own normal hashrate is not known yet",
        delivered=units.percent(one.delivered),
        available=units.percent(one.available),
        speed=units.percent(one.speed),
        lost=units.duration(one.lost_s),
        rejects=units.percent(one.rejects),
        hot=units.duration(one.hot_s) if one.hot_s >= 60 else "",
        starts=units.count(one.program_starts) if one.program_starts else "",
        energy=units.energy(one.energy_j),
    )


def _notes(now: Figures, currency: str) -> Iterator[str]:
    if now.energy_j is None:
        yield "No rig reports its power: energy and its cost are unknown."
    elif (known := now.power_known) is not None and known < 0.995:
        yield f"Power was known for {units.percent(known)} of the reported time. The rest isn't in the energy."
    if now.cost is None and now.energy_j is not None:
        yield "Enter what a kWh costs to see what the energy cost."
    elif now.unpriced_j > 0:
        yield f"No price is set for {units.energy(now.unpriced_j)}: they are not in the cost."
    if now.cost is not None and not currency:
        yield "Enter your currency, so that amounts have a unit."
    if now.unknown_s >= 60:
        yield (
            f"For {units.duration(now.unknown_s)} of rigs' time it isn't known whether they mined: the Commander "
            "didn't run. That time is left out of the share."
        )


# Exports


def rows_of(report: Report, part: str, currency: str) -> Iterator[Sequence[object]]:
    """A table with its head, in SI units and kWh; what is unknown is empty."""
    amount = f"cost_{currency}" if currency else "cost"
    if part == "rigs":
        yield ("rig", "id", "grade", "reason", "delivered", "available", "speed", "lost_s", "coin", "hashrate_h_s",
               "rejects", "hot_s", "program_starts", "rig_starts", "energy_kwh")  # fmt: skip
        for rig in report.rigs:
            grade = (rig.grade.letter, rig.grade.reason) if rig.grade else (None, None)
            yield (rig.name, rig.rig_id, *grade, rig.delivered, rig.available, rig.speed, rig.lost_s, rig.coin or None,
                   rig.hashrate, rig.rejects, rig.hot_s, rig.program_starts, rig.rig_starts,
                   _kwh(rig.energy_j))  # fmt: skip
    elif part == "days":
        yield ("day", "available", "online_s", "degraded_s", "idle_s", "stopped_s", "offline_s", "unknown_s",
               "energy_kwh", amount)  # fmt: skip
        for day, one in report.days:
            yield (str(day), one.available, one.online_s, one.degraded_s, one.idle_s, one.stopped_s, one.offline_s,
                   one.unknown_s, _kwh(one.energy_j), one.cost)  # fmt: skip
    else:
        earned = {one.coin: one for one in report.earned.coins}
        tail = f"_{currency}" if currency else ""
        yield ("coin", "hashes", "hashrate_h_s", "h_per_j", "energy_kwh", amount, "accepted", "rejected", "stale",
               "invalid", "coins", "paid_out", f"revenue{tail}", f"profit{tail}", f"price{tail}", "price_at",
               "unvalued_days")  # fmt: skip
        for coin in report.now.coins:
            yield (coin.coin, coin.hashes, coin.hashrate, coin.efficiency, _kwh(coin.energy_j), coin.cost,
                   coin.accepted, coin.rejected, coin.stale, coin.invalid,
                   *_earned_row(earned.get(coin.coin)))  # fmt: skip


def _earned_row(one: Earned | None) -> Sequence[object]:
    if one is None:
        return (None,) * 7
    return (one.coins, one.paid_out, one.revenue, one.profit, one.price, one.price_at, one.unvalued_days)


def _kwh(joules: float | None) -> float | None:
    return None if joules is None else joules / 3.6e6
