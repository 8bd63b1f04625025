"""What happens in a farm, as the parts of the Commander tell each other.

Viewers' channels (`channels`) are for viewers; nothing inside the Commander acts on them. A part that wants to act on
something listens here, by the event's type. A listener that fails is logged, and the others still run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog
from msgspec import Struct

from rigfarm.commander.channels import Kind

__all__ = [
    "AddressChanged",
    "ConditionChanged",
    "Events",
    "PlaybookRemoved",
    "RigAdded",
    "RigRemoved",
    "RigRenamed",
    "SoftwareChanged",
    "TokenRotated",
    "WorkWaiting",
]

log = structlog.get_logger()


class _Event(Struct, frozen=True):
    pass


class RigAdded(_Event, frozen=True):
    """A rig was created."""

    rig_id: int
    kind: Kind


class RigRenamed(_Event, frozen=True):
    """A rig has another name."""

    rig_id: int
    kind: Kind
    before: str
    name: str


class TokenRotated(_Event, frozen=True):
    """A rig's token was replaced: the old one is refused from now on."""

    rig_id: int


class RigRemoved(_Event, frozen=True):
    """A rig was removed, and is no longer in the book."""

    rig_id: int
    kind: Kind
    name: str


class ConditionChanged(_Event, frozen=True):
    """A rig's state word changed, for example from online to offline."""

    rig_id: int
    kind: Kind
    before: str
    state: str


class WorkWaiting(_Event, frozen=True):
    """Something is stored that this rig's Sentry should be sent. The stored state is the truth and this only a hint:
    a Sentry that is away gets it when it connects."""

    rig_id: int


class AddressChanged(_Event, frozen=True):
    """An entry of the address book says something else."""

    address_id: int


class SoftwareChanged(_Event, frozen=True):
    """A version of a mining program was changed or pinned."""

    software_id: int


class PlaybookRemoved(_Event, frozen=True):
    """A playbook was removed."""

    playbook_id: int


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
        """Tell every listener, in the order in which they registered."""
        for listener in self._listeners.get(type(event), ()):
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed", domain_event=type(event).__name__)

    async def publish_and_wait(self, event: _Event) -> None:
        """Tell every listener, then wait for every follower in turn."""
        self.publish(event)
        for follower in self._followers.get(type(event), ()):
            try:
                await follower(event)
            except Exception:
                log.exception("a follower failed", domain_event=type(event).__name__)
