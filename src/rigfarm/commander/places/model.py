"""What a tile's colour says of a rig: levels that both sides know, from -1 (unknown) on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct

from rigfarm import units
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.rigs.listing.fields import hottest_c, of_normal
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats import RigStats, Totals

__all__ = ["COLOURINGS", "UNKNOWN", "Colouring"]

UNKNOWN = -1
_Said = tuple[int, str]
_UNKNOWN: _Said = UNKNOWN, "unknown"


class Colouring(Struct, frozen=True):
    """One way to colour tiles. `of` gives a rig's level and words, from the totals of its kind, too; `legend` what each
    level means."""

    label: str
    of: Callable[[Rig, RigStats, Totals], _Said]
    scale: str
    """`state`: well, calm, warn, bad; `heat`: from cold to hot; `gain`: from little to all."""
    legend: tuple[str, ...]
    reads: Literal["", "reasons", "logs"] = ""
    """What it says about a rig besides its state and its share of the totals: why it is in that state, or more."""


def _state(_: Rig, stats: RigStats, __: Totals) -> _Said:
    condition = stats.condition
    words = condition.reason or condition.word or condition.state
    if condition.maintenance or condition.state in ("stopped", "waiting"):
        return 1, words
    if not condition.severity:
        return (0, words) if condition.state in ("online", "degraded") else (1, words)
    return (3 if condition.state in ("offline", "idle") or condition.severity > 1 else 2), words


def _measured(
    read: Callable[[Rig, RigStats], float | None], steps: tuple[float, ...], say: Callable[[float], str]
) -> Callable[[Rig, RigStats, Totals], _Said]:
    """The level is the number of steps that a value reaches; of a rig that reports."""

    def of(rig: Rig, stats: RigStats, _: Totals) -> _Said:
        value = read(rig, stats) if stats.counted else None
        return _UNKNOWN if value is None else (sum(value >= step for step in steps), say(value))

    return of


def _efficiency(rig: Rig, stats: RigStats, totals: Totals) -> _Said:
    """Against all rigs of its kind that mine the coin, together."""
    share = stats.contribution.powered if stats.counted else None
    own = None if share is None else share.efficiency
    of_all = None if share is None or share.coin not in totals.coins else totals.coins[share.coin].efficiency
    if share is None or not own or not of_all:
        return _UNKNOWN
    ratio = own / of_all
    said = KINDS[rig.kind].efficiency(own)
    return sum(ratio >= step for step in _WORTH), f"{share.coin} {said}, {units.percent(ratio)} of the farm's"


_HEAT = (50.0, 60.0, 70.0, 80.0, 90.0)
_GAIN = (0.5, 0.75, 0.9, 0.95, 0.98)
_WORTH = (0.7, 0.85, 0.95, 1.05, 1.2)
COLOURINGS: Mapping[str, Colouring] = {
    "state": Colouring(
        "State", _state, "state", ("well", "stopped or waiting", "needs attention", "needs it now"), "reasons"
    ),
    "temp": Colouring(
        "Temperature",
        _measured(hottest_c, _HEAT, lambda celsius: str(units.temperature(celsius))),
        "heat",
        ("< 50 °C", "50 °C", "60 °C", "70 °C", "80 °C", "≥ 90 °C"),
        reads="logs",
    ),
    "normal": Colouring(
        "Hashrate against normal",
        _measured(of_normal, _GAIN, lambda ratio: f"{units.percent(ratio)} of normal"),
        "gain",
        ("< 50 %", "50 %", "75 %", "90 %", "95 %", "≥ 98 %"),
        reads="logs",
    ),
    "efficiency": Colouring(
        "Efficiency against the farm's",
        _efficiency,
        "gain",
        ("< 70 %", "70 %", "85 %", "95 %", "105 %", "≥ 120 %"),
    ),
}
"""By their name in the URL."""
