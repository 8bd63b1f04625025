"""What an ASIC's log and specs say together: how many boards and chips are alive, of how many there should be."""

from __future__ import annotations

from typing import NamedTuple

from rigfarm.wire.log import OperationalLog, Pool
from rigfarm.wire.specs import Specs

__all__ = ["Alive", "active_pool", "boards_of", "chips_of"]

MOST_BOARDS = 1_000
MOST_CHIPS = 100_000


class Alive(NamedTuple):
    """So many are alive; `expected` is never less, and None where nobody knows."""

    alive: int
    expected: int | None

    @property
    def ratio(self) -> float:
        """0..1; what nobody expects more of is whole."""
        return self.alive / self.expected if self.expected else 1.0

    @property
    def short(self) -> bool:
        """Whether some are missing."""
        return self.expected is not None and self.alive < self.expected


def boards_of(specs: Specs | None, log: OperationalLog) -> Alive | None:
    """Hashboards; None when the log tells of none."""
    devices = log.devices
    rows = [row for row, kind in enumerate(devices.kinds) if kind == "hashboard"]
    promised = _sane(specs.hashboards_expected if specs is not None else None, MOST_BOARDS)
    if not rows:
        return None
    told = len(devices.missing) == len(devices.kinds)
    alive = sum(not devices.missing[row] for row in rows) if told else len(rows)
    return Alive(alive, max(promised or 0, len(rows)))


def chips_of(specs: Specs | None, log: OperationalLog) -> Alive | None:
    """Chips of all boards; None when no board tells. A dead board tells of none, so the specs know better what there
    should be."""
    devices = log.devices
    if len(devices.chips) != len(devices.kinds):
        return None
    known = [chips for chips in (_sane(chips, MOST_CHIPS) for chips in devices.chips) if chips is not None]
    if not known:
        return None
    alive = sum(known)
    promised = _sane(specs.chips_expected if specs is not None else None, MOST_CHIPS)
    told = sum(_sane(chips, MOST_CHIPS) or 0 for chips in devices.chips_expected)
    expected = max(promised or 0, told)
    return Alive(alive, max(expected, alive) if expected else None)


def active_pool(log: OperationalLog) -> Pool | None:
    """The pool it mines to, or would."""
    return next((one for one in log.pools if one.active), log.pools[0] if log.pools else None)


def _sane(number: int | None, most: int) -> int | None:
    return number if number is not None and 0 <= number <= most else None
