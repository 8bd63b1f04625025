"""Rigs of another time that a broker retains: there may be many, and it may take them slowly."""

from __future__ import annotations

from typing import cast

import pytest

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.mqtt import Bridge, Broker, Topics
from rigfarm.commander.mqtt import actions as bridge
from rigfarm.commander.mqtt.broker.connection import Connection
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part


class Retains:
    """A connection whose broker retains so many rigs."""

    def __init__(self, topics: Topics, rigs: int) -> None:
        self.bridge: Bridge | None = None
        self.cleared: set[str] = set()
        self._retained = [topics.availability(rig_id) for rig_id in range(1, rigs + 1)]

    def subscribe(self, _: str) -> None:
        assert self.bridge is not None
        for topic in self._retained:
            self.bridge._received(topic, b"online", True)

    def unsubscribe(self, _: str) -> None:
        pass

    def publish(self, topic: str, payload: bytes) -> None:
        assert payload == b""
        self.cleared.add(topic)

    async def drained(self) -> None:
        pass


class Counted(Part):
    beats = 0

    def beat(self) -> None:
        self.beats += 1
        super().beat()


async def test_clearing_them_is_not_taken_for_a_part_that_hangs(
    storage: Storage, hub: Hub, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "LEFT_BEHIND_S", 0.01)
    topics = Topics("rigfarm")
    broker = Broker(host="127.0.0.1", port=1, tls=False)
    connection, part = Retains(topics, 50), Counted("MQTT")
    one = Bridge(Rigs(storage, hub, events), OperationalStats(hub, events, 5), broker, topics, lambda: "")
    connection.bridge = one
    await one._clear_left_behind(cast("Connection", connection), part)
    assert len(connection.cleared) == 100
    assert part.beats >= 50
