"""What a tile's colour says of a rig: levels that both sides know, from -1 (unknown) on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from rigfarm import units
from rigfarm.commander.rigs.listing.fields import hottest_c, of_normal
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats import RigStats

__all__ = ["COLOURINGS", "UNKNOWN", "Colouring"]

UNKNOWN = -1
_Said = tuple[int, str]


class Colouring(Struct, frozen=True):
    """One way to colour tiles. `of` gives a rig's level and words; `legend` what each level means."""

    label: str
    of: Callable[[Rig, RigStats], _Said]
    scale: str
    """`state`: well, calm, warn, bad; `heat`: from cold to hot; `gain`: from little to all."""
    legend: tuple[str, ...]


def _state(_: Rig, stats: RigStats) -> _Said:
    condition = stats.condition
    words = condition.reason or condition.word or condition.state
    if condition.maintenance or condition.state in ("stopped", "waiting"):
        return 1, words
    if not condition.severity:
        return (0, words) if condition.state in ("online", "degraded") else (1, words)
    return (3 if condition.state in ("offline", "idle") or condition.severity > 1 else 2), words


def _measured(
    read: Callable[[Rig, RigStats], float | None], steps: tuple[float, ...], say: Callable[[float], str]
) -> Callable[[Rig, RigStats], _Said]:
    """The level is the number of steps that a value reaches; of a rig that reports."""

    def of(rig: Rig, stats: RigStats) -> _Said:
        value = read(rig, stats) if stats.counted else None
        return (UNKNOWN, "unknown") if value is None else (sum(value >= step for step in steps), say(value))

    return of


_HEAT = (50.0, 60.0, 70.0, 80.0, 90.0)
_GAIN = (0.5, 0.75, 0.9, 0.95, 0.98)
COLOURINGS: Mapping[str, Colouring] = {
    "state": Colouring("State", _state, "state", ("well", "stopped or waiting", "needs attention", "needs it now")),
    "temp": Colouring(
        "Temperature",
        _measured(hottest_c, _HEAT, lambda celsius: str(units.temperature(celsius))),
        "heat",
        ("< 50 °C", "50 °C", "60 °C", "70 °C", "80 °C", "≥ 90 °C"),
    ),
    "normal": Colouring(
        "Hashrate against normal",
        _measured(of_normal, _GAIN, lambda ratio: f"{units.percent(ratio)} of normal"),
        "gain",
        ("< 50 %", "50 %", "75 %", "90 %", "95 %", "≥ 98 %"),
    ),
}
"""By their name in the URL."""
