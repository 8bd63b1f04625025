"""The bridge: rigs as they are, published at a broker; what was published before is compared, and only what changed is
sent.

It looks at all rigs twice a second (some milliseconds for ten thousand, a few hundred at a time), so nothing has to be
queued: a broker that is slow or away gets the newest state late rather than every state even later.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator

import msgspec
import structlog
from msgspec import Struct

from rigfarm.commander.mqtt.broker.connection import BrokerLost, Connection, connected
from rigfarm.commander.mqtt.discovery.devices import farm_config, rig_config
from rigfarm.commander.mqtt.model import OFFLINE, ONLINE, Broker, Topics, slug
from rigfarm.commander.mqtt.steering.steering import Steering
from rigfarm.commander.mqtt.view import MAX_COIN, HashUnit, RigState, farm_state, hash_unit, rig_state
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats import OperationalStats, RigStats
from rigfarm.commander.stats.condition import UP
from rigfarm.commander.supervised import Part

__all__ = ["Bridge"]

log = structlog.get_logger()

TICK_S = 0.5
RIG_EVERY_S = 5.0
"""A rig's figures at most so often; whether they are known, at once."""
AT_ONCE = 10
"""Rigs in one turn of the event loop: a millisecond."""
LOOKED_AT_ONCE = 500
"""Rigs of which it is looked in one turn whether they changed: a millisecond at most."""
MOST_PER_TICK = 2_000
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
LEFT_BEHIND_S = 0.5
LEFT_BEHIND_AT_MOST_S = 5.0
"""Retained messages come at once after subscribing; so long without one, and these were all."""
MAX_LEFT_BEHIND = 100_000
MAX_COINS = 16
"""Of one rig, since the start: each is an entity."""
MAX_FARM_COINS = 64


class _Sent(Struct):
    """What was published of a rig on this connection, and what is known for good."""

    coins: dict[str, tuple[str, HashUnit]]
    memory: bool = False
    rig: Rig | None = None
    """As it was announced last."""
    announced: tuple[int, bool] = (0, False)
    config: bytes = b""
    version: int = -1
    state: bytes = b""
    up: bool | None = None
    at: float = float("-inf")

    def forget(self) -> None:
        """The next connection begins from nothing."""
        self.rig, self.config, self.version, self.state, self.up = None, b"", -1, b"", None


