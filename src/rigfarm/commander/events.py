"""What happens in a farm, as events between the parts of the Commander.

Viewers' channels (`channels`) are for viewers; nothing inside the Commander acts on them. A part that wants to act on
something listens here, by the event's type. A listener that fails is logged, and the others still run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from msgspec import Struct

from rigfarm.commander.kinds import KindName
from rigfarm.wire.commands import CommandState
from rigfarm.wire.specs import Specs

__all__ = [
    "AddressChanged",
    "AlertRulesChanged",
    "AlertsChanged",
    "AssignmentsChanged",
    "AttentionChanged",
    "CommandEnded",
    "CommandGiven",
    "ConditionChanged",
    "EffectReverted",
    "Events",
    "LanAddressChanged",
    "MaintenanceChanged",
    "NormalChanged",
    "PlaybookChanged",
    "PlaybookRemoved",
    "RigAdded",
    "RigLabelled",
    "RigRemoved",
    "RigRenamed",
    "RigRests",
    "RigToldToStop",
    "RolloutEnded",
    "SentryUpdateEnded",
    "SoftwareChanged",
    "SpecsChanged",
    "TokenRefused",
    "TokenRotated",
    "WorkWaiting",
]

log = structlog.get_logger()


class _Event(Struct, frozen=True):
    pass


class RigAdded(_Event, frozen=True):
    """A rig was created."""

    rig_id: int
    kind: KindName
    name: str = ""


class RigRenamed(_Event, frozen=True):
    """A rig has another name."""

    rig_id: int
    kind: KindName
    before: str
    name: str


class RigLabelled(_Event, frozen=True):
    """A rig has another place, or other tags."""

    rig_id: int
    place: str
    tags: tuple[str, ...]


class LanAddressChanged(_Event, frozen=True):
    """A rig's first or newest log has another address on the LAN than the one before."""

    rig_id: int
    address: str


class TokenRotated(_Event, frozen=True):
    """A rig's token was replaced: the old one is refused from now on."""

    rig_id: int


class MaintenanceChanged(_Event, frozen=True):
    """Maintenance of a rig began, was changed or ended."""

    rig_id: int
    on: bool
    said: str
    """Who did it and why, for the rig's list of events."""


class RigRemoved(_Event, frozen=True):
    """A rig was removed, and is no longer in the book."""

    rig_id: int
    kind: KindName
    name: str
    keep_history: bool = False
    """Its history stays."""


class ConditionChanged(_Event, frozen=True):
    """A rig's state word changed, for example from online to offline, what is wrong with it, or whether a person works
    on it."""

    rig_id: int
    kind: KindName
    before: str
    state: str
    reason: str = ""
    """For people, with the numbers of the moment."""
    cause: str = ""
    """The reason without its numbers."""
    word: str = ""
    severity: int = 0
    rank: int = 9
    """Its place in the order by attention."""
    maintenance: bool = False
    """A person works on it."""
    t_ms: int = 0


class NormalChanged(_Event, frozen=True):
    """What is normal for a rig, H/s of a coin, became known or another."""

    rig_id: int
    coin: str
    hashrate: float


class RigToldToStop(_Event, frozen=True):
    """A rig did what an operator told it: to mine nothing (`paused`) or to shut down (`off`), each for people; both
    empty: to mine again."""

    rig_id: int
    paused: str = ""
    off: str = ""


class RigRests(_Event, frozen=True):
    """A rig mines nothing on purpose, or (an empty `why`) should mine again."""

    rig_id: int
    why: str


class SpecsChanged(_Event, frozen=True):
    """A rig is made of something else than before."""

    rig_id: int
    specs: Specs


class CommandGiven(_Event, frozen=True):
    """An operator gave a rig a command; `title` for people."""

    rig_id: int
    command_id: str
    title: str


class CommandEnded(_Event, frozen=True):
    """A command has its final result."""

    rig_id: int
    command_id: str
    title: str
    state: CommandState
    detail: str


class EffectReverted(_Event, frozen=True):
    """What a command or a playbook (an empty `command_id`) did on a rig shows no longer, and no one changed it."""

    rig_id: int
    command_id: str
    title: str
    words: str


class AssignmentsChanged(_Event, frozen=True):
    """A rig shall run something else: all of it now, as (playbook, revision, running or stopped)."""

    rig_id: int
    playbooks: tuple[tuple[int, int, str], ...]


class AttentionChanged(_Event, frozen=True):
    """More or fewer rigs need attention; at most four times a second."""


class AlertRulesChanged(_Event, frozen=True):
    """Rules of alerts, or the farm's thresholds, are others."""


class AlertsChanged(_Event, frozen=True):
    """More or fewer alerts fire, or an operator did something about one."""


class WorkWaiting(_Event, frozen=True):
    """Something is stored that this rig's Sentry should be sent. The stored state is the truth and this only a hint:
    a Sentry that is away gets it when it connects."""

    rig_id: int


class AddressChanged(_Event, frozen=True):
    """An entry of the address book was changed."""

    address_id: int


class SoftwareChanged(_Event, frozen=True):
    """A version of a mining program was changed or pinned."""

    software_id: int


class PlaybookChanged(_Event, frozen=True):
    """A playbook has a new revision."""

    playbook_id: int
    name: str = ""
    revision: int = 0


class PlaybookRemoved(_Event, frozen=True):
    """A playbook was removed, and stops on the rigs that had it."""

    playbook_id: int
    rigs: tuple[int, ...]


class RolloutEnded(_Event, frozen=True):
    """A roll-out is over: done, stopped by itself, or aborted by an operator."""

    rollout_id: int
    playbook_id: int
    playbook: str
    state: str
    detail: str
    rigs: tuple[tuple[int, str], ...]
    """(id, name) of those that it was about, as far as they still exist."""


class SentryUpdateEnded(_Event, frozen=True):
    """An update of Sentries ended by itself: done, or stopped because it failed somewhere."""

    update_id: int
    state: str
    detail: str
    rigs: tuple[tuple[int, str], ...]
    """(id, name) of those that it was about, as far as they still exist."""


class TokenRefused(_Event, frozen=True):
    """A Sentry connected with tokens that this Commander does not know."""

    address: str
    tokens: int
    version: str


_E = TypeVar("_E", bound=_Event)


class Events:
    """Listeners by event type. Used from the event loop only."""

    def __init__(self) -> None:
        self._listeners: dict[type[_Event], list[Callable[[Any], None]]] = {}
        self._followers: dict[type[_Event], list[Callable[[Any], Awaitable[None]]]] = {}

    def listen(self, kind: type[_E], listener: Callable[[_E], None]) -> None:
        """Call `listener` for each event of this type, before `publish` returns."""
        self._listeners.setdefault(kind, []).append(listener)

    def follow(self, kind: type[_E], follower: Callable[[_E], Awaitable[None]]) -> None:
        """Await `follower` for each event of this type; only `publish_and_wait` takes events that have followers."""
        self._followers.setdefault(kind, []).append(follower)

    def publish(self, event: _Event) -> None:
        """Call every listener, in the order in which they registered."""
        for listener in self._listeners.get(type(event), ()):
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed", domain_event=type(event).__name__)

    async def publish_and_wait(self, event: _Event) -> None:
        """Call every listener, then wait for every follower in turn."""
        self.publish(event)
        for follower in self._followers.get(type(event), ()):
            try:
                await follower(event)
            except Exception:
                log.exception("a follower failed", domain_event=type(event).__name__)
