"""A rig's row on the index, ready for its template: all numbers formatted, all words chosen."""

from __future__ import annotations

from markupsafe import Markup
from msgspec import Struct

from rigfarm.commander.kinds import KindName
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view.asic_row import AsicCells, asic_cells
from rigfarm.commander.rigs.view.coin_units import CoinUnits
from rigfarm.commander.rigs.view.levels import LEVELS
from rigfarm.commander.rigs.view.state import StateView, state_view
from rigfarm.commander.rigs.view.strip import strip
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import reject_ratio
from rigfarm.commander.stats.marks import MARKS
from rigfarm.common.clock import iso
from rigfarm.units import UNKNOWN, count, duration, format_in, percent, watts
from rigfarm.wire.log import OperationalLog, Workload

__all__ = ["Line", "RigRow", "coins_of_row", "iso", "row"]

MAX_LINES = 3


class Line(Struct, frozen=True, gc=False):
    """One workload of a row: what it mines and how fast. `level` colours a hashrate under its normal."""

    coin: str
    algorithm: str
    hashrate: str
    unit: str
    level: str
    share: str
    """Of the normal or expected hashrate, `97 %`; empty when nothing is normal yet."""


class RigRow(Struct, frozen=True):
    """One rig. Times are UTC ms; `faded`: the values are old, and drawn so."""

    id: int
    name: str
    kind: KindName
    href: str
    labels: str
    """Place and tags; empty where there are none."""
    state: StateView
    lines: tuple[Line, ...]
    more: int
    shares: str
    rejects: str
    rejects_level: str
    strip: Markup
    power: str
    power_unit: str
    uptime: str
    uptime_iso: str
    seen: str
    seen_iso: str
    faded: bool
    day: Markup | None = None
    """Its last 24 hours as a sparkline; empty while unknown, None where no history is collected."""
    asic: AsicCells | None = None


def row(rig: Rig, stats: RigStats, units: CoinUnits, now_ms: int, day: Markup | None = None) -> RigRow:
    """The row of a rig as it is now."""
    log = stats.log
    live = stats.counted and log is not None
    lines, more = _lines(log, stats, units) if live and log is not None else ((), 0)
    ratio = reject_ratio(log.workloads) if live and log is not None else None
    drawn = watts(log.power_w if live and log is not None else None)
    up = _sane(log.uptime_s) if live and log is not None else None
    return RigRow(
        id=rig.id,
        name=rig.name,
        kind=rig.kind,
        href=rig.href,
        labels=" · ".join(part for part in (rig.place, ", ".join(rig.tags)) if part),
        state=state_view(stats.condition, stats.since_ms),
        lines=lines if lines or log is None else _names_only(log),
        more=more,
        shares=_accepted(log) if live and log is not None else UNKNOWN,
        rejects=percent(ratio).number if ratio is not None else "",
        rejects_level=LEVELS[MARKS.rejects.level(ratio)],
        strip=strip(log),
        power=drawn.number,
        power_unit=drawn.unit,
        uptime=duration(up),
        uptime_iso="" if up is None else f"PT{up:.0f}S",
        seen=UNKNOWN if stats.heard_ms is None else duration((now_ms - stats.heard_ms) / 1000),
        seen_iso=iso(stats.heard_ms),
        faded=not live,
        day=day,
        asic=asic_cells(rig.specs, log, live=live) if rig.of.has_boards else None,
    )


def coins_of_row(log: OperationalLog | None) -> list[str]:
    """Whose units the row shows."""
    return [_coin(workload) for workload in log.workloads[:MAX_LINES]] if log is not None else []


def _coin(workload: Workload) -> str:
    return workload.coin or workload.algorithm or "?"


def _sane(seconds: float | None) -> float | None:
    return seconds if seconds is not None and 0 <= seconds < 1e10 else None


def _lines(log: OperationalLog, stats: RigStats, units: CoinUnits) -> tuple[tuple[Line, ...], int]:
    lines = []
    for workload in log.workloads[:MAX_LINES]:
        coin = _coin(workload)
        rate = workload.hashrate
        if rate is not None and not 0.0 <= rate < 1e24:
            rate = None
        unit = units.of(coin, rate)
        level = share = ""
        normal = workload.expected_hashrate or stats.expected(coin)
        if normal and rate is not None:
            level = LEVELS[MARKS.shortfall.level(1.0 - rate / normal)]
            share = f"{rate / normal * 100:.0f} %" if rate < 100 * normal else ""
        known = rate is not None
        lines.append(
            Line(
                workload.coin or "",
                workload.algorithm or "",
                format_in(unit, rate),
                unit.symbol if known else "",
                level,
                share,
            )
        )
    return tuple(lines), max(len(log.workloads) - MAX_LINES, 0)


def _names_only(log: OperationalLog) -> tuple[Line, ...]:
    """What a rig that is away mined last, without the numbers that are no more."""
    return tuple(Line(w.coin or "", w.algorithm or "", UNKNOWN, "", "", "") for w in log.workloads[:MAX_LINES])


def _accepted(log: OperationalLog) -> str:
    known = [w.accepted for w in log.workloads if w.accepted is not None and w.accepted >= 0]
    return count(sum(known)) if known else UNKNOWN
