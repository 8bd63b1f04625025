"""Index queries answered from memory.

What is found and sorted is shared by all who ask the same, and is at most SORTED_FOR_S old.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.rigs.listing.fields import Check
from rigfarm.commander.rigs.listing.language import Wanted, parse
from rigfarm.commander.rigs.listing.query import IndexQuery, Selection
from rigfarm.commander.rigs.listing.rows import Rows
from rigfarm.commander.rigs.listing.sorting import SORT_KEYS
from rigfarm.commander.rigs.listing.steps import Steps, at_once, counted, in_turns, picked, sorted_by
from rigfarm.commander.rigs.listing.words import Words
from rigfarm.commander.rigs.model import Rig, RigBook, within
from rigfarm.commander.stats import FarmStats, RigStats
from rigfarm.commander.stats.condition import Condition
from rigfarm.commander.supervised import Part

__all__ = ["RigList"]

SORTED_FOR_S = 1.0
KEPT_SORTS = 128
KEPT_CHECKS = 256
FOLLOW_S = 0.25
_Key = TypeVar("_Key")
_Asked = tuple[KindName, str, str, str, str, bool]


class _Found(Struct, frozen=True):
    """Rigs that were found at a time of the steady clock, at a revision of the book."""

    at: float
    revision: int
    ids: Sequence[int]
    """Those that search and coin leave, by name; or those that are listed, sorted."""
    counts: Mapping[str, int] = {}


class RigList:
    """Answers index queries."""

    def __init__(self, book: RigBook, stats: FarmStats, sorted_for_s: float = SORTED_FOR_S) -> None:
        self._sorted_for_s = sorted_for_s
        self._book = book
        self._stats = stats
        self._rows = {kind: Rows(kind, book, stats) for kind in KINDS}
        self._sorted: dict[_Asked, _Found] = {}
        self._found: dict[tuple[KindName, str, str], _Found] = {}
        self._preparing: dict[_Asked, asyncio.Event] = {}
        self._labelled: dict[KindName, tuple[int, Mapping[str, int], Mapping[str, int]]] = {}
        self._words = Words()
        self._checks = lru_cache(KEPT_CHECKS)(partial(_checks_of, self._words.check))

    # Asking

    def select(self, query: IndexQuery) -> Selection:
        """The rigs on the query's page; a page beyond the last means the last."""
        found = self._answer(query)
        ids = found.ids
        pages = max(-(-len(ids) // query.per_page), 1) if query.per_page else 1
        page = min(query.page, pages)
        start = (page - 1) * query.per_page
        counts = found.counts if query.q or query.coin else self._stats.totals[query.kind].counts
        return Selection([*ids[start : start + query.per_page]], len(ids), page, pages, counts)

    def sorted_ids(self, query: IndexQuery) -> Sequence[int]:
        """All matching rig ids, sorted; at most SORTED_FOR_S old, and never from before a rig came or went."""
        return self._answer(query).ids

    def with_waiting(self, query: IndexQuery) -> Sequence[int]:
        """The same. If nothing but a sort is asked for, rigs that have never reported follow."""
        ids = self.sorted_ids(query)
        return ids if query.narrowed else [*ids, *self.sorted_ids(replace(query, state="waiting"))]

    async def prepare(self, query: IndexQuery) -> None:
        """Find and sort what a query asks for, in turns between which the event loop is free. Who asks for the same
        meanwhile waits for it, and who asks within SORTED_FOR_S has it at once."""
        key = _asked(query)
        while self._fresh(self._sorted, key) is None:
            if (running := self._preparing.get(key)) is not None:
                await running.wait()
                continue
            done = self._preparing[key] = asyncio.Event()
            try:
                await in_turns(self._steps(query))
            finally:
                del self._preparing[key]
                done.set()
            return

    def matches(self, rig_id: int, wanted: Wanted) -> bool:
        """Whether a search finds this rig now."""
        rig, stats = self._book.rigs.get(rig_id), self._stats.rigs.get(rig_id)
        if rig is None or stats is None:
            return False
        return all(check.fits(rig, stats) for check in self._checks(wanted))

    # What there is

    def coins(self, kind: KindName) -> list[str]:
        """Coins that rigs of the kind mine now."""
        return sorted(self._stats.totals[kind].coins)

    def waiting(self, kind: KindName) -> Sequence[Rig]:
        """Rigs of the kind that never reported, newest first."""
        return self._rows[kind].waiting

    def labels(self, kind: KindName) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """(places, tags) of rigs of a kind, and how many rigs each has; a place has those of all that lies in it."""
        found = self._labelled.get(kind)
        if found is None or found[0] != self._book.revision:
            rigs = self._book.of_kind(kind)
            places: Counter[str] = Counter()
            for place, number in Counter([rig.place for rig in rigs]).items():
                places.update(dict.fromkeys(within(place), number))
            tags: Counter[str] = Counter()
            for some, number in Counter([rig.tags for rig in rigs]).items():
                tags.update(dict.fromkeys(some, number))
            found = self._labelled[kind] = (self._book.revision, places, tags)
        return found[1], found[2]

    @property
    def places(self) -> set[str]:
        """Every place where a rig is, and those that it lies in."""
        return {place for kind in KINDS for place in self.labels(kind)[0]}

    # What changes

    async def run(self, part: Part) -> None:
        """Follow what rigs report, so that little is left to read when somebody asks; until cancelled."""
        while True:
            await asyncio.sleep(FOLLOW_S)
            part.beat()
            for rows in self._rows.values():
                await in_turns(rows.figures.follow())

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        self._words.forget(rig_id)
        for rows in self._rows.values():
            rows.figures.forget(rig_id)

    # How it is found

    def _answer(self, query: IndexQuery) -> _Found:
        found = self._fresh(self._sorted, _asked(query))
        return at_once(self._steps(query)) if found is None else found

    def _steps(self, query: IndexQuery) -> Steps[_Found]:
        found = yield from self._find(query)
        ids, all_ids, figures = found.ids, self._rows[query.kind].ids, self._rows[query.kind].figures
        if (holds := _state(query)) is not None:
            test = yield from self._test(query.kind, Check(_condition, holds))
            ids = yield from picked(ids, [test])
        if query.sort != "name":
            keys = []
            for read in SORT_KEYS[query.sort]:
                keys.append((yield from figures.of(read, all_ids)))
            ids = yield from sorted_by(ids, keys, descending=query.descending)
        elif query.descending:
            ids = ids[::-1]
        return self._keep(self._sorted, _asked(query), replace(found, at=time.monotonic(), ids=ids))

    def _find(self, query: IndexQuery) -> Steps[_Found]:
        """The rigs that search and coin leave, whatever their state, by name."""
        key = (query.kind, query.q.casefold(), query.coin)
        revision, rows = self._book.revision, self._rows[query.kind]
        ids = rows.ids
        if not (query.q or query.coin):
            return _Found(time.monotonic(), revision, ids)
        if (found := self._fresh(self._found, key)) is not None:
            return found
        checks = [*self._checks(parse(query.q))]
        if coin := query.coin:
            checks.append(Check(_coins, lambda coins: coin in (coins or ())))
        tests = []
        for check in checks:
            tests.append((yield from self._test(query.kind, check)))
        left = yield from picked(ids, tests)
        conditions = yield from rows.figures.of(_condition, ids)
        counts = yield from counted(left, cast(Mapping[int, Condition], conditions))
        return self._keep(self._found, key, _Found(time.monotonic(), revision, left, counts))

    def _test(self, kind: KindName, check: Check) -> Steps[Callable[[int], bool]]:
        """A condition as a question about a rig's id."""
        rows = self._rows[kind]
        get = (yield from rows.figures.of(check.read, rows.ids)).get
        holds = check.at(rows.now_ms)
        return lambda one: holds(get(one))

    def _fresh(self, kept: Mapping[_Key, _Found], key: _Key) -> _Found | None:
        found = kept.get(key)
        return found if found is not None and self._is_fresh(found) else None

    def _is_fresh(self, found: _Found) -> bool:
        return found.revision == self._book.revision and time.monotonic() - found.at < self._sorted_for_s

    def _keep(self, kept: dict[_Key, _Found], key: _Key, found: _Found) -> _Found:
        """Old answers are forgotten: of a large farm each takes a megabyte."""
        for old in [old for old, one in kept.items() if not self._is_fresh(one)]:
            del kept[old]
        while len(kept) >= KEPT_SORTS:
            del kept[next(iter(kept))]
        kept[key] = found
        return found


def _asked(query: IndexQuery) -> _Asked:
    return query.kind, query.q.casefold(), query.state, query.coin, query.sort, query.descending


def _checks_of(has_word: Callable[[str], Check], wanted: Wanted) -> list[Check]:
    return wanted.checks(has_word)


def _condition(_: Rig, stats: RigStats) -> Condition:
    return stats.condition


def _coins(_: Rig, stats: RigStats) -> Sequence[str]:
    return tuple([share.coin for share in stats.contribution.coins])


def _state(query: IndexQuery) -> Callable[[Condition | None], bool] | None:
    """Whether the state is what is asked for. Waiting rigs have a place of their own, unless searched for."""
    match query.state:
        case "":
            return None if query.q else lambda condition: condition is not None and condition.state != "waiting"
        case "attention":
            return lambda condition: condition is not None and condition.severity > 0
        case "maintenance":
            return lambda condition: condition is not None and condition.maintenance
        case state:
            return lambda condition: condition is not None and condition.state == state
