"""The activity: takes every change that ends, chains it to the one before, stores it, and forgets what is too old."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import structlog
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from rigfarm.commander.activity import broadcasts, store
from rigfarm.commander.activity.chain.head import Head, read_head, write_head
from rigfarm.commander.activity.chain.pending import Left, read_pending, without_written, write_pending
from rigfarm.commander.activity.chain.seal import NOTHING, Anchor, Seal
from rigfarm.commander.activity.chain.verify import find_start, read_anchor, wrong_with
from rigfarm.commander.activity.model import Draft, Entry, Query, draft_of
from rigfarm.commander.auth.limits import RateLimit
from rigfarm.commander.changes import Actor, Change, TargetKind
from rigfarm.commander.events import Events, RolloutEnded, SentryUpdateEnded, TokenRefused
from rigfarm.commander.live import Hub
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms

__all__ = ["COMMANDER", "Activity", "Keep"]

log = structlog.get_logger()

COMMANDER = Actor("commander", "Commander")
WAIT_S = 5.0
"""An answer waits so long for its change to be stored; then the change is kept in a file, and written later."""
RETRY_S = 1.0
PRUNE_EVERY_S = 3600.0
PRUNE_AT_ONCE = 1_000
"""Entries that are removed because of their age in a round: a clock that is wrong for an hour removes no more."""
TARGETS_PER_ENTRY = 10
"""On average: bounds what entries are about, together."""
MAX_PENDING = 10_000
WRITE_AT_ONCE = 500
STRANGERS = 30
"""Entries an hour about strangers, all together: they must not push out what operators did."""
MAX_ACTIONS = 200


class Keep(Struct, frozen=True):
    """How long, and how many."""

    days: float
    entries: int


class _Waiting(Struct, eq=False):
    """A change that is not in the database yet."""

    draft: Draft
    stored: asyncio.Future[None]
    in_file: bool = False


class Activity:
    """What was done in this farm. Used from the event loop only."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        events: Events,
        data_dir: Path,
        keep: Keep,
        on_head: Callable[[Head], None] = lambda head: None,
    ) -> None:
        """`on_head` is called with each head that is written into the data folder."""
        self.data_dir = data_dir
        self._on_head = on_head
        self.actions: set[str] = set()
        """Every action that there is an entry of."""
        self._storage = storage
        self._hub = hub
        self._keep = keep
        self._seal = Seal.open(data_dir)
        self._last = self._head = Head(0, NOTHING)
        """The newest entry, and what the file says it is."""
        self._found: dict[str, str] = {}
        """What is wrong with the files beside the database, as facts of the first entry."""
        self._pending: list[_Waiting] = []
        self._tried: list[Entry] = []
        """What the last transaction would have written, if it is not known to have ended."""
        self._has_file = False
        """Whether there may be a file of what waits."""
        self._loaded = False
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._filing = asyncio.Lock()
        self._strangers = RateLimit(STRANGERS, 3600.0)
        self._unlisted = 0
        events.listen(RolloutEnded, self._rollout_ended)
        events.listen(SentryUpdateEnded, self._update_ended)
        events.listen(TokenRefused, self._token_refused)

    async def load(self) -> None:
        """Find the end of the chain; once, before anything is written."""
        async with self._storage.read() as tx:
            last = await store.load_last(tx)
            anchor = await read_anchor(tx, self._seal)
            self.actions.update((await store.load_actions(tx))[:MAX_ACTIONS])
        if last is not None:
            self._last = Head(last.id, last.hash)
        elif anchor is not None:
            self._last = Head(anchor.id, anchor.hash)
        self._compare_with_head()
        if self._seal.made:
            await self._use_new_key()
        self._pending[:0] = await self._load_pending()
        self._loaded = True
        self._wake.set()

    async def _load_pending(self) -> list[_Waiting]:
        try:
            left = await asyncio.to_thread(read_pending, self.data_dir)
        except (OSError, ValueError) as error:
            self._found["pending"] = f"activity.pending cannot be read, and was set aside: {error}"
            return []
        if left is None:
            return []
        self._has_file = True
        async with self._storage.read() as tx:
            drafts = await without_written(tx, left)
        loop = asyncio.get_running_loop()
        return [_Waiting(draft, loop.create_future(), in_file=True) for draft in drafts]

    async def _use_new_key(self) -> None:
        """The record of removed entries is signed with it, and says which entries another key was used for. The key is
        stored last: a start that ends before makes another one."""
        if self._last.id:
            self._found["key"] = f"identity/activity.key was missing: entries up to {self._last.id} can't be verified"
            async with self._storage.begin(ends_login=True) as tx:
                anchor = replace(await find_start(tx), lost=self._last.id)
                await store.save_anchor(tx, self._seal.write_anchor(anchor))
        await asyncio.to_thread(self._seal.keep, self.data_dir)

    def _compare_with_head(self) -> None:
        """Entries that are missing at the end stay missing visibly: the chain goes on where it had been."""
        try:
            head = read_head(self.data_dir)
        except (OSError, ValueError) as error:
            self._found["head"] = f"activity.head cannot be read: {error}"
            return
        if head is None:
            if self._last.id:
                self._found["head"] = "activity.head was missing: entries may have been removed at the end"
        elif head.id > self._last.id:
            self._found["missing"] = f"entries {self._last.id + 1} to {head.id}: removed, or an older database"
            self._last = head
        if self._found:
            log.error("the activity is not as it was left", **self._found)

    # Looking up

    async def entries(self, query: Query, limit: int) -> list[Entry]:
        """Those that match, newest first."""
        async with self._storage.read() as tx:
            return await store.load_entries(tx, query, limit)

    async def since(self, number: int, limit: int) -> list[Entry]:
        """The next ones after this one, oldest first."""
        async with self._storage.read() as tx:
            return await store.load_range(tx, number, None, limit)

    async def stream(self, query: Query, at_once: int = 1_000) -> AsyncIterator[list[Entry]]:
        """All that match, newest first, some at a time."""
        before = query.before
        while found := await self.entries(replace(query, before=before), at_once):
            yield found
            before = found[-1].id

    # Taking changes

    async def record(self, change: Change) -> None:
        """Store a change that has ended; returns once it is in the database, or in a file because that does not
        work."""
        if change.who is not None and change.who.kind == "stranger" and not self._may_list_stranger(change):
            return
        stored = self._add(draft_of(change, utc_ms()))
        await asyncio.wait([stored], timeout=WAIT_S)
        if not stored.done():
            log.error("a change is not in the activity yet; trying again", did=change.did, address=change.address)
            await self._keep_pending()

    def note(self, change: Change) -> None:
        """The same for a change that no request waits for."""
        self._add(draft_of(change, utc_ms()))

    def started(self, facts: Mapping[str, str]) -> None:
        """The Commander was started."""
        self.note(_own("start Commander", {**facts, **self._found}))

    async def stopped(self) -> None:
        """It ends: write down what waits, and that it does."""
        self.note(_own("stop Commander", {}))
        await self.flush()

    async def flush(self) -> None:
        """Write down what waits, now; where that does not work, into the file."""
        try:
            await self._write_pending()
        except (SQLAlchemyError, OSError) as error:
            log.error("the activity could not be written", error=str(error), entries=len(self._pending))
            await self._keep_pending()

    def _add(self, draft: Draft) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if len(self._pending) >= MAX_PENDING:
            future.set_result(None)
            log.error("a change is not in the activity: too many wait for the database", did=draft.action)
            return future
        self._pending.append(_Waiting(draft, future))
        self._wake.set()
        return future

    def _may_list_stranger(self, change: Change) -> bool:
        if self._strangers.blocked("all"):
            self._unlisted += 1
            return False
        self._strangers.hit("all")
        if self._unlisted:
            change.facts["not_listed_before"], self._unlisted = str(self._unlisted), 0
        return True

    # What happens without a request

    def _rollout_ended(self, ended: RolloutEnded) -> None:
        if ended.state == "aborted":
            return  # by an operator, whose request is an entry
        self._ended("roll-out", ended, {"playbook": {ended.playbook_id: ended.playbook}})

    def _update_ended(self, ended: SentryUpdateEnded) -> None:
        self._ended("Sentry update", ended, {})

    def _ended(
        self, what: str, ended: RolloutEnded | SentryUpdateEnded, about: dict[TargetKind, dict[int, str]]
    ) -> None:
        change = _own(f"{'stop' if ended.state == 'stopped' else 'finish'} {what}", {"why": ended.detail})
        change.did, change.result = f"{what}s", ended.state
        change.targets = {**about, "rig": dict(ended.rigs)}
        self.note(change)

    def _token_refused(self, refused: TokenRefused) -> None:
        change = Change("link", refused.address, Actor("sentry", "unknown Sentry"))
        change.action, change.outcome, change.result = "connect with an unknown token", "refused", "unknown token"
        change.facts = {"tokens": str(refused.tokens), "version": refused.version}
        if self._may_list_stranger(change):
            self.note(change)

    # Writing

    async def run(self, part: Part) -> None:
        """Write what waits, together; forget what is too old; until cancelled."""
        prune_at = time.monotonic()
        while True:
            part.idle()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(prune_at - time.monotonic(), 0.0) + 0.01)
            part.beat()
            self._wake.clear()
            try:
                await self._write_pending()
                if time.monotonic() >= prune_at:
                    prune_at = time.monotonic() + PRUNE_EVERY_S
                    await self.prune(utc_ms())
                part.trouble = None
            except (SQLAlchemyError, OSError) as error:
                part.trouble = "changes can't be written to the database; they are kept in a file meanwhile"
                log.error("the activity could not be written; trying again", error=str(error))
                await self._keep_pending()
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    async def _write_pending(self) -> None:
        async with self._writing:
            while self._pending and self._loaded:
                waiting = self._pending[: len(self._tried) or WRITE_AT_ONCE]
                await self._write([one.draft for one in waiting])
                del self._pending[: len(waiting)]
                _answer(waiting)
                broadcasts.added(self._hub)
            if self._head != self._last:
                await asyncio.to_thread(write_head, self.data_dir, self._last)
                self._head = self._last
                self._on_head(self._last)
            if self._has_file and self._loaded and not self._pending:
                await self._keep_pending()

    async def _write(self, drafts: list[Draft]) -> None:
        while True:
            try:
                return await self._try_to_write(drafts)
            except IntegrityError:
                if not await self._another_wrote():
                    raise

    async def _another_wrote(self) -> bool:
        """Whether there are rows of another process in the place of ours; then ours come after them."""
        async with self._storage.read() as tx:
            last = await store.load_last(tx)
            there = await store.load_entry(tx, self._tried[-1].id)
        if last is None or last.id <= self._last.id:
            return False
        if there is None or there.hash != self._tried[-1].hash:
            log.warning("another process writes to the activity, too", entries=last.id - self._last.id)
            self._last, self._tried = Head(last.id, last.hash), []
        return True

    async def _try_to_write(self, drafts: list[Draft]) -> None:
        if not self._tried:
            at = self._last
            for draft in drafts:
                entry = Entry(at.id + 1, draft, self._seal.of(at.hash, at.id + 1, draft))
                self._tried.append(entry)
                at = Head(entry.id, entry.hash)
        last = Head(self._tried[-1].id, self._tried[-1].hash)
        async with self._storage.begin(ends_login=True) as tx:
            there = await store.load_entry(tx, last.id)  # a commit may have succeeded without an answer
            if there is None or there.hash != last.hash:
                await store.insert_entries(tx, self._tried)
        self._last, self._tried = last, []
        self.actions.update(draft.action for draft in drafts[: max(MAX_ACTIONS - len(self.actions), 0)])

    async def _keep_pending(self) -> None:
        """In a file: a change that has happened is not lost with this process. One write of the file at a time, to its
        end, even if who waits for it is cancelled: an older one must not replace a newer one."""
        await asyncio.shield(asyncio.create_task(self._write_file()))

    async def _write_file(self) -> None:
        async with self._filing:
            if not self._loaded:
                log.error("changes wait for the database, which was not read yet", entries=len(self._pending))
                return  # the file of an earlier run must not be overwritten
            waiting = list(self._pending)
            if all(one.in_file for one in waiting) and self._has_file == bool(waiting):
                return
            self._has_file = True
            left = Left(self._last.id, [one.draft for one in waiting])
            try:
                await asyncio.to_thread(write_pending, self.data_dir, left)
            except OSError as error:
                log.error("changes that wait for the database could not be kept in a file", error=str(error))
            else:
                self._has_file = bool(waiting)
                for one in waiting:
                    one.in_file = True
            _answer(waiting)

    # Forgetting

    async def prune(self, now_ms: int) -> int:
        """Remove what is too old or too much, from the oldest on; returns how many. The chain then begins at a record
        of the last one that was removed."""
        since_ms = now_ms - round(self._keep.days * 86_400_000)
        async with self._storage.read() as tx:
            anchor = await read_anchor(tx, self._seal)
            if anchor is None:
                log.error("the record of removed entries of the activity was changed; nothing is removed")
                return 0
            kept = await store.first_kept(tx, since_ms)
            excess = await store.targets_limit(tx, self._keep.entries * TARGETS_PER_ENTRY) or 0
        by_age = min((self._last.id if kept is None else kept) - 1, anchor.id + PRUNE_AT_ONCE)
        through = min(max(by_age, self._last.id - self._keep.entries, excess), self._last.id - 1)
        removed = 0
        while anchor.id < through:
            before = anchor
            anchor = await self._prune_some(anchor, min(through, anchor.id + PRUNE_AT_ONCE))
            if anchor is before:
                break
            removed += anchor.id - before.id
        return removed

    async def _prune_some(self, anchor: Anchor, through: int) -> Anchor:
        async with self._writing, self._storage.begin(ends_login=True) as tx:
            entries = await store.load_range(tx, anchor.id, through, PRUNE_AT_ONCE)
            if not entries:
                return anchor
            broken, at = anchor.broken, Head(anchor.id, anchor.hash)
            for entry in entries:
                broken = broken or wrong_with(self._seal, at, entry, anchor.lost)
                at = Head(entry.id, entry.hash)
            if broken and not anchor.broken:
                log.error("entries of the activity that were removed because of their age were damaged", why=broken)
            pruned = Anchor(at.id, at.hash, broken, anchor.lost)
            await store.delete_through(tx, at.id)
            await store.save_anchor(tx, self._seal.write_anchor(pruned))
        return pruned


def _answer(waiting: list[_Waiting]) -> None:
    """Let go on who waits for these."""
    for one in waiting:
        if not one.stored.done():
            one.stored.set_result(None)


def _own(action: str, facts: Mapping[str, str]) -> Change:
    """Something that the Commander does by itself."""
    change = Change("commander", "this machine", COMMANDER)
    change.action, change.outcome, change.result, change.facts = action, "changed", "done", dict(facts)
    return change
