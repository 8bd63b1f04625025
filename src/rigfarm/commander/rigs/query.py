"""Which rigs an index page shows, in which order: the query its URL says, answered from memory.

The ordering is shared by all pages that ask the same question, and is at most ORDER_FOR_S old.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from operator import itemgetter
from urllib.parse import urlencode

from msgspec import Struct

from rigfarm.commander.channels import Kind
from rigfarm.commander.names import name_order
from rigfarm.commander.numbers import number
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.sorting import SORT_KEYS
from rigfarm.commander.stats import OperationalStats, RigStats

__all__ = ["STATES", "IndexQuery", "RigList", "Selection"]

STATES = ("online", "degraded", "idle", "offline", "waiting")
PER_PAGE = (25, 50, 100, 200)
ORDER_FOR_S = 1.0
KEPT_ORDERS = 128


class IndexQuery(Struct, frozen=True):
    """What an index page's URL asks for. Anything it does not understand means the default."""

    kind: Kind
    q: str = ""
    state: str = ""
    """A state word, `attention` for all that are not well, or empty for all but the waiting."""
    coin: str = ""
    sort: str = "attention"
    descending: bool = False
    page: int = 1
    per_page: int = 50

    @classmethod
    def parse(cls, kind: Kind, params: Mapping[str, str]) -> IndexQuery:
        """From URL parameters."""
        sort = params.get("sort", "")
        descending = sort.startswith("-")
        sort = sort.removeprefix("-")
        state = params.get("state", "")
        return cls(
            kind=kind,
            q=params.get("q", "").strip()[:100],
            state=state if state in (*STATES, "attention") else "",
            coin=params.get("coin", "")[:32],
            sort=sort if sort in SORT_KEYS else "attention",
            descending=descending and sort in SORT_KEYS,
            page=_number(params.get("page"), 1),
            per_page=per if (per := _number(params.get("per"), 50)) in PER_PAGE else 50,
        )

    def url(self, **changes: object) -> str:
        """The URL parameters of this view, with changes; defaults are left out. Starts with `?` or is empty."""
        values: dict[str, object] = {
            "q": self.q,
            "state": self.state,
            "coin": self.coin,
            "sort": ("-" if self.descending else "") + self.sort,
            "page": self.page,
            "per": self.per_page,
            **changes,
        }
        defaults: dict[str, object] = {"q": "", "state": "", "coin": "", "sort": "attention", "page": 1, "per": 50}
        kept = {key: value for key, value in values.items() if value != defaults.get(key)}
        return f"?{urlencode(kept)}" if kept else ""

    @property
    def narrowed(self) -> bool:
        """Whether anything but order and page is asked for."""
        return bool(self.q or self.state or self.coin)


class Selection(Struct, frozen=True):
    """One page of an answer."""

    ids: list[int]
    matches: int
    page: int
    pages: int
    states: dict[str, int]
    """Rigs of the kind by state word, whatever the query."""


def _number(text: str | None, default: int) -> int:
    return (number(text[:9]) if text else None) or default


def _fits(query: IndexQuery, stats: RigStats, *, searched: bool) -> bool:
    """Whether state and coin are what is asked for. Waiting rigs have a place of their own, unless searched for."""
    condition = stats.condition
    if query.state == "attention":
        if not condition.severity:
            return False
    elif query.state:
        if condition.state != query.state:
            return False
    elif condition.state == "waiting" and not searched:
        return False
    return not query.coin or any(share.coin == query.coin for share in stats.contribution.coins)


_value = itemgetter(0)
_Order = tuple[Kind, str, str, str, str, bool]