class Bridge:
    """Used from the event loop only."""

    def __init__(
        self,
        book: Rigs,
        stats: OperationalStats,
        broker: Broker,
        topics: Topics,
        public_url: Callable[[], str],
        steering: Steering | None = None,
    ) -> None:
        self._book = book
        self._stats = stats
        self._broker = broker
        self._topics = topics
        self._public_url = public_url
        self._steering = steering
        self._sent: dict[int, _Sent] = {}
        self._coins: dict[str, tuple[str, HashUnit]] = {}
        self._farm: tuple[bytes, bytes, float] = (b"", b"", float("-inf"))
        self._left_behind: set[int] | None = None
        """Rigs of which the broker retains something, while they are asked for."""
        self._heard = 0.0

    async def run(self, part: Part) -> None:
        """Connect, publish, and connect again; until cancelled."""
        wait_s = FIRST_WAIT_S
        while True:
            began = time.monotonic()
            try:
                client_id = f"rigfarm-{self._topics.namespace}"[:60]
                async with connected(self._broker, client_id, self._topics.status, self._received) as connection:
                    part.beat()
                    await self._session(connection, part)
            except BrokerLost as error:
                if part.trouble != str(error):
                    log.warning("the MQTT broker can't be used; trying again", why=str(error))
                part.trouble = str(error)
            if time.monotonic() - began > LONGEST_WAIT_S:
                wait_s = FIRST_WAIT_S
            await _sleep(part, wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - against crowds
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _session(self, connection: Connection, part: Part) -> None:
        """Everything once, then what changes."""
        await self._clear_left_behind(connection, part)
        for sent in self._sent.values():
            sent.forget()
        self._farm = (b"", b"", float("-inf"))
        connection.publish(self._topics.status, ONLINE)
        log.info("publishing at the MQTT broker", broker=str(self._broker), prefix=self._topics.prefix)
        part.trouble = None
        if self._steering is not None:
            connection.subscribe(self._topics.every_command)
        while True:
            part.beat()
            await self._round(connection, part)
            await asyncio.sleep(TICK_S)

    # What is published

    async def _round(self, connection: Connection, part: Part) -> None:
        now = time.monotonic()
        for rig_id in [rig_id for rig_id in self._sent if rig_id not in self._book.rigs]:
            del self._sent[rig_id]
            self._clear(connection, rig_id)
        self._publish_farm(connection, now)
        for number, (rig, stats, sent) in enumerate(await self._due(now)):
            self._publish(connection, rig, stats, sent, now)
            if number % AT_ONCE == AT_ONCE - 1:
                await connection.drained()
                part.beat()
        await connection.drained()

    async def _due(self, now: float) -> list[tuple[Rig, RigStats, _Sent]]:
        """Rigs that changed, those that came or went first, then those that have waited for longest."""
        found: list[tuple[bool, float, int]] = []
        rigs, all_sent = self._book.rigs, self._sent
        for number, (rig_id, stats) in enumerate(list(self._stats.rigs.items()), 1):
            if number % LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)
            sent = all_sent.get(rig_id)
            if sent is None:
                sent = all_sent[rig_id] = _Sent({})
            turned = sent.up is not (stats.condition.state in UP)
            changed = sent.version != stats.version or sent.rig is not rigs.get(rig_id)
            if turned or (changed and now - sent.at >= RIG_EVERY_S):
                found.append((not turned, sent.at, rig_id))
        if len(found) > MOST_PER_TICK:
            found.sort()
        return [
            (rigs[rig_id], self._stats.rigs[rig_id], all_sent[rig_id])
            for *_, rig_id in found[:MOST_PER_TICK]
            if rig_id in rigs and rig_id in self._stats.rigs
        ]

    def _publish(self, connection: Connection, rig: Rig, stats: RigStats, sent: _Sent, now: float) -> None:
        """A rig that goes is unavailable before its figures are withdrawn; one that comes is so after them."""
        if self._book.rigs.get(rig.id) is not rig:
            return  # it changed or went while others were published
        topics, up = self._topics, stats.condition.state in UP
        state = rig_state(rig, stats)
        self._learn(sent, stats, state)
        self._announce(connection, rig, sent)
        if not up and sent.up is not False:
            connection.publish(topics.availability(rig.id), OFFLINE)
        encoded = msgspec.json.encode(state)
        if encoded != sent.state:
            connection.publish(topics.state(rig.id), encoded)
        if up and not sent.up:
            connection.publish(topics.availability(rig.id), ONLINE)
        sent.version, sent.state, sent.up, sent.at = stats.version, encoded, up, now

    def _learn(self, sent: _Sent, stats: RigStats, state: RigState) -> None:
        """Which figures this rig has at all."""
        sent.memory = sent.memory or state.memory_temperature_c is not None
        if state.hashrate.keys() <= sent.coins.keys():
            return
        for share in stats.contribution.coins:
            key = slug(share.coin[:MAX_COIN])
            unit = hash_unit(stats.log, share.coin)
            if len(sent.coins) < MAX_COINS:
                sent.coins.setdefault(key, (share.coin[:MAX_COIN], unit))
            known = self._coins.get(key)
            if (known is None and len(self._coins) < MAX_FARM_COINS) or (known and known[1].factor < unit.factor):
                self._coins[key] = share.coin[:MAX_COIN], unit

    def _announce(self, connection: Connection, rig: Rig, sent: _Sent) -> None:
        announced = (len(sent.coins), sent.memory)
        if not self._topics.discovery or (sent.rig is rig and sent.announced == announced):
            sent.rig = rig
            return
        words = frozenset[str]() if self._steering is None else self._steering.words_for(rig)
        url = self._public_url()
        config = rig_config(self._topics, rig, sent.coins, memory=sent.memory, url=url, commands=words)
        if config != sent.config:
            connection.publish(self._topics.config(rig.id), config)
        sent.rig, sent.announced, sent.config = rig, announced, config

    def _publish_farm(self, connection: Connection, now: float) -> None:
        config, state, at = self._farm
        if now - at < RIG_EVERY_S:
            return
        new_config = farm_config(self._topics, self._coins, self._public_url()) if self._topics.discovery else b""
        new_state = msgspec.json.encode(farm_state(self._stats))
        if new_config != config:
            connection.publish(self._topics.farm_config, new_config)
        if new_state != state:
            connection.publish(self._topics.farm, new_state)
        self._farm = (new_config, new_state, now)

    # What is no longer there

    def _clear(self, connection: Connection, rig_id: int) -> None:
        for topic in self._all_topics(rig_id):
            connection.publish(topic, b"")

    def _all_topics(self, rig_id: int) -> Iterator[str]:
        if self._topics.discovery:
            yield self._topics.config(rig_id)
        yield self._topics.availability(rig_id)
        yield self._topics.state(rig_id)

    async def _clear_left_behind(self, connection: Connection, part: Part) -> None:
        """Rigs that were removed while there was no connection: the broker still retains what they were."""
        self._left_behind, self._heard = set(), time.monotonic()
        until = self._heard + LEFT_BEHIND_AT_MOST_S
        connection.subscribe(self._topics.every_availability)
        while (now := time.monotonic()) < until and now - self._heard < LEFT_BEHIND_S:  # noqa: ASYNC110 - for quiet
            await asyncio.sleep(0.05)  # until it is quiet
        connection.unsubscribe(self._topics.every_availability)
        found, self._left_behind = self._left_behind, None
        for rig_id in found - self._book.rigs.keys():
            self._sent.pop(rig_id, None)
            self._clear(connection, rig_id)
            await connection.drained()
            part.beat()

    def _received(self, topic: str, payload: bytes, retained: bool) -> None:
        match self._topics.parse(topic):
            case (rig_id, "availability"):
                self._heard = time.monotonic()
                if self._left_behind is not None and payload and len(self._left_behind) < MAX_LEFT_BEHIND:
                    self._left_behind.add(rig_id)
            case (rig_id, "command") if self._steering is not None:
                self._steering.receive(rig_id, payload, retained=retained)
            case _:
                pass


async def _sleep(part: Part, seconds: float) -> None:
    """Between two attempts; a sign of life comes meanwhile."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        part.beat()
        await asyncio.sleep(min(left, 1.0))
