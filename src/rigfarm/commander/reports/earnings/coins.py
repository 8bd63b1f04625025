"""What is known of coins: entered by hand, or fetched once an hour from URLs that an operator set.

A figure never changes: a newer one takes its place from its time on, so a report of last month has the prices of then.
Nothing is fetched unless an operator added a source; each goes through the same guards as downloads of mining software.
"""

from __future__ import annotations

import asyncio
import ssl
from bisect import bisect_right
from collections.abc import Callable
from operator import attrgetter

import structlog
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.changes import describe
from rigfarm.commander.fields import checked
from rigfarm.commander.outbound.download import FetchError, open_download, trust
from rigfarm.commander.outbound.reach import Reach
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.reports.earnings import rows
from rigfarm.commander.reports.earnings.model import (
    CoinSource,
    CoinValue,
    Per,
    SourceForm,
    ValueForm,
    What,
    amount_in,
    per_hash,
)
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.common.text import printable

__all__ = ["FETCH_S", "Coins"]

MAX_VALUES = 5_000
"""Entered by hand."""
MAX_SOURCES = 50
EVERY_MS = 3_600_000
LOOK_S = 30.0
FETCH_S = 30.0
"""For one answer, from looking up the name to its last byte."""
MOST_BYTES = 256 << 10
KEPT_DAYS = 732
"""Of fetched figures, one a day for each source."""
DAY_MS = 86_400_000
MOST_ERROR = 200

log = structlog.get_logger()
_time = attrgetter("at_ms")