class RigList:
    """Answers index queries."""

    def __init__(self, book: RigBook, stats: OperationalStats) -> None:
        self._book = book
        self._stats = stats
        self._orders: OrderedDict[_Order, tuple[float, int, list[int]]] = OrderedDict()
        self._texts: dict[int, tuple[int, object, str]] = {}
        self._by_name: dict[Kind, tuple[int, list[int]]] = {}

    def select(self, query: IndexQuery) -> Selection:
        """The rigs on the query's page; a page beyond the last means the last."""
        ids = self.ordered(query)
        pages = max(-(-len(ids) // query.per_page), 1) if query.per_page else 1
        page = min(query.page, pages)
        start = (page - 1) * query.per_page
        states: Counter[str] = self._stats.totals[query.kind].states
        return Selection(ids[start : start + query.per_page], len(ids), page, pages, dict(states))

    def coins(self, kind: Kind) -> list[str]:
        """Coins that rigs of the kind mine now."""
        return sorted(self._stats.totals[kind].coins)

    def ordered(self, query: IndexQuery) -> list[int]:
        """All matching rig ids in order; at most ORDER_FOR_S old, and never from before a rig came or went."""
        key: _Order = (query.kind, query.q.casefold(), query.state, query.coin, query.sort, query.descending)
        now = time.monotonic()
        revision = self._book.revision
        found = self._orders.get(key)
        if found is not None and found[1] == revision and now - found[0] < ORDER_FOR_S:
            self._orders.move_to_end(key)
            return found[2]
        ids = self._sort(query, self._match(query))
        self._orders[key] = (now, revision, ids)
        while len(self._orders) > KEPT_ORDERS:
            self._orders.popitem(last=False)
        return ids

    def _named(self, kind: Kind) -> list[int]:
        """The rigs of a kind by name; in order anew only when one came, went or changed."""
        revision, ids = self._by_name.get(kind, (-1, []))
        if revision != self._book.revision:
            rigs = sorted(self._book.of_kind(kind), key=lambda rig: name_order(rig.name))
            ids = [rig.id for rig in rigs]
            self._by_name[kind] = (self._book.revision, ids)
        return ids

    def _match(self, query: IndexQuery) -> list[tuple[Rig, RigStats]]:
        """By name."""
        words = query.q.casefold().split()
        matches: list[tuple[Rig, RigStats]] = []
        rigs, all_stats = self._book.rigs, self._stats.rigs
        for rig_id in self._named(query.kind):
            stats = all_stats[rig_id]
            if not _fits(query, stats, searched=bool(words)):
                continue
            rig = rigs[rig_id]
            if words:
                text = self._text(rig, stats)
                if not all(word in text for word in words):
                    continue
            matches.append((rig, stats))
        return matches

    def _sort(self, query: IndexQuery, matches: list[tuple[Rig, RigStats]]) -> list[int]:
        if query.sort == "name":
            ids = [rig.id for rig, _ in matches]
            return ids[::-1] if query.descending else ids
        key = SORT_KEYS[query.sort]
        known: list[tuple[object, int]] = []
        unknown: list[int] = []
        for rig, stats in matches:
            value = key(rig, stats)
            if value is None:
                unknown.append(rig.id)
            else:
                known.append((value, rig.id))
        # Stable: the names stay ascending when the values descend.
        known.sort(key=_value, reverse=query.descending)
        return [rig_id for _, rig_id in known] + unknown

    def _text(self, rig: Rig, stats: RigStats) -> str:
        """What a search looks through: name, what it mines and where, what it is made of."""
        coins = tuple((w.coin, w.algorithm, w.pool, w.worker) for w in stats.log.workloads) if stats.log else ()
        found = self._texts.get(rig.id)
        if found is not None and found[0] == rig.revision and found[1] == coins:
            return found[2]
        parts: list[str | None] = [rig.name, stats.log.lan_ip if stats.log else None]
        parts += [part for workload in coins for part in workload]
        if rig.specs is not None:
            specs = rig.specs
            parts += [specs.hostname, specs.cpu, specs.make, specs.model, specs.variant, specs.firmware, specs.mac]
            parts += [gpu.name for gpu in specs.gpus]
        text = "\n".join(part for part in parts if part).casefold()
        self._texts[rig.id] = (rig.revision, coins, text)
        return text

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        self._texts.pop(rig_id, None)
