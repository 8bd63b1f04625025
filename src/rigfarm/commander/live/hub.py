"""The hub: channel and key to subscribers. Publishing to a channel without subscribers costs one dictionary look-up.

A message is (channel, event, payload) about one *key* of the channel (a rig's id, the totals). A subscriber takes a
whole channel or only some of its keys: an index page subscribes to the rigs in view and is not woken by the others.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from enum import Enum
from typing import Final, Literal, Protocol

import structlog

log = structlog.get_logger()

__all__ = ["ALL", "Event", "Hub", "Subscriber"]

Event = Literal["created", "updated", "deleted"]


class _All(Enum):
    ALL = "*"


ALL: Final = _All.ALL
"""Subscribe to every key of a channel."""


class Subscriber(Protocol):
    """A subscriber. `deliver` is called synchronously for each message: it must be quick and must not raise."""

    def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
        """Take a message."""

    def channel_closed(self, channel: str) -> None:
        """The channel exists no more; the subscription is already gone."""


class Hub:
    """Subscriptions of this process. Not thread-safe: used from the event loop only."""

    def __init__(self) -> None:
        self._channels: dict[str, dict[Hashable, set[Subscriber]]] = {}

    def subscribe(self, subscriber: Subscriber, channel: str, keys: Iterable[Hashable] = (ALL,)) -> None:
        """Add keys of a channel to what a subscriber hears. Twice is once."""
        topic = self._channels.setdefault(channel, {})
        for key in keys:
            topic.setdefault(key, set()).add(subscriber)

    def unsubscribe(self, subscriber: Subscriber, channel: str, keys: Iterable[Hashable] = (ALL,)) -> None:
        """Take keys away; unknown ones are ignored. An empty channel costs no memory."""
        topic = self._channels.get(channel)
        if topic is None:
            return
        for key in keys:
            listeners = topic.get(key)
            if listeners is not None:
                listeners.discard(subscriber)
                if not listeners:
                    del topic[key]
        if not topic:
            del self._channels[channel]

    def watched(self, channel: str) -> bool:
        """Whether it has subscribers: spares the sender work that no page would show."""
        return channel in self._channels

    def publish(self, channel: str, event: Event, payload: object, key: Hashable = ALL) -> None:
        """Tell every subscriber of the key, and of the whole channel."""
        topic = self._channels.get(channel)
        if topic is None:
            return
        listeners = topic.get(key)
        if listeners:
            self._deliver(listeners, channel, key, event, payload)
        if key is not ALL and (listeners := topic.get(ALL)):
            self._deliver(listeners, channel, key, event, payload)

    def _deliver(
        self, subscribers: set[Subscriber], channel: str, key: Hashable, event: Event, payload: object
    ) -> None:
        for subscriber in tuple(subscribers):
            try:
                subscriber.deliver(channel, key, event, payload)
            except Exception as error:
                log.error("a subscriber failed; the others received the message", channel=channel, exc_info=error)

    def close(self, channel: str) -> None:
        """End a channel (its rig was removed): every subscriber is told once."""
        topic = self._channels.pop(channel, None)
        if topic is None:
            return
        for subscriber in set().union(*topic.values()):
            subscriber.channel_closed(channel)

    def subscriptions(self) -> int:
        """Number of (channel, key, subscriber) triples, for the metrics and the leak tests."""
        return sum(len(listeners) for topic in self._channels.values() for listeners in topic.values())
