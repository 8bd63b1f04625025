"""What a rig shall mine, as the Commander tells its Sentry, and how that goes, as the Sentry answers."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from rigfarm.wire.limits import (
    MAX_ARGUMENT_CHARS,
    MAX_DEVICES,
    MAX_TEMPLATE_CHARS,
    MAX_WORKLOADS,
    Amount,
    Id,
    Line,
    Paragraph,
    Position,
    Seconds,
    Text,
    UtcMs,
    Word,
)

__all__ = ["Archive", "AssignedPlaybook", "AssignedWorkload", "PlaybookState", "PlaybookStatus", "Supervision"]

PlaybookState = Literal[
    "queued", "downloading", "verifying", "unpacking", "starting", "mining", "backing-off", "failed", "stopped"
]


class Archive(Struct, frozen=True):
    """The pinned file of one version of a mining program. Nothing runs unless size and SHA-256 match."""

    software: Text
    version: Text
    sha256: Word
    """64 lower-case hex digits; also its name in the Commander's store."""
    size: Amount
    path: Line
    """Where the Commander serves it, relative to its URL."""
    format: Literal["tar.gz", "tar.xz", "tar.bz2", "zip", "executable"]
    executable: Text
    """File name of the program inside the archive, without folders."""


class AssignedWorkload(Struct, frozen=True):
    """One algorithm a playbook mines, in the order of the program's own (dual mining has two)."""

    coin: Word
    algorithm: Word | None = None
    device: Literal["cpu", "gpu"] = "gpu"
    pool: Text | None = None
    wallet: Text | None = None


class Supervision(Struct, frozen=True):
    """When the Sentry helps itself. Times in s."""

    stall_s: Seconds = 300.0
    """Restart after this long with hashrate zero, a dead API, or less than `low_fraction` of its own normal."""
    low_fraction: Annotated[float, Meta(ge=0, le=1)] = 0.5
    backoff_first_s: Seconds = 2.0
    backoff_max_s: Seconds = 300.0
    restarts_per_hour: Id = 12
    reboot_after_failures: Id = 0
    """Reboot the machine after this many stalls in a row; 0: never."""
    reboots_per_day: Id = 0


class AssignedPlaybook(Struct, frozen=True):
    """One playbook for one rig, complete: a rig that boots without its Commander mines on from it."""

    id: Id
    revision: Id
    name: Text
    archive: Archive
    template: Annotated[str, Meta(max_length=MAX_TEMPLATE_CHARS)]
    """Arguments, split as a shell would and only then substituted, so a value is never two arguments."""
    variables: Annotated[dict[Word, Annotated[str, Meta(max_length=MAX_ARGUMENT_CHARS)]], Meta(max_length=512)]
    """Placeholder name without `$` -> value; `API_PORT` is the Sentry's to choose."""
    adapter: Word
    """Name of the stats adapter in sentry.miners."""
    api_arguments: Annotated[str, Meta(max_length=MAX_TEMPLATE_CHARS)]
    """Template of the arguments that switch the stats API on, with `$API_PORT`."""
    workloads: Annotated[list[AssignedWorkload], Meta(max_length=MAX_WORKLOADS)]
    devices: Annotated[list[Word], Meta(max_length=MAX_DEVICES)] = []
    """PCI addresses; empty: all."""
    wanted: Literal["running", "stopped"] = "running"
    restart: Id = 0
    """Raised by one when an operator asks for a restart."""
    nice: Annotated[int, Meta(ge=-20, le=19)] | None = None
    affinity: Annotated[list[Position], Meta(max_length=4_096)] = []
    run_as: Word | None = None
    """User that the program shall run as; absent: the one that the rig's sentry.toml names. It decides on both."""
    supervision: Supervision = Supervision()


class PlaybookStatus(Struct, frozen=True):
    """How one playbook does on one rig right now."""

    id: Id
    revision: Id
    state: PlaybookState
    detail: Paragraph = ""
    """Why, for a person: an error says what happened, what it means and what to do."""
    progress: float | None = None
    """0..1 while downloading."""
    since_ms: UtcMs | None = None
    pid: Id | None = None
    restarts: Id = 0
    name: Text = ""
    """What the rig knows the playbook by: for the Sentry's own page and commands."""

    @property
    def title(self) -> str:
        """Its name, for people; its number while that isn't known."""
        return self.name or f"Playbook {self.id}"
