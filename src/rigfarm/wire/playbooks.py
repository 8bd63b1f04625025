"""What a rig shall mine, as the Commander tells its Sentry, and how that goes, as the Sentry answers."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

__all__ = ["Archive", "PlaybookOrder", "PlaybookState", "PlaybookStatus", "Supervision", "WorkloadOrder"]

PlaybookState = Literal[
    "queued", "downloading", "verifying", "unpacking", "starting", "mining", "backing-off", "failed", "stopped"
]


class Archive(Struct, frozen=True):
    """The pinned file of one version of a mining program. Nothing runs unless size and SHA-256 match."""

    software: str
    version: str
    sha256: str
    """64 lower-case hex digits; also its name in the Commander's store."""
    size: int
    path: str
    """Where the Commander serves it, relative to its URL."""
    format: Literal["tar.gz", "tar.xz", "tar.bz2", "zip", "executable"]
    executable: str
    """File name of the program inside the archive, without folders."""


class WorkloadOrder(Struct, frozen=True):
    """One algorithm a playbook mines, in the order of the program's own (dual mining has two)."""

    coin: str
    algorithm: str | None = None
    device: Literal["cpu", "gpu"] = "gpu"
    pool: str | None = None
    wallet: str | None = None


class Supervision(Struct, frozen=True):
    """When the Sentry helps itself. Times in s."""

    stall_s: float = 300.0
    """Restart after this long with hashrate zero, a dead API, or less than `low_fraction` of its own normal."""
    low_fraction: float = 0.5
    backoff_first_s: float = 2.0
    backoff_max_s: float = 300.0
    restarts_per_hour: int = 12
    reboot_after_failures: int = 0
    """Reboot the machine after this many stalls in a row; 0: never."""
    reboots_per_day: int = 0


class PlaybookOrder(Struct, frozen=True):
    """One playbook for one rig, complete: a rig that boots without its Commander mines on from it."""

    id: int
    revision: int
    name: str
    archive: Archive
    template: str
    """Arguments, split as a shell would and only then substituted, so a value is never two arguments."""
    variables: dict[str, str]
    """Placeholder name without `$` -> value; `API_PORT` is the Sentry's to choose."""
    adapter: str
    """Name of the stats adapter in sentry.miners."""
    api_arguments: str
    """Template of the arguments that switch the stats API on, with `$API_PORT`."""
    workloads: list[WorkloadOrder]
    devices: list[str] = []
    """PCI addresses; empty: all."""
    wanted: Literal["running", "stopped"] = "running"
    restart: int = 0
    """Raised by one when an operator asks for a restart."""
    nice: int | None = None
    affinity: list[int] = []
    run_as: str | None = None
    """Unprivileged user to run as; absent: the Sentry's own."""
    supervision: Supervision = Supervision()


class PlaybookStatus(Struct, frozen=True):
    """How one playbook does on one rig right now."""

    id: int
    revision: int
    state: PlaybookState
    detail: str = ""
    """Why, for a person: an error says what happened, what it means and what to do."""
    progress: float | None = None
    """0..1 while downloading."""
    since_ms: int | None = None
    pid: int | None = None
    restarts: int = 0
