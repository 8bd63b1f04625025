"""What a sensor source is. One file beside this one is one source: it is found by defining `open_source`.

    def open_source(root: Path) -> Source: ...

`root` is where sysfs is mounted (`/sys`); the rest of the machine's files lie beside it (`root.parent / "proc"`), so
that a whole machine can be laid out in a folder. Opening is cheap and never fails: a source of things that this machine
does not have reads as nothing, and goes on looking, since a driver may be loaded after the Sentry started.
CONTRIBUTING.md says what else a reading needs that no log has yet.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct, field

from rigfarm.wire.log import Device
from rigfarm.wire.specs import GpuSpecs

__all__ = ["Outcome", "Problem", "Source", "SourceFailed", "SourceReading"]


class Problem(Struct, frozen=True):
    """Something a person should act on: a value that this machine could tell and does not, for example. It becomes a
    message of the log, shown on the rig's page, and changes no state. Worded for the operator; stable from one look to
    the next."""

    what: str
    """The thing that is unknown because of it, "CPU power"."""
    why: str
    fix: str = ""
    """What a person can do about it, as a sentence."""

    def __str__(self) -> str:
        return f"{self.what}: {self.why}." + (f" {self.fix}" if self.fix else "")


class SourceReading(Struct):
    """All that one source sees. A GPU that is not among `devices` is not there; CPU packages are `cpu` 0, 1, …"""

    devices: list[Device] = field(default_factory=list)
    power_w: float | None = None
    """The whole machine, if this source measures that."""
    fans: list[float | None] = field(default_factory=list)
    """rpm"""
    problems: list[Problem] = field(default_factory=list)
    within_cpu: list[str] = field(default_factory=list)
    """PCI addresses of graphics that are part of the processor and tell the power of the whole chip."""


class SourceFailed(Exception):  # noqa: N818 - it is an outcome, told to the operator, more than an error
    """The source as a whole cannot be read now: what it would say is unknown, its GPUs are not *missing*."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Source(Protocol):
    """One way to read this machine. Its methods block, and are called from one thread that is its own."""

    name: str
    """Short and unique: the file's name."""
    title: str
    """What it reads, for a person."""

    def read(self) -> SourceReading:
        """Look once. Raises SourceFailed."""

    def gpu_specs(self) -> list[GpuSpecs]:
        """What the GPUs it sees are made of. Raises SourceFailed."""

    def close(self) -> None:
        """Give back what it holds."""


class Outcome(Struct, frozen=True):
    """How one look at one source went."""

    name: str
    title: str
    seconds: float
    reading: SourceReading | None
    """Absent if it failed or hung; then `problem` says why."""
    problem: Problem | None = None

    @property
    def problems(self) -> list[Problem]:
        """All that went wrong, of the source and within its reading."""
        return ([self.problem] if self.problem else []) + (self.reading.problems if self.reading else [])
