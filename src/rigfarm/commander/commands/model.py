"""A command to one rig, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from rigfarm import units
from rigfarm.commander.effects import Before
from rigfarm.commander.effects.model import kind_of, title_of
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.model import Rig, worker_name
from rigfarm.common.pool_url import MAX_POOLS, BadPoolUrlError, asic_pool
from rigfarm.wire.commands import (
    Command,
    CommandState,
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

__all__ = [
    "ENDED",
    "STOP_OR_START",
    "GivenCommand",
    "Pace",
    "check",
    "for_rig",
    "has_pace",
    "hides_secrets",
    "off_by",
    "out_of_range",
    "paused_by",
    "sample",
    "starts",
    "title",
    "watts_range",
    "why_not",
    "without_secrets",
    "word",
]

WORKER = "$WORKER_NAME"
"""In a pool's login: the rig's own name, as pools take it. The same placeholder as in playbooks."""
ENDED: frozenset[CommandState] = frozenset(("done", "refused", "failed"))
MAX_WATTS = 100_000
MAX_AT_ONCE = 20_000
MAX_PAUSE_S = 3_600
MAX_PACE_S = 86_400
"""From the first rig to the last."""


class Pace(Struct, frozen=True, forbid_unknown_fields=True):
    """So many rigs at once, then a pause: what all of them draw when they start might trip a fuse."""

    at_once: Annotated[int, Meta(ge=1, le=MAX_AT_ONCE)]
    pause_s: Annotated[int, Meta(ge=1, le=MAX_PAUSE_S)]

    def turn_s(self, position: int) -> int:
        """When the rig at this position, counted from 0, has its turn; seconds from the first."""
        return position // self.at_once * self.pause_s

    def __str__(self) -> str:
        return f"{units.count(self.at_once)} at once, then a pause of {units.duration(self.pause_s)}"


STOP_OR_START = (Pause, Resume, Restart, Reboot, ShutDown)
"""Commands after which a rig mines nothing on purpose, or should mine again."""


class GivenCommand(Struct, frozen=True):
    """One command. Times are UTC milliseconds."""

    id: str
    batch: str
    """The same for all rigs of one click."""
    rig_id: int
    command: Command
    state: CommandState
    detail: str
    created_at: int
    sent_at: int | None = None
    finished_at: int | None = None
    pace: Pace | None = None
    """That of its batch; absent: all at once."""
    before: Before | None = None
    """What the rig did when it was sent; absent before that."""

    @property
    def words(self) -> str:
        """What came of it, or what it waits for."""
        if self.detail or self.state != "queued":
            return self.detail
        if self.sent_at is not None:
            return "sent, waiting for an answer"
        return "waiting for the rig" if self.pace is None else "waiting for its turn"

    @property
    def ended(self) -> bool:
        """Whether its result is final."""
        return self.state in ENDED


def paused_by(command: Command) -> str:
    """Why a rig that did this mines nothing; empty when it should mine."""
    return "paused by an operator" if isinstance(command, Pause) else ""


def off_by(command: Command) -> str:
    """Why a rig that did this is away; empty when it should return."""
    return "shut down by an operator" if isinstance(command, ShutDown) else ""


def word(command: Command) -> str:
    """The command's name, as in `Specs.supports` and on the link."""
    return kind_of(command)


def without_secrets(command: Command) -> Command:
    """As it is kept and shown: only the rig is sent a pool's password."""
    if not isinstance(command, SetPools):
        return command
    return SetPools(
        [pool if pool.password in _NO_SECRET else replace(pool, password=_HIDDEN) for pool in command.pools]
    )


def hides_secrets(command: Command) -> bool:
    """Whether it is one of which only that is known: it can be told to no rig any more."""
    return isinstance(command, SetPools) and any(pool.password == _HIDDEN for pool in command.pools)


