"""What only an ASIC's row has: what it is, its boards and chips, the hottest of them, fans, efficiency, pool, messages.

Everything a device says may be nonsense: what makes no sense is unknown, and never a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from rigfarm.commander.rigs.boards.alive import Alive, active_pool, boards_of, chips_of
from rigfarm.commander.rigs.view.levels import LEVELS
from rigfarm.commander.stats.marks import MARKS, WARN, Mark, hottest
from rigfarm.units import UNKNOWN, Quantity, count, energy_per_hash
from rigfarm.wire.log import DeviceKind, OperationalLog
from rigfarm.wire.specs import Specs

__all__ = ["AsicCells", "Degrees", "asic_cells", "asic_efficiency", "fan_speeds", "written_alive"]

MAX_RPM = 1e5
LONGEST_MESSAGE = 90


class Degrees(Struct, frozen=True, gc=False):
    """A temperature, °C; `level` is empty, warn or bad."""

    text: str
    level: str = ""


class AsicCells(Struct, frozen=True):
    """An ASIC's cells, ready to be drawn; what is unknown is “–”, and empty where it would stand beside something."""

    model: str
    firmware: str
    boards: str = UNKNOWN
    boards_level: str = ""
    """`warn` when some are missing."""
    chips: str = ""
    chips_level: str = ""
    chip: Degrees = Degrees(UNKNOWN)
    board: Degrees = Degrees(UNKNOWN)
    fans: str = UNKNOWN
    stopped: str = ""
    """`1 stopped`: fans that stand still beside others that turn."""
    cost: str = UNKNOWN
    cost_unit: str = ""
    pool: str = ""
    pool_state: str = ""
    """`down`, `spare` (not the first one), or empty."""
    message: str = ""
    more_messages: int = 0


def asic_cells(specs: Specs | None, log: OperationalLog | None, *, live: bool) -> AsicCells:
    """Of a device as it is now; one that is away keeps what it is, and loses its numbers."""
    model = _joined(specs.make, specs.model, specs.variant) if specs is not None else ""
    firmware = _joined(specs.firmware, specs.firmware_version) if specs is not None else ""
    if log is None or not live:
        return AsicCells(model, firmware)
    boards, chips = boards_of(specs, log), chips_of(specs, log)
    cost = asic_efficiency(log)
    fans, stopped = fan_speeds(log.fans)
    pool = active_pool(log)
    return AsicCells(
        model,
        firmware,
        boards=written_alive(boards) or UNKNOWN,
        boards_level=_short(boards),
        chips=written_alive(chips),
        chips_level=_short(chips),
        chip=_hottest(log.devices.chip_c, MARKS.chip),
        board=_hottest(log.devices.core_c, MARKS.core),
        fans=fans,
        stopped=stopped,
        cost=cost.number,
        cost_unit=cost.unit,
        pool=pool.url.partition("://")[2] or pool.url if pool is not None else "",
        pool_state="" if pool is None else "down" if pool.alive is False else "" if pool is log.pools[0] else "spare",
        message=_shortened(log.messages[0]) if log.messages else "",
        more_messages=max(len(log.messages) - 1, 0),
    )


def written_alive(alive: Alive | None) -> str:
    """`2 / 3`; empty when unknown."""
    if alive is None:
        return ""
    return count(alive.alive) if alive.expected is None else f"{count(alive.alive)} / {count(alive.expected)}"


def _short(alive: Alive | None) -> str:
    return LEVELS[WARN] if alive is not None and alive.short else ""


def asic_efficiency(log: OperationalLog) -> Quantity:
    """J/TH of all it hashes now."""
    rates = [w.hashrate for w in log.workloads if w.hashrate is not None and 0.0 <= w.hashrate < 1e24]
    power = log.power_w
    known = power is not None and 0.0 < power < 1e7 and rates
    return energy_per_hash(sum(rates) / power if known and power else None)


def fan_speeds(fans: Sequence[float | None]) -> tuple[str, str]:
    """(the fastest in rpm, how many stand still)."""
    known = [rpm for rpm in fans if rpm is not None and 0.0 <= rpm < MAX_RPM]
    if not known:
        return UNKNOWN, ""
    still = sum(rpm == 0 for rpm in known)
    return count(round(max(known))), f"{still} stopped" if 0 < still < len(known) else ""


def _hottest(column: Sequence[float | None], marks: Mapping[DeviceKind, Mark]) -> Degrees:
    celsius = hottest(column)
    if celsius is None:
        return Degrees(UNKNOWN)
    return Degrees(f"{celsius:.0f}", LEVELS[marks["hashboard"].level(celsius)])


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"
