"""What an ASIC's log and specs say together: how many boards and chips are alive, of how many there should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rigfarm.wire.log import OperationalLog, Pool
from rigfarm.wire.specs import Specs

__all__ = ["Alive", "active_pool", "boards_of", "chips_of"]

MOST_BOARDS = 1_000
MOST_CHIPS = 100_000


class Alive(NamedTuple):
    """So many are alive; `expected` is never less, and None where that is unknown."""

    alive: int
    expected: int | None

    @property
    def ratio(self) -> float:
        """0..1; without a known number they count as whole."""
        return self.alive / self.expected if self.expected else 1.0

    @property
    def short(self) -> bool:
        """Whether some are missing."""
        return self.expected is not None and self.alive < self.expected


def boards_of(specs: Specs | None, log: OperationalLog) -> Alive | None:
    """Hashboards; None when the log tells of none."""
    kinds, missing = log.devices.kinds, log.devices.missing
    boards = kinds.count("hashboard")
    if not boards:
        return None
    gone = 0
    if True in missing and len(missing) == len(kinds):
        gone = sum(is_gone and kind == "hashboard" for is_gone, kind in zip(missing, kinds, strict=True))
    promised = _sane(specs.hashboards_expected if specs is not None else None, MOST_BOARDS)
    return Alive(boards - gone, max(promised or 0, boards))


def chips_of(specs: Specs | None, log: OperationalLog) -> Alive | None:
    """Chips of all boards; None when no board tells. A dead board tells of none, so the specs know better what there
    should be."""
    devices = log.devices
    if len(devices.chips) != len(devices.kinds):
        return None
    alive = _total(devices.chips)
    if alive is None:
        return None
    promised = _sane(specs.chips_expected if specs is not None else None, MOST_CHIPS)
    expected = max(promised or 0, _total(devices.chips_expected) or 0)
    return Alive(alive, max(expected, alive) if expected else None)


def active_pool(log: OperationalLog) -> Pool | None:
    """The pool it mines to, or would."""
    return next((one for one in log.pools if one.active), log.pools[0] if log.pools else None)


def _total(column: Sequence[int | None]) -> int | None:
    """Of what is known and can be; None when nothing is."""
    known = [number for number in column if number is not None and 0 <= number <= MOST_CHIPS]
    return sum(known) if known else None


def _sane(number: int | None, most: int) -> int | None:
    return number if number is not None and 0 <= number <= most else None
