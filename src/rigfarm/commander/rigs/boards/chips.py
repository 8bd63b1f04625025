"""Boards chip by chip, for the heat map on an ASIC's page: the latest of each rig, in memory only and bounded.

A Sentry sends them now and then. They are kept as they are drawn, six bytes a chip: tenths of a degree as a short, the
hashrate as a single float. Ten thousand ASICs of 400 chips are 25 MB so, and would be 250 MB as Python's own floats.
"""

from __future__ import annotations

import math
from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from msgspec import Struct

from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.broadcasts import chips_changed
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats.marks import plausible
from rigfarm.common.clock import utc_ms
from rigfarm.wire.specs import BoardDetail

__all__ = ["ChipReading", "Chips"]

MAX_BOARDS = 32
MAX_CHIPS = 1_024
"""Of one board; what a Sentry says beyond that is not kept."""
MAX_BYTES = 64 << 20
"""Of all rigs together: the rig that was heard of longest ago goes first."""
_BOARD_BYTES = 500
_UNKNOWN = -(1 << 15)


class ChipReading(Struct, frozen=True):
    """What a rig said last, and when (UTC ms)."""

    heard_ms: int
    boards: list[BoardDetail]


class _Board(Struct, gc=False):
    """A board as it is kept; `degrees` are tenths."""

    index: int
    degrees: array[int]
    rates: array[float]
    dead: list[int]
    inlet_c: float | None
    outlet_c: float | None
    voltage_v: float | None
    frequency_mhz: float | None

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        return _BOARD_BYTES + 2 * len(self.degrees) + 4 * len(self.rates) + 8 * len(self.dead)


class Chips:
    """The latest of every rig. Hostile numbers become unknown here, before they are drawn."""

    def __init__(self, hub: Hub, rigs: Mapping[int, Rig]) -> None:
        self._hub = hub
        self._rigs = rigs
        self._kept: OrderedDict[int, tuple[int, list[_Board]]] = OrderedDict()
        self.bytes = 0
        """Kept now."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, rig_id: int) -> ChipReading | None:
        """The latest of a rig."""
        found = self._kept.get(rig_id)
        return None if found is None else ChipReading(found[0], [_unpacked(board) for board in found[1]])

    def receive(self, rig_id: int, boards: Sequence[BoardDetail]) -> None:
        """A Sentry says how a rig's chips are."""
        rig = self._rigs.get(rig_id)
        if rig is None or not boards:
            return
        self.forget(rig_id)
        packed = [_packed(board) for board in boards[:MAX_BOARDS]]
        self._kept[rig_id] = (utc_ms(), packed)
        self.bytes += sum(board.size for board in packed)
        while self.bytes > MAX_BYTES:
            self.forget(next(iter(self._kept)))
        chips_changed(self._hub, rig)

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        _, boards = self._kept.pop(rig_id, (0, []))
        self.bytes -= sum(board.size for board in boards)


def _packed(board: BoardDetail) -> _Board:
    return _Board(
        index=board.index if 0 <= board.index < 1_000 else 0,
        degrees=array("h", map(_tenths, board.chip_temperatures_c[:MAX_CHIPS])),
        rates=array("f", map(_rate, board.chip_hashrates[:MAX_CHIPS])),
        dead=sorted({chip for chip in board.chips_dead[:MAX_CHIPS] if 0 <= chip < MAX_CHIPS}),
        inlet_c=plausible(board.inlet_c),
        outlet_c=plausible(board.outlet_c),
        voltage_v=_positive(board.voltage_v, 1e3),
        frequency_mhz=_positive(board.frequency_mhz, 1e5),
    )


def _unpacked(board: _Board) -> BoardDetail:
    return BoardDetail(
        index=board.index,
        chip_temperatures_c=[None if one == _UNKNOWN else one / 10 for one in board.degrees],
        chip_hashrates=[None if math.isnan(one) else one for one in board.rates],
        chips_dead=board.dead,
        inlet_c=board.inlet_c,
        outlet_c=board.outlet_c,
        voltage_v=board.voltage_v,
        frequency_mhz=board.frequency_mhz,
    )


def _tenths(celsius: float | None) -> int:
    known = plausible(celsius)
    return _UNKNOWN if known is None else round(known * 10)


def _rate(value: float | None) -> float:
    """H/s; a single float reaches to 3e38."""
    return value if value is not None and 0.0 <= value < 1e24 else math.nan


def _positive(value: float | None, below: float) -> float | None:
    return value if value is not None and 0.0 < value < below else None
