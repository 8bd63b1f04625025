"""What a command or a playbook did to a rig, as the rig's own telemetry shows. Times are UTC milliseconds.

A command that ends well is *watched*: its effect is checked a few times, and each check has a verdict. Unknown is never
success: a rig that is offline, or whose value is unknown, cannot be measured at that check.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

from rigfarm.commander.stats import OperationalStats
from rigfarm.common.plausible import possible
from rigfarm.wire.commands import (
    Command,
    Locate,
    Pause,
    PowerLimit,
    Reboot,
    Restart,
    RestartMiner,
    Resume,
    SetPools,
    ShutDown,
    UpdateSentry,
)
from rigfarm.wire.log import OperationalLog

__all__ = [
    "BAD",
    "MAX_CHECKS",
    "WORDS",
    "Before",
    "Cause",
    "Check",
    "Counted",
    "Judged",
    "Mined",
    "Runs",
    "Seen",
    "Verdict",
    "Watch",
    "aspect_of",
    "aspect_of_playbook",
    "before_of",
    "can_be_measured",
    "hashrate_of",
    "is_over",
    "kind_of",
    "next_offset",
    "title_of",
    "verdict_after",
]

Verdict = Literal["took-effect", "no-effect", "reverted", "not-measurable"]
Counted: TypeAlias = Verdict | Literal["early"] | None
"""How a watch is counted. `early`: no effect yet; None: not checked yet."""
WORDS: dict[Verdict, str] = {
    "took-effect": "took effect",
    "no-effect": "no effect",
    "reverted": "reverted",
    "not-measurable": "not measurable",
}
BAD: frozenset[Verdict] = frozenset(("no-effect", "reverted"))
OFFSETS_S = (30, 300, 1_800)
"""When effects are checked, after the command has ended. That of a shutdown is not at the last: a rig that returned by
then was probably switched on by a person."""
MAX_CHECKS = len(OFFSETS_S)


class Mined(Struct, frozen=True, omit_defaults=True):
    """One workload of a playbook, as far as its program is told: what it mines, where, and for whom."""

    coin: str
    pools: list[str] = []
    wallet: str = ""


class Runs(Struct, frozen=True, tag="playbook"):
    """A playbook that was assigned to a rig, changed, stopped or removed there."""

    playbook_id: int
    name: str
    revision: int
    wanted: Literal["running", "stopped", "removed"]
    software: str = ""
    worker: str = ""
    workloads: list[Mined] = []


Cause: TypeAlias = Command | Runs
"""What should have an effect."""


class Before(Struct, frozen=True, omit_defaults=True):
    """What a rig did before it was sent a command; unknown is absent."""

    watts: float | None = None
    hashrate: float | None = None
    """H/s, of all coins: known to be 0, or above."""
    uptime_s: float | None = None


class Seen(Struct, frozen=True):
    """What is known of a rig at a check."""

    since_ms: int
    """When the command was sent."""
    before: Before
    log: OperationalLog | None
    """The latest; absent unless it was written after the command had ended."""
    state: str
    """The rig's state word."""
    playbook: tuple[str, str] = ("", "")
    """State and detail of the playbook in question, as the rig's Sentry says."""


class Judged(NamedTuple):
    """What a check comes to."""

    verdict: Verdict
    words: str
    """With the numbers: `still 3,250 W, limit 2,800 W`."""


class Check(Struct, frozen=True):
    """One check."""

    at: int
    verdict: Verdict
    words: str


class Watch(Struct, frozen=True, kw_only=True):
    """A command or a playbook whose effect is being checked, or was. As it is stored."""

    id: int = 0
    rig_id: int
    command_id: str | None = None
    batch: str | None = None
    cause: Cause
    before: Before = Before()
    device: str = ""
    """Make and model; of a CPU/GPU rig only that."""
    firmware: str = ""
    since_ms: int
    began_ms: int
    """When the command ended: from here on time is counted."""
    due_ms: int | None
    """The next check; absent when there is none."""
    checks: tuple[Check, ...] = ()
    verdict: Verdict | None = None
    """That of the last check which could measure it; absent before the first."""
    words: str = ""

    @property
    def aspect(self) -> str:
        """What of the rig it changes."""
        return aspect_of(self.cause)

    @property
    def title(self) -> str:
        """For people."""
        return title_of(self.cause)

    @property
    def is_early(self) -> bool:
        """Whether only the first check was made: what has no effect yet may need more time."""
        return self.due_ms is not None and len(self.checks) < 2

    @property
    def is_bad(self) -> bool:
        """Whether a person should know: it was reverted, or has no effect although it had time."""
        return self.verdict == "reverted" or (self.verdict == "no-effect" and not self.is_early)

    @property
    def shown(self) -> str:
        """The verdict in words."""
        if self.verdict is None:
            return "not checked yet"
        if self.is_early and self.verdict in ("no-effect", "not-measurable"):
            return f"{WORDS[self.verdict]} yet"
        return WORDS[self.verdict]

    @property
    def said(self) -> str:
        """As a sentence for a list of what is wrong."""
        return f"{self.title}: {self.shown}{f', {self.words}' if self.words else ''}"


