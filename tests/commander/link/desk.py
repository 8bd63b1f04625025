"""The Commander's end of links without a socket: a book of rigs, stats, a journal that commits nothing, and Sentries
whose frames a test hands over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rigfarm.commander.events import Events, TokenRefused
from rigfarm.commander.identity import Identity
from rigfarm.commander.link.arrivals import Arrivals
from rigfarm.commander.link.link import Link
from rigfarm.commander.link.receive import receive
from rigfarm.commander.link.registry import Links
from rigfarm.commander.live import Hub
from rigfarm.commander.logs import Doubles, Journal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.stats import OperationalStats
from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import decode_down, encode
from rigfarm.wire.frames import PROTOCOL, DownFrame, Hello, Logs, UpFrame, Welcome
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.tokens import hash_token

__all__ = ["Desk", "Sentry"]

NOW = utc_ms()


class Sentry:
    """One connected Sentry: what it was sent, and how it was hung up on."""

    def __init__(self, desk: Desk, spool: bytes = bytes(16), address: str = "192.0.2.1") -> None:
        self.desk = desk
        self.spool = spool
        self.data: list[bytes] = []
        self.closed: list[tuple[int, str]] = []
        self.link = Link(desk.links, address, self._send, self._close)
        self.next = 1

    async def _send(self, data: bytes) -> None:
        self.data.append(data)

    async def _close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))

    def greet(self, *tokens: str) -> Welcome:
        return self.desk.links.greet(self.link, Hello(PROTOCOL, "1.2.3", self.spool, list(tokens)))

    def say(self, frame: UpFrame | Sequence[object]) -> Hello | None:
        return receive(self.desk.links, self.link, encode(frame))

    def log(self, *logs: OperationalLog, slots: Sequence[int] = (), first: int | None = None) -> None:
        """These logs, in one frame."""
        first = self.next if first is None else first
        self.next = max(self.next, first + len(logs))
        self.say(Logs(first, list(slots) or [0] * len(logs), [msgspec.Raw(encode(one)) for one in logs]))

    @property
    def told(self) -> list[DownFrame]:
        """What it was sent so far."""
        return [decode_down(data) for data in self.data]


class Desk:
    """Rigs 1, 2, … with the tokens "t1", "t2", …"""

    def __init__(self, folder: Path, rigs: int = 3, handlers: dict[type[UpFrame], Any] | None = None) -> None:
        hub, self.events = Hub(), Events()
        self.stats = OperationalStats(hub, self.events, 5.0)
        self.book = Rigs(None, hub, self.events)  # type: ignore[arg-type]  # nothing is stored here
        for rig_id in range(1, rigs + 1):
            self.book.put(Rig(rig_id, f"rig-{rig_id}", "cpu-gpu", NOW), hash_token(f"t{rig_id}"))
            self.stats.add(rig_id, "cpu-gpu")
        self.journal = Journal(folder / "journal.db")
        self.journal.open()
        self.incidents = Incidents()
        self.sources: list[Any] = []
        self.refused: list[TokenRefused] = []
        self.events.listen(TokenRefused, self.refused.append)
        self.links = Links(
            self.book,
            self.stats,
            self.journal,
            self.events,
            Identity.open(folder),
            Arrivals(self.book, self.stats),
            Doubles(self.journal),
            sources=self.sources,
            handlers=handlers or {},
            interval_s=7.0,
            incidents=self.incidents,
            certificate=lambda: b"c" * 32,
        )

    def online(self, *tokens: str, spool: bytes = bytes(16)) -> Sentry:
        """A Sentry that greeted with these."""
        sentry = Sentry(self, spool)
        sentry.greet(*tokens)
        return sentry

    @property
    def stored(self) -> Iterator[tuple[int, int]]:
        """(rig, time) of the logs that wait to be committed."""
        batch = self.journal._pending
        for rig, raw in zip(batch.rigs, batch.logs, strict=True):
            yield rig, msgspec.msgpack.decode(raw)[0]

    def limits(self) -> list[tuple[str, str, int, int | None]]:
        """(who, what, how often, rig) of the limits that acted."""
        return [(one.source, one.kind, one.count, one.rig) for one in self.incidents.all()]
