"""Warning marks: where a value begins to deserve a colour (warn), and where its rig counts as sick (bad).

Data, so that alerts can make them settings. Temperatures °C, ratios 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from rigfarm.wire.log import DeviceKind

__all__ = ["BAD", "CHIP", "CORE", "MEMORY", "REJECTS", "SHORTFALL", "WARN", "WELL", "Mark", "hottest", "plausible"]

WELL: Final = 0
WARN: Final = 1
BAD: Final = 2

HOTTEST_C = 200.0
COLDEST_C = -60.0


class Mark(NamedTuple):
    """From `warn` on a value is coloured, from `bad` on it makes its rig sick."""

    warn: float
    bad: float

    def level(self, value: float | None) -> int:
        """WELL, WARN or BAD; what is unknown is well."""
        if value is None or not value >= self.warn:
            return WELL
        return BAD if value >= self.bad else WARN


CORE: Final[dict[DeviceKind, Mark]] = {"cpu": Mark(80, 90), "gpu": Mark(75, 85), "hashboard": Mark(75, 85)}
"""Of `core_c`: CPU package, GPU core, ASIC board."""
MEMORY: Final[dict[DeviceKind, Mark]] = {"gpu": Mark(95, 105)}
"""Of `memory_c`."""
CHIP: Final[dict[DeviceKind, Mark]] = {"hashboard": Mark(80, 95)}
"""Of `chip_c`. A GPU's hotspot runs hot by nature and has no mark."""
REJECTS: Final = Mark(0.02, 0.05)
"""Of rejected / (accepted + rejected)."""
SHORTFALL: Final = Mark(0.10, 0.30)
"""Of 1 - hashrate / normal."""


def plausible(celsius: float | None) -> float | None:
    """A temperature that a working sensor could mean; anything else is unknown."""
    return celsius if celsius is not None and COLDEST_C < celsius < HOTTEST_C else None


def hottest(column: Sequence[float | None]) -> float | None:
    """The highest plausible temperature of a column, °C: asked for every rig when an index is sorted by it."""
    if not column:
        return None
    if None not in column:
        # A NaN compares with nothing: it is the maximum only where it stands first, and is seen to be none then.
        most = max(column)  # type: ignore[type-var]
        if plausible(most) is not None:
            return most
    return max((t for t in map(plausible, column) if t is not None), default=None)
