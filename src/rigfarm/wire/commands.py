"""What an operator may tell a rig to do once, and what came of it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from rigfarm.wire.limits import MAX_SENTRY_BYTES, Id, Sha256, Text, Word

__all__ = [
    "Command",
    "CommandState",
    "Locate",
    "Pause",
    "PoolLogin",
    "PowerLimit",
    "Reboot",
    "Restart",
    "RestartMiner",
    "Resume",
    "SetPools",
    "ShutDown",
    "UpdateSentry",
]

CommandState = Literal["queued", "running", "done", "refused", "failed"]


class Restart(Struct, frozen=True, tag="restart"):
    """Restart an ASIC."""


class Pause(Struct, frozen=True, tag="pause"):
    """Stop hashing, keep listening."""


class Resume(Struct, frozen=True, tag="resume"):
    """Hash again after a pause."""


class Locate(Struct, frozen=True, tag="locate"):
    """Blink, so that a person finds it in the rack."""

    on: bool


class PowerLimit(Struct, frozen=True, tag="power-limit"):
    """Draw no more than so many W."""

    watts: Annotated[float, Meta(ge=0, le=1e7)]


class PoolLogin(Struct, frozen=True):
    """One pool with its login, in failover order."""

    url: Text
    user: Text
    password: Text = "x"  # noqa: S105 - what pools expect when there is none


class SetPools(Struct, frozen=True, tag="set-pools"):
    """Replace the pools of an ASIC."""

    pools: Annotated[list[PoolLogin], Meta(max_length=16)]


class RestartMiner(Struct, frozen=True, tag="restart-miner"):
    """Restart the mining programs of a CPU/GPU rig; with `playbook`, only that one's."""

    playbook: Id | None = None


class Reboot(Struct, frozen=True, tag="reboot"):
    """Reboot the machine of a CPU/GPU rig."""


class ShutDown(Struct, frozen=True, tag="shut-down"):
    """Power the machine of a CPU/GPU rig off."""


class UpdateSentry(Struct, frozen=True, tag="update-sentry"):
    """Fetch this Sentry from the Commander, try it, and go on as it. Meant for the Sentry, whichever of its rigs is
    named; mining goes on."""

    version: Word
    sha256: Sha256
    size: Annotated[int, Meta(ge=1, le=MAX_SENTRY_BYTES)]
    downgrade: bool = False
    """Whether it may be older than what runs."""


Command = Restart | Pause | Resume | Locate | PowerLimit | SetPools | RestartMiner | Reboot | ShutDown | UpdateSentry
