"""What the Sentry's sources say, before it is joined into one operational log.

A source (a sensor, a mining program) never raises for a device that misbehaves: what it cannot tell is absent, and
why goes into `problems`, a sentence for a person.
"""

from __future__ import annotations

from msgspec import Struct, field

from rigfarm.wire.log import Device, Workload

__all__ = ["MinerReading", "SensorReading", "WorkloadSource"]


class SensorReading(Struct):
    """One look at this machine. GPUs carry their PCI address in `Device.id`; the CPU package is one device."""

    devices: list[Device] = field(default_factory=list)
    power_w: float | None = None
    """The whole machine, where a sensor knows it (PSU, wall meter); else absent."""
    fans: list[float | None] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    within_cpu: list[str] = field(default_factory=list)
    """PCI addresses of graphics that are part of the processor and tell the power of the whole chip."""


class MinerReading(Struct):
    """One answer of one mining program's stats API.

    `devices[i].hashrates` is parallel to `workloads`. A device has `id` (PCI address, normalised by
    `sentry.miners.pci.normalise`) where the program tells it, else only its index among the devices of its kind.
    """

    workloads: list[Workload] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class WorkloadSource(Struct, frozen=True):
    """Where a mining program answers: from `[[workloads]]` in sentry.toml, or from a running playbook."""

    adapter: str
    port: int
    host: str = "127.0.0.1"
    coins: list[str] = []
    """Coin per workload, in the program's order; programs rarely tell it themselves."""
    software: str | None = None
    version: str | None = None
    wallet: str | None = None
    worker: str | None = None
    playbook: int | None = None
    cards: list[str] = []
    """PCI addresses of the graphics cards it was given to see, where all are of one make; it numbers these in their
    order. Empty: unknown, or all."""
