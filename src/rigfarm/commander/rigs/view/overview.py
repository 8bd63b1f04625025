"""The overview: a line per coin, both kinds of rigs side by side, and what needs attention, worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter

from msgspec import Struct

from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view.state import StateView, state_view
from rigfarm.commander.rigs.view.totals import CoinTotal, FarmTotal, Sparks, coin_totals, farm_total
from rigfarm.commander.stats import RigStats, Totals
from rigfarm.common.clock import iso
from rigfarm.units import Quantity, count, duration, power

__all__ = ["AttentionLine", "OverviewPage", "overview_page"]

MAX_LINES = 20


class AttentionLine(Struct, frozen=True):
    """One rig that needs attention, since when, and why."""

    id: int
    href: str
    name: str
    kind: KindName
    state: StateView
    since_iso: str
    since: str


class OverviewPage(Struct, frozen=True):
    """Everything of overview.html. `more` rigs need attention beyond the lines."""

    coins: tuple[CoinTotal, ...]
    farms: tuple[FarmTotal, ...]
    power: Quantity
    alive: str
    rigs: str
    attention: tuple[AttentionLine, ...]
    more: str
    more_href: str
    empty: bool


def overview_page(
    totals: Mapping[KindName, Totals],
    sick: Sequence[tuple[Rig, RigStats]],
    now_ms: int,
    sparks: Mapping[KindName, Sparks] | None = None,
    at: str = "",
) -> OverviewPage:
    """`sick` are the rigs whose condition has a severity, in any order; `at` is another time, if it is of one."""
    days = sparks or {}
    kinds = [kind for kind in KINDS if totals[kind].rigs]
    coins = [line for kind in kinds for line in coin_totals(totals[kind].coins, KINDS[kind], days.get(kind, {}), at)]
    watts = [totals[kind].power_w for kind in kinds]
    worst = sorted(sick, key=_urgency)
    known = [one for one in watts if one is not None]
    return OverviewPage(
        coins=tuple(sorted(coins, key=attrgetter("coin"))),
        farms=tuple(farm_total(totals[kind], kind, at) for kind in kinds),
        power=power(sum(known) if known else None),
        alive=count(sum(totals[kind].alive for kind in kinds)),
        rigs=count(sum(totals[kind].rigs - totals[kind].states["waiting"] for kind in kinds)),
        attention=tuple(_line(rig, stats, now_ms) for rig, stats in worst[:MAX_LINES]),
        more=count(len(worst) - MAX_LINES) if len(worst) > MAX_LINES else "",
        more_href=KINDS[kinds[0]].href(state="attention", at=at) if kinds else "",
        empty=not kinds,
    )


def _urgency(one: tuple[Rig, RigStats]) -> tuple[int, int, str]:
    """Worst first; of equals, the one that has waited longest."""
    rig, stats = one
    return stats.condition.attention_rank, stats.since_ms or 0, rig.name


def _line(rig: Rig, stats: RigStats, now_ms: int) -> AttentionLine:
    since = stats.since_ms
    return AttentionLine(
        rig.id,
        rig.href,
        rig.name,
        rig.kind,
        state_view(stats.condition, since),
        iso(since),
        "" if since is None else duration((now_ms - since) / 1000),
    )