class Coins:
    """All figures and sources, in memory. Used from the event loop."""

    def __init__(
        self,
        storage: Storage,
        *,
        reach: Reach | None = None,
        tls: ssl.SSLContext | None = None,
        wall: Callable[[], int] = utc_ms,
    ) -> None:
        """`reach`: where sources may be; `tls`: what their certificates are checked against."""
        self.sources: dict[int, CoinSource] = {}
        self._values: dict[tuple[str, What], list[CoinValue]] = {}
        self._storage = storage
        self._reach = reach or Reach()
        self._tls = tls
        self._wall = wall
        self._writing = asyncio.Lock()
        self._fetching = asyncio.Lock()

    async def load(self) -> None:
        """Read all of it; once, before serving."""
        async with self._storage.read() as tx:
            values = await rows.load_values(tx)
            self.sources = {one.id: one for one in await rows.load_sources(tx)}
        for value in values:
            self._values.setdefault((value.coin, value.what), []).append(value)

    # Looking up

    @property
    def values(self) -> list[CoinValue]:
        """All of them, newest first."""
        every = [value for some in self._values.values() for value in some]
        return sorted(every, key=lambda one: (-one.at_ms, -one.id))

    def get_source(self, source_id: int) -> CoinSource:
        """One of them. Absent."""
        found = self.sources.get(source_id)
        if found is None:
            raise Absent(f"Source {source_id} does not exist.")
        return found

    def get_value(self, value_id: int) -> CoinValue:
        """One of them. Absent."""
        found = next((one for some in self._values.values() for one in some if one.id == value_id), None)
        if found is None:
            raise Absent(f"Value {value_id} does not exist.")
        return found

    def latest(self, coin: str, what: What, until_ms: int, currency: str = "") -> CoinValue | None:
        """What held at a time, however old it was then; of prices only those in a currency."""
        known = self._values.get((coin, what), [])
        for at in range(bisect_right(known, until_ms, key=_time) - 1, -1, -1):
            if what != "price" or known[at].currency == currency:
                return known[at]
        return None

    def payouts(self, coin: str, begin_ms: int, end_ms: int) -> list[CoinValue]:
        """What was paid out in a time."""
        return [one for one in self._values.get((coin, "payout"), []) if begin_ms <= one.at_ms < end_ms]

    @property
    def coins(self) -> list[str]:
        """Of which anything is known."""
        return sorted({coin for coin, _ in self._values})

    # What operators do

    async def add(self, form: ValueForm, currency: str, midnight_ms: Callable[[str], int]) -> CoinValue:
        """Keep a figure. `midnight_ms`: when a day begins."""
        describe("add a coin's figure")
        form = checked(form)
        now_ms = self._wall()
        at_ms = midnight_ms(form.day) if form.day else now_ms
        if at_ms > now_ms:
            raise Invalid("Enter a day that has begun.", field="day")
        describe(coin=form.coin, what=form.what, amount=f"{form.amount:.10g}", day=form.day or "now")
        async with self._writing:
            if sum(not one.source for one in self.values) >= MAX_VALUES:
                raise Conflict(f"There are {MAX_VALUES} figures, and that is the maximum: remove some first.")
            amount = per_hash(form.amount, form.per) if form.what == "rate" else form.amount
            return await self._keep(form.coin, form.what, amount, form.per, currency, "", at_ms)

    async def remove(self, value_id: int) -> CoinValue:
        """Delete a figure."""
        describe("remove a coin's figure")
        async with self._writing:
            value = self.get_value(value_id)
            describe(coin=value.coin, what=value.what, amount=f"{value.written:.10g}")
            async with self._storage.begin() as tx:
                await rows.delete_values(tx, [value_id])
            self._values[value.coin, value.what].remove(value)
        return value

    async def add_source(self, form: SourceForm, currency: str) -> CoinSource:
        """Fetch a figure once an hour from now on. An operator who adds it wants it: there is none before."""
        describe("add a source of prices")
        form = checked(form)
        async with self._writing:
            if len(self.sources) >= MAX_SOURCES:
                raise Conflict(f"There are {MAX_SOURCES} sources, and that is the maximum: remove one first.")
            async with self._storage.begin() as tx:
                source = await rows.insert_source(tx, form, currency)
            self.sources[source.id] = source
        describe(coin=form.coin, what=form.what, host=source.host)
        return source

    async def remove_source(self, source_id: int) -> CoinSource:
        """Fetch it no longer; what was fetched stays."""
        describe("remove a source of prices")
        async with self._writing:
            source = self.get_source(source_id)
            async with self._storage.begin() as tx:
                await rows.delete_source(tx, source_id)
            del self.sources[source_id]
        describe(coin=source.form.coin, what=source.form.what, host=source.host)
        return source

    async def fetch(self, source_id: int) -> CoinSource:
        """Ask a source now; its `error` says why nothing came of it."""
        describe("fetch a coin's figure")
        async with self._fetching:
            source = self.get_source(source_id)
            describe(coin=source.form.coin, what=source.form.what, host=source.host)
            try:
                async with asyncio.timeout(FETCH_S):
                    amount, error = amount_in(await self._body(source.form), source.form.path), ""
            except TimeoutError:
                error = f"{source.host} did not answer within {FETCH_S:g} s."
            except (FetchError, ValueError) as why:
                error = printable(str(why), "?", most=MOST_ERROR)
            async with self._writing:
                now_ms = self._wall()
                if source_id in self.sources:  # else it was removed meanwhile
                    async with self._storage.begin() as tx:
                        await rows.source_tried(tx, source_id, now_ms, error)
                    source = CoinSource(
                        id=source_id, form=source.form, currency=source.currency, tried_ms=now_ms, error=error
                    )
                    self.sources[source_id] = source
                    if not error:
                        await self._fetched(source, amount, now_ms)
            return source

    # On the way

    async def run(self, part: Part) -> None:
        """Ask each source once an hour, until cancelled."""
        while True:
            for source in list(self.sources.values()):
                if source.tried_ms is None or not 0 <= self._wall() - source.tried_ms < EVERY_MS:
                    part.beat()
                    try:
                        asked = await self.fetch(source.id)
                    except Absent:
                        continue
                    except SQLAlchemyError as error:
                        part.trouble = "prices of coins cannot be stored"
                        log.error("a coin's price could not be stored", error=str(error))
                        break
                    part.trouble = None
                    log.info("a coin's price was fetched", host=asked.host, coin=asked.form.coin, error=asked.error)
            part.idle()
            await asyncio.sleep(LOOK_S)
            part.beat()

    async def _body(self, form: SourceForm) -> bytes:
        if self._tls is None:
            self._tls = await asyncio.to_thread(trust)
        body = bytearray()
        async with open_download(
            form.url, lan=form.lan, limit=MOST_BYTES, reach=self._reach, tls=self._tls
        ) as download:
            async for chunk in download.chunks:
                body += chunk
        return bytes(body)

    async def _fetched(self, source: CoinSource, amount: float, now_ms: int) -> None:
        """Keep it instead of what came earlier on this day (UTC)."""
        form = source.form
        known = self._values.get((form.coin, form.what), [])
        same = [
            one
            for one in known
            if (one.source, one.currency, one.at_ms // DAY_MS) == (source.host, source.currency, now_ms // DAY_MS)
        ]
        if form.what == "rate":
            amount = per_hash(amount, form.per)
        await self._keep(form.coin, form.what, amount, form.per, source.currency, source.host, now_ms, same)

    async def _keep(
        self,
        coin: str,
        what: What,
        amount: float,
        per: Per,
        currency: str,
        source: str,
        at_ms: int,
        instead_of: list[CoinValue] | None = None,
    ) -> CoinValue:
        gone, oldest_ms = instead_of or [], self._wall() - KEPT_DAYS * DAY_MS
        made = CoinValue(
            id=0, coin=coin, what=what, amount=amount, per=per, currency=currency, source=source, at_ms=at_ms
        )
        async with self._storage.begin() as tx:
            if gone:
                await rows.delete_values(tx, [one.id for one in gone])
            await rows.prune_values(tx, oldest_ms)
            value = await rows.insert_value(tx, made)
        some = [one for one in self._values.get((coin, what), []) if one not in gone]
        some = [one for one in some if not one.source or one.at_ms >= oldest_ms]
        self._values[coin, what] = sorted([*some, value], key=lambda one: (one.at_ms, one.id))
        return value
