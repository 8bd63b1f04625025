"""An ASIC at a glance: what it makes of what it should, what of it is alive, how hot it is, and what it draws."""

from __future__ import annotations

from msgspec import Struct

from rigfarm.commander.rigs.view.asic_row import AsicCells, asic_cells
from rigfarm.commander.rigs.view.levels import LEVELS
from rigfarm.commander.stats.marks import MARKS
from rigfarm.units import UNKNOWN, hashrate, watts
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.specs import Specs

__all__ = ["Vital", "vitals"]


class Vital(Struct, frozen=True):
    """One figure; `sub` stands below it, lighter."""

    label: str
    number: str
    unit: str = ""
    sub: str = ""
    level: str = ""


def vitals(specs: Specs | None, log: OperationalLog | None, *, live: bool) -> tuple[Vital, ...]:
    """Of an ASIC. Empty before its first log; unknown figures are “–”."""
    if log is None:
        return ()
    cells = asic_cells(specs, log, live=live)
    return (
        _hashrate(specs, log, live=live),
        Vital("Boards alive", cells.boards, level=cells.boards_level),
        Vital("Chips alive", cells.chips or UNKNOWN, level=cells.chips_level),
        _hottest(cells),
        Vital(
            "Fans", cells.fans, "rpm" if cells.fans != UNKNOWN else "", cells.stopped, "bad" if cells.stopped else ""
        ),
        _power(log, live=live),
        Vital("Efficiency", cells.cost, cells.cost_unit),
    )


def _hashrate(specs: Specs | None, log: OperationalLog, *, live: bool) -> Vital:
    rates = [w.hashrate for w in log.workloads if w.hashrate is not None and 0.0 <= w.hashrate < 1e24]
    promised = sum(w.expected_hashrate or 0.0 for w in log.workloads) or (specs.expected_hashrate if specs else None)
    made = sum(rates) if rates and live else None
    shown = hashrate(made)
    if promised is None or not 0.0 < promised < 1e24:
        return Vital("Hashrate", shown.number, shown.unit)
    sub = f"of {hashrate(promised)}"
    if made is None or made > 100 * promised:
        return Vital("Hashrate", shown.number, shown.unit, sub)
    part = made / promised
    return Vital(
        "Hashrate", shown.number, shown.unit, f"{part * 100:.0f} % {sub}", LEVELS[MARKS.shortfall.level(1.0 - part)]
    )


def _hottest(cells: AsicCells) -> Vital:
    chip, board = cells.chip, cells.board
    worst = max(chip.level, board.level, key=LEVELS.index)
    if chip.text == UNKNOWN:
        return Vital("Hottest board", board.text, "°C" if board.text != UNKNOWN else "", level=worst)
    return Vital("Hottest chip", chip.text, "°C", f"board {board.text} °C" if board.text != UNKNOWN else "", worst)


def _power(log: OperationalLog, *, live: bool) -> Vital:
    drawn = watts(log.power_w if live else None)
    return Vital("Power", drawn.number, drawn.unit)
