"""What a rig is made of: sent when its Sentry connects, and when it changes."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from rigfarm.wire.limits import MAX_CHIPS, MAX_DEVICES, Amount, Count, Finite, Position, Text, Word

__all__ = ["BoardDetail", "GpuSpecs", "SentryUpdates", "Specs"]

SentryUpdates = Literal["ready", "off", "not-a-bundle"]
"""Whether a Sentry can be updated by its Commander: `off` by its sentry.toml, `not-a-bundle` when it is not the file
that a Commander hands out."""


class GpuSpecs(Struct, frozen=True, gc=False):
    """One graphics card, known by its PCI address (it survives a card that falls off the bus; an index does not)."""

    id: Word
    """`0000:bb:dd.f`"""
    name: Text | None = None
    vendor: Text | None = None
    memory_bytes: Amount | None = None
    driver: Text | None = None
    vbios: Text | None = None
    power_limit_w: Finite | None = None
    power_limit_min_w: Finite | None = None
    power_limit_max_w: Finite | None = None


class Specs(Struct, frozen=True, gc=False):
    """Specs of a rig of either kind; what a kind does not have is absent."""

    sentry_version: Word
    hostname: Text | None = None
    os: Text | None = None
    kernel: Text | None = None
    cpu: Text | None = None
    cpu_cores: Count | None = None
    cpu_threads: Count | None = None
    ram_bytes: Amount | None = None
    board: Text | None = None
    bios: Text | None = None
    gpus: Annotated[list[GpuSpecs], Meta(max_length=MAX_DEVICES)] = []
    # ASICs
    make: Text | None = None
    model: Text | None = None
    variant: Text | None = None
    firmware: Text | None = None
    firmware_version: Text | None = None
    control_board: Text | None = None
    mac: Text | None = None
    serial: Text | None = None
    hashboards_expected: Count | None = None
    chips_expected: Count | None = None
    fans_expected: Count | None = None
    expected_hashrate: Finite | None = None
    """H/s"""
    power_limit_min_w: Finite | None = None
    power_limit_max_w: Finite | None = None
    supports: Annotated[list[Word], Meta(max_length=64)] = []
    """Names of the commands (wire.commands) this rig can carry out."""
    sentry_machine: Word | None = None
    """What `uname -m` says where its Sentry runs."""
    sentry_updates: SentryUpdates | None = None
    """Absent: a Sentry that does not know of updates."""


class BoardDetail(Struct, array_like=True, frozen=True):
    """Chips of one hashboard, for the heat map. Only the latest is kept, none is journaled."""

    index: Position
    chip_temperatures_c: Annotated[list[float | None], Meta(max_length=MAX_CHIPS)] = []
    chip_hashrates: Annotated[list[float | None], Meta(max_length=MAX_CHIPS)] = []
    """H/s"""
    chips_dead: Annotated[list[Position], Meta(max_length=MAX_CHIPS)] = []
    inlet_c: float | None = None
    outlet_c: float | None = None
    voltage_v: float | None = None
    frequency_mhz: float | None = None
