"""A Sentry's side of the link as an oracle: it keeps every log until it is acknowledged, and remembers what was.

Bare and quick, so that thousands of logs a second cost a test little; the real Sentry has tests of its own.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from rigfarm.commander.logs.journal import Journal
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog, Workload
from support.load import LoadLink

__all__ = ["Sender", "stored"]

FRAME_LOGS = 100
T0 = 1_700_000_000_000


class Sender:
    """One rig with its spool. The number of a log is its time, so that what is stored can be told apart."""

    def __init__(self, url: str, rig: tuple[int, str], chance: random.Random) -> None:
        self.rig_id, self.token = rig
        self.acked: set[int] = set()
        self.waiting: dict[int, bytes] = {}
        """Not known to be acknowledged, by number."""
        self.sends = 0
        """Logs sent, again and again ones included."""
        self.numbered = 0
        self.drops_acks = 0.0
        """Share of acknowledgements that never arrive."""
        self._url = url
        self._spool = os.urandom(16)
        self._chance = chance
        self._link: LoadLink | None = None

    async def connect(self, within_s: float = 60.0) -> None:
        """Be linked, whatever it takes, and send all that is not acknowledged."""
        parts = urlsplit(self._url)
        loop = asyncio.get_running_loop()

        def made() -> LoadLink:
            link = LoadLink(parts.netloc, [self.token])
            link.spool = self._spool
            link.on_acks = self._acked
            return link

        async with asyncio.timeout(within_s):
            while True:
                try:
                    _, self._link = await loop.create_connection(made, parts.hostname, parts.port)
                    await self._link.welcome
                    break
                except OSError:
                    await asyncio.sleep(0.02)
        self.send_again(list(self.waiting))

    @property
    def linked(self) -> bool:
        """Whether the link stands, as far as this side knows."""
        return self._link is not None and not self._link.lost.is_set()

    def hang_up(self) -> None:
        """Without a word."""
        if self._link is not None:
            self._link.close()

    def send(self, count: int, *, padding: str = "") -> None:
        """Record so many new logs, and send them if linked."""
        fresh = range(self.numbered + 1, self.numbered + count + 1)
        self.numbered += count
        for number in fresh:
            workload = Workload(coin="XMR", hashrate=number / 3)
            log = OperationalLog(t=T0 + number, workloads=[workload], messages=[padding] if padding else [])
            self.waiting[number] = encode(log)
        self.send_again(list(fresh))

    def send_again(self, numbers: list[int]) -> None:
        """Send these in frames of consecutive numbers."""
        while numbers and self.linked:
            count = 1
            while count < min(len(numbers), FRAME_LOGS) and numbers[count] == numbers[0] + count:
                count += 1
            self._frame(numbers[:count])
            numbers = numbers[count:]

    def _frame(self, numbers: list[int]) -> None:
        assert self._link is not None
        self._link.next_seq = numbers[0]
        self._link.send_logs([self.waiting[number] for number in numbers])
        self._link.sent_at.clear()
        self.sends += len(numbers)

    def _acked(self, first: int, last: int) -> None:
        if self._chance.random() < self.drops_acks:
            return
        self.acked.update(range(first, last + 1))

    def forget_acked(self) -> None:
        """As a spool does."""
        for number in self.acked & self.waiting.keys():
            del self.waiting[number]

    async def settled(self, within_s: float = 60.0) -> None:
        """Wait until everything is acknowledged, sending again what is not."""
        async with asyncio.timeout(within_s):
            while len(self.acked) < self.numbered:
                if not self.linked:
                    await self.connect()
                before = len(self.acked)
                await asyncio.sleep(0.5)
                if len(self.acked) == before:
                    self.send_again([number for number in self.waiting if number not in self.acked])


def stored(folder: Path) -> dict[int, Counter[int]]:
    """Every log in the journal of a Commander that has ended: rig -> number -> how often."""
    journal = Journal(folder / "journal.db")
    journal.open()
    found: dict[int, Counter[int]] = {}
    for _, row in journal.rows_after(0):
        for rig_id, log in row.logs():
            found.setdefault(rig_id, Counter())[log.t - T0] += 1
    db = journal._db
    assert db is not None
    assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    db.close()
    return found
