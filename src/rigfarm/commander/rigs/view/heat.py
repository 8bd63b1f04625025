"""The heat map of an ASIC's boards: a cell per chip, coloured by its temperature, or by its hashrate where no
temperature is told.

Below its mark a chip is drawn in one neutral hue, darker the hotter it is; past the marks in the colours of trouble.
The cells are built here and not in a template: there are hundreds, and they hold numbers only, never a device's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from markupsafe import Markup
from msgspec import Struct

from rigfarm.commander.rigs.boards.chips import ChipReading
from rigfarm.commander.rigs.view.levels import LEVELS
from rigfarm.commander.stats.marks import BAD, MARKS, WARN
from rigfarm.common.clock import iso
from rigfarm.units import duration, hashrate
from rigfarm.wire.specs import BoardDetail

__all__ = ["HeatBoard", "HeatMap", "heat_map"]

COOLEST_C = 40.0
STEPS = 6
"""Shades below the mark: heat-0 … heat-5."""
LAZY_WARN = 0.7
LAZY_BAD = 0.3
"""Of the board's median hashrate: a chip that makes less is coloured."""


class HeatBoard(Struct, frozen=True):
    """One board: its chips as HTML, and what is known of it as a whole, in words."""

    label: str
    chips: Markup
    dead: int
    facts: str


class HeatMap(Struct, frozen=True):
    """All boards, and when they were read."""

    boards: tuple[HeatBoard, ...]
    by: str
    """What colours a cell: `temperature` or `hashrate`."""
    at_iso: str
    age: str


def heat_map(reading: ChipReading | None, now_ms: int) -> HeatMap | None:
    """None where no chip is told of."""
    if reading is None:
        return None
    boards = [board for board in reading.boards if _count(board)]
    if not boards:
        return None
    warm = any(t is not None for board in boards for t in board.chip_temperatures_c)
    return HeatMap(
        tuple(_board(board) for board in boards),
        "temperature" if warm else "hashrate",
        iso(reading.heard_ms),
        duration((now_ms - reading.heard_ms) / 1000),
    )


def _count(board: BoardDetail) -> int:
    return max(len(board.chip_temperatures_c), len(board.chip_hashrates), max(board.chips_dead, default=-1) + 1)


def _board(board: BoardDetail) -> HeatBoard:
    count = _count(board)
    degrees, rates = _padded(board.chip_temperatures_c, count), _padded(board.chip_hashrates, count)
    known = [rate for rate in rates if rate]
    usual = median(known) if known else None
    dead = set(board.chips_dead)
    cells = [_cell(chip, degrees[chip], rates[chip], usual, chip in dead) for chip in range(count)]
    return HeatBoard(f"Board {board.index}", Markup("".join(cells)), len(dead), _facts(board))  # noqa: S704 - numbers


def _padded(column: Sequence[float | None], count: int) -> list[float | None]:
    return [*column, *[None] * (count - len(column))]


def _cell(chip: int, celsius: float | None, rate: float | None, usual: float | None, dead: bool) -> str:
    title = f"chip {chip}"
    if celsius is not None:
        title += f" · {celsius:.0f} °C"
    if rate is not None:
        title += f" · {hashrate(rate)}"
    if dead:
        return f'<b class="gone" title="{title} · dead"><s>–</s></b>'
    if celsius is not None:
        return f'<b class="{_shade(celsius)}{_lazy(rate, usual)}" title="{title}">{celsius:.0f}</b>'
    if rate is not None:
        part = f"{rate / usual * 100:.0f}" if usual else "0"
        return f'<b class="heat-0{_lazy(rate, usual)}" title="{title}">{part}</b>'
    return f'<b class="none" title="{title} · unknown">–</b>'


def _shade(celsius: float) -> str:
    mark = MARKS.chip["hashboard"]
    level = mark.level(celsius)
    if level in (WARN, BAD):
        return LEVELS[level]
    step = int((celsius - COOLEST_C) / max(mark.warn - COOLEST_C, 1.0) * STEPS)
    return f"heat-{min(max(step, 0), STEPS - 1)}"


def _lazy(rate: float | None, usual: float | None) -> str:
    if rate is None or not usual or rate >= usual * LAZY_WARN:
        return ""
    return " lazy bad" if rate < usual * LAZY_BAD else " lazy"


def _facts(board: BoardDetail) -> str:
    parts = []
    if board.inlet_c is not None or board.outlet_c is not None:
        air = [f"{t:.0f}" if t is not None else "–" for t in (board.inlet_c, board.outlet_c)]
        parts.append(f"air {air[0]} → {air[1]} °C")
    if board.voltage_v is not None:
        parts.append(f"{board.voltage_v:.4g} V")
    if board.frequency_mhz is not None:
        parts.append(f"{board.frequency_mhz:.0f} MHz")
    return " · ".join(parts)
