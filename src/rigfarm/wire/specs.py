"""What a rig is made of: sent when its Sentry connects, and when it changes."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["BoardDetail", "GpuSpecs", "Specs"]


class GpuSpecs(Struct, frozen=True):
    """One graphics card, known by its PCI address (it survives a card that falls off the bus; an index does not)."""

    id: str
    """`0000:bb:dd.f`"""
    name: str | None = None
    vendor: str | None = None
    memory_bytes: int | None = None
    driver: str | None = None
    vbios: str | None = None
    power_limit_w: float | None = None
    power_limit_min_w: float | None = None
    power_limit_max_w: float | None = None


class Specs(Struct, frozen=True):
    """Specs of a rig of either kind; what a kind does not have is absent."""

    sentry_version: str
    hostname: str | None = None
    os: str | None = None
    kernel: str | None = None
    cpu: str | None = None
    cpu_cores: int | None = None
    cpu_threads: int | None = None
    ram_bytes: int | None = None
    board: str | None = None
    bios: str | None = None
    gpus: list[GpuSpecs] = []
    # ASICs
    make: str | None = None
    model: str | None = None
    variant: str | None = None
    firmware: str | None = None
    firmware_version: str | None = None
    control_board: str | None = None
    mac: str | None = None
    serial: str | None = None
    hashboards_expected: int | None = None
    chips_expected: int | None = None
    fans_expected: int | None = None
    expected_hashrate: float | None = None
    """H/s"""
    power_limit_min_w: float | None = None
    power_limit_max_w: float | None = None
    supports: list[str] = []
    """Names of the orders (wire.orders) this rig can carry out."""


class BoardDetail(Struct, array_like=True, frozen=True):
    """Chips of one hashboard, for the heat map. Only the latest is kept, none is journaled."""

    index: int
    chip_temperatures_c: list[float | None] = []
    chip_hashrates: list[float | None] = []
    """H/s"""
    chips_dead: list[int] = []
    inlet_c: float | None = None
    outlet_c: float | None = None
    voltage_v: float | None = None
    frequency_mhz: float | None = None