def title(command: Command) -> str:
    """What it is called on buttons and in lists."""
    if isinstance(command, Locate):
        return "Blink" if command.on else "Stop blinking"
    if isinstance(command, SetPools):
        return f"Set {len(command.pools)} pools"
    return title_of(command)


_HIDDEN = "…"
_NO_SECRET = ("", "x")

_CPU_GPU = (RestartMiner, Reboot, ShutDown)


def check(command: Command) -> None:
    """Invalid when no rig could be told this."""
    if isinstance(command, UpdateSentry) and not command.version:
        raise Invalid("Use Update Sentry, which knows the Sentry for each rig.")
    if isinstance(command, PowerLimit) and not 1 <= command.watts <= MAX_WATTS:
        raise Invalid(f"A power limit is between 1 and {units.count(MAX_WATTS)} W.", field="watts")
    if isinstance(command, SetPools):
        if not 1 <= len(command.pools) <= MAX_POOLS:
            raise Invalid(f"Give 1 to {MAX_POOLS} pools, in failover order.", field="pools")
        for pool in command.pools:
            try:
                asic_pool(pool.url, pool.user, pool.password)
            except BadPoolUrlError as error:
                raise Invalid(str(error), field="pools") from None


def why_not(command: Command, rig: Rig) -> str:
    """Why this rig cannot carry it out, in words; empty when it can, or that is not known yet."""
    supports = rig.specs.supports if rig.specs is not None else []
    if word(command) in supports:
        return ""
    if not isinstance(command, UpdateSentry) and isinstance(command, _CPU_GPU) != rig.of.runs_programs:
        kind = rig.of.article
        return f"{rig.name} is {kind}: “{title(command)}” is not available for it."
    if supports or (rig.of.has_boards and rig.specs is not None):
        return f"{rig.name} reports that it cannot do this: “{title(command)}”."
    return ""


def out_of_range(command: Command, rig: Rig) -> str:
    """Why this rig cannot take what it is told, in words; empty when it can, or that is not known."""
    if not isinstance(command, PowerLimit) or rig.specs is None:
        return ""
    low, high = rig.specs.power_limit_min_w, rig.specs.power_limit_max_w
    if (low is None or command.watts >= low) and (high is None or command.watts <= high):
        return ""
    return f"{rig.name} takes {watts_range(low, high)}, not {units.watts(command.watts)}."


def watts_range(low: float | None, high: float | None) -> str:
    """A range of power limits; at least one end is known."""
    if low is None:
        return f"at most {units.watts(high)}"
    return f"at least {units.watts(low)}" if high is None else f"{units.watts(low).number} to {units.watts(high)}"


def starts(command: Command) -> bool:
    """Whether rigs mine after it, those that don't mine now too."""
    return isinstance(command, RestartMiner | Reboot | Restart | Resume)


def has_pace(command: Command) -> bool:
    """Whether many rigs can be given it one after the other: all but what changes nothing in what they draw."""
    return not isinstance(command, Locate)


_PLAIN: Mapping[str, Callable[[], Command]] = {
    "restart-miner": RestartMiner,
    "reboot": Reboot,
    "shut-down": ShutDown,
    "restart": Restart,
    "pause": Pause,
    "resume": Resume,
    "locate-on": lambda: Locate(True),
    "locate-off": lambda: Locate(False),
    "update-sentry": lambda: UpdateSentry("", "0" * 64, 1),
}


def sample(what: str) -> Command:
    """A command of this sort, to ask who could carry it out. Invalid when there is none."""
    if what in _PLAIN:
        return _PLAIN[what]()
    if what == "power-limit":
        return PowerLimit(1)
    if what == "set-pools":
        return SetPools([])
    raise Invalid("Choose what to do.")


def for_rig(command: Command, rig: Rig) -> Command:
    """As this rig is told: every ASIC logs in at its pools under its own name where the form says so."""
    if not isinstance(command, SetPools):
        return command
    own = worker_name(rig.name)
    return SetPools([replace(pool, user=pool.user.replace(WORKER, own)) for pool in command.pools])