_TITLES: dict[type, str] = {
    Restart: "Restart",
    Pause: "Pause",
    Resume: "Resume",
    RestartMiner: "Restart miner",
    Reboot: "Reboot",
    ShutDown: "Shut down",
    Locate: "Blink",
    SetPools: "Set pools",
    UpdateSentry: "Update Sentry",
}
_PLAYBOOK_VERBS = {"running": "Run", "stopped": "Stop", "removed": "Remove"}
KIND_TITLES = {
    "power-limit": "Limit power",
    "playbook-start": "Apply a playbook",
    "playbook-stop": "Stop a playbook",
} | {str(kind.__struct_config__.tag): title for kind, title in _TITLES.items()}  # type: ignore[attr-defined]
"""By kind, for the table of all."""


def kind_of(cause: Cause) -> str:
    """What the table of effects counts it under."""
    if isinstance(cause, Runs):
        return "playbook-start" if cause.wanted == "running" else "playbook-stop"
    return str(cause.__struct_config__.tag)


def aspect_of(cause: Cause) -> str:
    """What of a rig it changes: a newer command about the same ends the watch of an older one."""
    if isinstance(cause, Runs):
        return aspect_of_playbook(cause.playbook_id)
    if isinstance(cause, PowerLimit):
        return "power limit"
    if isinstance(cause, UpdateSentry):
        return "sentry"
    return "pools" if isinstance(cause, SetPools) else "mining"


def aspect_of_playbook(playbook_id: int) -> str:
    """The aspect of a rig that a playbook is about."""
    return f"playbook {playbook_id}"


def title_of(cause: Cause) -> str:
    """For people."""
    if isinstance(cause, Runs):
        return f"{_PLAYBOOK_VERBS[cause.wanted]} {cause.name}"
    if isinstance(cause, PowerLimit):
        return f"Limit power to {cause.watts:g} W"
    return _TITLES[type(cause)]


def can_be_measured(cause: Cause) -> bool:
    """Whether telemetry can show its effect: a light that blinks is not in it, nor is the Sentry."""
    return not isinstance(cause, (Locate, UpdateSentry))


def hashrate_of(log: OperationalLog) -> float | None:
    """H/s of all workloads together; None when one of them is unknown and the others are 0."""
    rates = [possible("hashrate", one.hashrate) for one in log.workloads]
    known = sum(rate for rate in rates if rate is not None)
    return known if known or None not in rates else None


def before_of(stats: OperationalStats, rig_id: int) -> Before:
    """What a rig does now, before it is sent a command."""
    rig = stats.rigs.get(rig_id)
    log = None if rig is None else rig.log
    if log is None:
        return Before()
    return Before(possible("machine_w", log.power_w), hashrate_of(log), log.uptime_s)


def verdict_after(earlier: Sequence[Check], judged: Judged) -> Verdict:
    """The verdict of a check after earlier ones: what took effect and no longer shows was reverted."""
    if judged.verdict == "no-effect" and any(check.verdict == "took-effect" for check in earlier):
        return "reverted"
    return judged.verdict


def next_offset(cause: Cause, elapsed_s: float) -> int | None:
    """The next check, in seconds after the command had ended; None when it was the last."""
    offsets = OFFSETS_S[:-1] if isinstance(cause, ShutDown) else OFFSETS_S
    return next((one for one in offsets if one > elapsed_s), None)


def is_over(cause: Cause, verdict: Verdict) -> bool:
    """Whether a verdict is final: a restart that has happened cannot be undone."""
    return verdict == "took-effect" and isinstance(cause, Restart | Reboot | RestartMiner)
