"""What a reader brought home from a device, in SI units and otherwise untouched: `interpret` makes sense of it.

Three very different sources (pyasic_rs, pyasic, our IceRiver reader) meet in these shapes, so that what is believed of
a device is decided in one place.
"""

from __future__ import annotations

from msgspec import Struct, field

__all__ = ["BoardAnswer", "ChipAnswer", "DeviceAnswer", "Nature", "PoolAnswer"]


class Nature(Struct, frozen=True):
    """What kind of device it is, as found out when it was identified."""

    make: str | None = None
    model: str | None = None
    firmware: str | None = None
    """Name of its firmware: "AntMiner Stock", "LuxOS", …"""
    algorithm: str | None = None
    supports: frozenset[str] = frozenset()
    """Names of commands (wire.commands)."""
    boards_expected: int | None = None
    chips_expected: int | None = None
    """Of the whole device."""
    fans_expected: int | None = None

    @property
    def what(self) -> str:
        """Make and model for a sentence."""
        return " ".join(part for part in (self.make, self.model) if part) or "device"


class ChipAnswer(Struct):
    index: int
    temperature_c: float | None = None
    hashrate: float | None = None
    working: bool | None = None


class BoardAnswer(Struct):
    index: int
    serial: str | None = None
    active: bool | None = None
    hashrate: float | None = None
    expected_hashrate: float | None = None
    board_c: float | None = None
    inlet_c: float | None = None
    outlet_c: float | None = None
    chip_c: float | None = None
    """The hottest chip, where it says no more of it than that."""
    chips: int | None = None
    chips_expected: int | None = None
    voltage_v: float | None = None
    frequency_mhz: float | None = None
    chip_details: list[ChipAnswer] = field(default_factory=list)


class PoolAnswer(Struct):
    url: str | None = None
    user: str | None = None
    alive: bool | None = None
    active: bool | None = None
    accepted: float | None = None
    rejected: float | None = None


class DeviceAnswer(Struct):
    """One reading, H/s, W, °C, rpm, s. Anything may be nonsense still."""

    identified: bool = False
    """Whether mac, serial and firmware are of this very reading, and not remembered from an earlier one."""
    mac: str | None = None
    serial: str | None = None
    hostname: str | None = None
    firmware_version: str | None = None
    model: str | None = None
    """Where the reading itself says it, and not who identified the device."""
    algorithm: str | None = None
    control_board: str | None = None
    hashrate: float | None = None
    expected_hashrate: float | None = None
    power_w: float | None = None
    power_limit_min_w: float | None = None
    power_limit_max_w: float | None = None
    uptime_s: float | None = None
    accepted: float | None = None
    """Shares of the whole device, where its counts are not of a pool."""
    rejected: float | None = None
    mining: bool | None = None
    state: str | None = None
    """In the library's words: "Mining", "Paused", …"""
    light: bool | None = None
    fans: list[float | None] = field(default_factory=list)
    supply_fans: list[float | None] = field(default_factory=list)
    """Those of its power supply."""
    boards: list[BoardAnswer] = field(default_factory=list)
    pools: list[PoolAnswer] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @property
    def silent(self) -> bool:
        """Whether the device said nothing at all.

        The libraries make a reading out of a dead device too: boards without a value, a hashrate of zero, "is mining".
        Only what cannot come from nothing counts as an answer.
        """
        alive = self.uptime_s is not None or any(fan is not None for fan in self.fans)
        named = self.identified and any((self.mac, self.serial, self.hostname, self.firmware_version))
        working = any(board.hashrate or board.board_c or board.chips or board.outlet_c for board in self.boards)
        return not (alive or named or working or self.hashrate or self.power_w or any(p.user for p in self.pools))
