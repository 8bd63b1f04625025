"""Follows what commands and playbooks do to rigs: each is checked a few times after it has ended.

What is due lies in a heap, and the rows in the database say the same: a Commander that starts goes on where it was. A
check is one update of its row, so one that ends in the middle is made again, and counts once.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.effects import broadcasts, store
from rigfarm.commander.effects.judges import judge
from rigfarm.commander.effects.model import (
    MAX_CHECKS,
    Before,
    Cause,
    Check,
    Counted,
    Runs,
    Seen,
    Watch,
    aspect_of,
    aspect_of_playbook,
    before_of,
    can_be_measured,
    is_over,
    next_offset,
    verdict_after,
)
from rigfarm.commander.events import EffectReverted, Events, PlaybookRemoved, RigRemoved
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.common.text import printable

__all__ = ["Effects", "Followed", "PlaybookState"]

PlaybookState = Callable[[int, int, int], tuple[str, str]]
"""(rig, playbook, revision) to what the rig's Sentry says of it: state and detail; empty when it says nothing."""

TICK_S = 1.0
AT_ONCE = 200
"""Checks of one transaction."""
AFTER_START_S = 60.0
"""Rigs return and report within this time."""
HELD_S = 30.0
"""A check that meets a newer command under way is made so much later."""
BAD_FOR_MS = 86_400_000
"""What has had no effect is shown as bad for this long."""
KEEP_MS = 90 * 86_400_000
PRUNE_EVERY_S = 3_600.0
MAX_DEVICES = 50
MAX_NAME = 128
MAX_WORDS = 300

log = structlog.get_logger()


class Effects:
    """All watches that are not over, in memory. `wall_ms` yields UTC ms, `monotonic` s."""

    def __init__(
        self,
        storage: Storage,
        hub: Hub,
        events: Events,
        rigs: Rigs,
        stats: OperationalStats,
        playbook_state: PlaybookState = lambda *_: ("", ""),
        *,
        wall_ms: Callable[[], int] = utc_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._hub = hub
        self._events = events
        self._rigs = rigs
        self._stats = stats
        self._playbook_state = playbook_state
        self._wall_ms = wall_ms
        self._monotonic = monotonic
        self._current: dict[int, dict[str, Watch]] = {}
        """By rig and aspect: the newest, while it is checked or bad."""
        self._heap: list[tuple[float, int, int, str]] = []
        """(when, id, rig, aspect) of checks; one that is over or was put elsewhere is skipped when its time comes."""
        self._last_id: int | None = None
        """The highest id there is; unknown until the first is stored."""
        self._under_way: dict[tuple[int, str], set[str]] = {}
        """Commands that a rig was sent and that have not ended: what older ones did may no longer show because of
        them."""
        events.listen(RigRemoved, self._rig_removed)
        events.listen(PlaybookRemoved, self._playbook_removed)

    async def load(self) -> None:
        """Go on with what was not over; once, before serving."""
        now_ms, now = self._wall_ms(), self._monotonic()
        async with self._storage.read() as tx:
            found = await store.load_open(tx, now_ms - BAD_FOR_MS)
        for one in found:
            if one.rig_id in self._rigs.rigs:
                self._current.setdefault(one.rig_id, {})[one.aspect] = one
                self._plan(one, max(now + AFTER_START_S, self._when(one)))

    # Looking up

    def before(self, rig_id: int) -> Before:
        """What a rig does now."""
        return before_of(self._stats, rig_id)

    def bad_on(self, rig_id: int) -> list[Watch]:
        """What had no effect on a rig, or was reverted, within the last day."""
        own = self._current.get(rig_id)
        if own is None:
            return []
        since_ms = self._wall_ms() - BAD_FOR_MS
        return [one for one in own.values() if one.is_bad and one.began_ms >= since_ms]

    def is_fine(self, rig_id: int, aspect: str) -> bool | None:
        """Whether the newest of an aspect took effect; None when it is not watched any more."""
        one = self._newest(rig_id, aspect)
        return None if one is None else one.verdict == "took-effect"

    async def of_commands(self, command_ids: Iterable[str]) -> dict[str, Watch]:
        """By command."""
        async with self._storage.read() as tx:
            return await store.load_commands(tx, command_ids)

    def of_playbook_on(self, rig_id: int, playbook_id: int) -> Watch | None:
        """While it is checked, and for a day if it is bad."""
        return self._newest(rig_id, aspect_of_playbook(playbook_id))

    async def counts_of(self, batch: str) -> dict[Counted, int]:
        """How many of one click have which verdict; None: not checked yet."""
        async with self._storage.read() as tx:
            return await store.count_batch(tx, batch)

    async def worst_of(self, batch: str, limit: int) -> list[str]:
        """The commands of one click that were reverted or had no effect."""
        async with self._storage.read() as tx:
            return await store.load_worst(tx, batch, limit)

    async def tallies(self) -> list[store.Tally]:
        """By kind, model, firmware and verdict."""
        async with self._storage.read() as tx:
            return await store.load_tallies(tx)

    async def latest_on(self, kind: str, rig_ids: Iterable[int]) -> list[store.Tally]:
        """What came of the latest command of a kind on all rigs of the same models and firmwares as these."""
        same = {self._device(rig_id) for rig_id in rig_ids}
        devices = sorted({device for device, _ in same if device})[:MAX_DEVICES]
        if not devices:
            return []
        async with self._storage.read() as tx:
            found = await store.count_latest(tx, kind, devices)
        return [one for one in found if (one.device, one.firmware) in same]

    # Beginning

    def for_command(
        self, command_id: str, batch: str, rig_id: int, cause: Cause, before: Before | None, since_ms: int
    ) -> Watch | None:
        """For a command that ended well; None when its effect cannot be measured."""
        if not can_be_measured(cause) or rig_id not in self._rigs.rigs:
            return None
        return self._new(rig_id, cause, since_ms, before or Before(), command_id, batch)

    def for_playbook(self, rig_id: int, runs: Runs) -> Watch:
        """For a playbook that a rig shall run, or no longer run."""
        return self._new(rig_id, runs, self._wall_ms(), self.before(rig_id))

    async def store(
        self, tx: AsyncConnection, new: Sequence[Watch], unsure: Sequence[tuple[int, Cause]] = ()
    ) -> list[Watch]:
        """Within the transaction that stores why they begin. What comes back is for `begin`, once it is committed.
        `unsure`: commands without an answer, which a rig may have carried out."""
        older = [self._current.get(one.rig_id, {}).get(one.aspect) for one in new]
        older += [self._current.get(rig_id, {}).get(aspect_of(cause)) for rig_id, cause in unsure]
        await store.supersede(tx, [one.id for one in older if one is not None])
        last = self._last_id
        if last is None:
            last = max(await store.load_last_id(tx), self._last_id or 0)  # another may have asked meanwhile
        self._last_id = last + len(new)
        numbered = [replace(one, id=number) for number, one in enumerate(new, last + 1)]
        await store.insert_watches(tx, numbered)
        return numbered

    def begin(self, stored: Iterable[Watch], unsure: Iterable[tuple[int, Cause]] = ()) -> None:
        """Check these from now on, and what they supersede no more."""
        for rig_id, cause in unsure:
            self._current.get(rig_id, {}).pop(aspect_of(cause), None)
        for one in stored:
            if one.rig_id not in self._rigs.rigs:
                continue
            self._current.setdefault(one.rig_id, {})[one.aspect] = one
            self._plan(one, self._when(one))

    def hold(self, command_id: str, rig_id: int, cause: Cause) -> None:
        """A command was sent."""
        self._under_way.setdefault((rig_id, aspect_of(cause)), set()).add(command_id)

    def release(self, command_id: str, rig_id: int, cause: Cause) -> None:
        """It has ended."""
        key = (rig_id, aspect_of(cause))
        held = self._under_way.get(key, set())
        held.discard(command_id)
        if not held:
            self._under_way.pop(key, None)

    # Time passes

    async def run(self, part: Part) -> None:
        """Check what is due, until cancelled."""
        prune_at = self._monotonic()
        while True:
            try:
                while await self.tick():
                    part.beat()
                if self._monotonic() >= prune_at:
                    prune_at += PRUNE_EVERY_S
                    async with self._storage.begin() as tx:
                        await store.prune(tx, self._wall_ms() - KEEP_MS)
            except SQLAlchemyError as error:
                log.error("effects of commands could not be stored; trying again", error=str(error))
            await asyncio.sleep(TICK_S)
            part.beat()

    async def tick(self) -> int:
        """Check what is due, a transaction's worth at most; how many that were."""
        now, now_ms = self._monotonic(), self._wall_ms()
        due: list[Watch] = []
        while self._heap and self._heap[0][0] <= now and len(due) < AT_ONCE:
            _, number, rig_id, aspect = heapq.heappop(self._heap)
            one = self._current.get(rig_id, {}).get(aspect)
            if one is None or one.id != number or one.due_ms is None:
                continue
            if (rig_id, aspect) in self._under_way:
                self._plan(one, now + HELD_S)
                continue
            due.append(one)
        if not due:
            return 0
        checked = [self._checked(one, now_ms) for one in due]
        try:
            async with self._storage.begin() as tx:
                await store.save_watches(tx, checked)
        except SQLAlchemyError:
            for one in due:
                self._plan(one, now + TICK_S)
            raise
        for before, after in zip(due, checked, strict=True):
            self._settle(before, after)
        return len(due)

    def _checked(self, one: Watch, now_ms: int) -> Watch:
        """After the check of this moment."""
        rig = self._stats.rigs.get(one.rig_id)
        seen_log = None if rig is None or rig.log is None or rig.log.t <= one.began_ms else rig.log
        playbook = ("", "")
        if isinstance(one.cause, Runs):
            playbook = self._playbook_state(one.rig_id, one.cause.playbook_id, one.cause.revision)
        state = "waiting" if rig is None else rig.condition.state
        judged = judge(one.cause, Seen(one.since_ms, one.before, seen_log, state, playbook))
        verdict = verdict_after(one.checks, judged)
        words = judged.words[:MAX_WORDS]
        offset = None if is_over(one.cause, verdict) else next_offset(one.cause, (now_ms - one.began_ms) / 1000)
        due_ms = None if offset is None else one.began_ms + offset * 1000
        one = replace(one, checks=(*one.checks, Check(now_ms, verdict, words))[-MAX_CHECKS:], due_ms=due_ms)
        if verdict == "not-measurable" and one.verdict not in (None, "not-measurable"):
            return one
        return replace(one, verdict=verdict, words=words)

    def _settle(self, before: Watch, after: Watch) -> None:
        """A check is stored."""
        own = self._current.get(after.rig_id, {})
        if (now := own.get(after.aspect)) is None or now.id != after.id:
            return  # a newer command was given while it was being stored
        if after.due_ms is None and not after.is_bad:
            del own[after.aspect]
            if not own:
                del self._current[after.rig_id]
        else:
            own[after.aspect] = after
            self._plan(after, self._when(after))
        self._stats.touched.add(after.rig_id)
        broadcasts.seen(self._hub, self._rigs.rigs.get(after.rig_id), after)
        if after.verdict == "reverted" and before.verdict != "reverted":
            said = EffectReverted(after.rig_id, after.command_id or "", after.title, after.words)
            self._events.publish(said)

    # Inside

    def _new(
        self,
        rig_id: int,
        cause: Cause,
        since_ms: int,
        before: Before,
        command_id: str | None = None,
        batch: str | None = None,
    ) -> Watch:
        now_ms = self._wall_ms()
        device, firmware = self._device(rig_id)
        first = next_offset(cause, 0)
        return Watch(
            rig_id=rig_id,
            command_id=command_id,
            batch=batch,
            cause=cause,
            before=before,
            device=device,
            firmware=firmware,
            since_ms=since_ms,
            began_ms=now_ms,
            due_ms=None if first is None else now_ms + first * 1000,
        )

    def _newest(self, rig_id: int, aspect: str) -> Watch | None:
        """None when it is too old to matter."""
        one = self._current.get(rig_id, {}).get(aspect)
        return None if one is None or one.began_ms < self._wall_ms() - BAD_FOR_MS else one

    def _device(self, rig_id: int) -> tuple[str, str]:
        """(make and model, firmware and version), as far as they are known."""
        rig = self._rigs.rigs.get(rig_id)
        if rig is None:
            return "", ""
        if rig.specs is None or not rig.of.has_boards:
            return ("" if rig.of.has_boards else "CPU/GPU rig"), ""
        specs = rig.specs
        return _words(specs.make, specs.model), _words(specs.firmware, specs.firmware_version)

    def _when(self, one: Watch) -> float:
        """The next check by the monotonic clock."""
        return self._monotonic() + ((one.due_ms or 0) - self._wall_ms()) / 1000

    def _plan(self, one: Watch, when: float) -> None:
        if one.due_ms is not None:
            heapq.heappush(self._heap, (when, one.id, one.rig_id, one.aspect))

    def _rig_removed(self, removed: RigRemoved) -> None:
        self._current.pop(removed.rig_id, None)

    def _playbook_removed(self, removed: PlaybookRemoved) -> None:
        """Also on rigs from which it had gone before."""
        for own in self._current.values():
            own.pop(aspect_of_playbook(removed.playbook_id), None)


def _words(*parts: str | None) -> str:
    return printable(" ".join(part for part in parts if part), " ", most=MAX_NAME)


class Followed:
    """Watches that begin with what another part stores: `store` within its transaction, `begin` once that is
    committed."""

    def __init__(self, effects: Effects, new: Sequence[Watch]) -> None:
        self._effects = effects
        self._new = new
        self._stored: list[Watch] = []

    async def store(self, tx: AsyncConnection, rig_ids: AbstractSet[int]) -> None:
        """Those of these rigs."""
        self._stored = await self._effects.store(tx, [one for one in self._new if one.rig_id in rig_ids])

    def begin(self) -> None:
        """What was stored."""
        self._effects.begin(self._stored)
