"""Which rigs an index page shows, how sorted: the query its URL says, answered from memory.

The sorted list is shared by all pages that ask the same question, and is at most SORTED_FOR_S old.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from operator import itemgetter
from typing import TypeVar
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.asked import known_names, one_of, short_text, whole_number
from rigfarm.commander.codes import mac_key
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.names import name_sort
from rigfarm.commander.rigs.listing.columns import asked_columns
from rigfarm.commander.rigs.listing.language import MAX_SEARCH, Wanted, parse
from rigfarm.commander.rigs.listing.sorting import SORT_KEYS, SORTED_BY_LOGS
from rigfarm.commander.rigs.model import Rig, RigBook, within
from rigfarm.commander.stats import FarmStats, RigStats
from rigfarm.commander.stats.condition import STATES, Condition

__all__ = ["INDEX_PARAMS", "STATES", "IndexQuery", "RigList", "Selection"]

PER_PAGE = (25, 50, 100, 200)
SORTED_FOR_S = 1.0
KEPT_SORTS = 128
MAX_COIN = 32
INDEX_PARAMS = ("q", "state", "coin", "sort", "cols", "page", "per", "at")


MAX_MOMENT = 40
_DEFAULTS = {"q": "", "state": "", "coin": "", "sort": "attention", "cols": "", "at": ""}


class IndexQuery(Struct, frozen=True):
    """What an index page's URL, or a filter of the API, asks for."""

    kind: KindName
    q: str = ""
    """In the language of `listing.language`."""
    state: str = ""
    """A state word, `attention` for all that need it, `maintenance`, or empty for all but the waiting."""
    coin: str = ""
    sort: str = "attention"
    descending: bool = False
    page: int = 1
    per_page: int = 50
    columns: tuple[str, ...] = ()
    """What is shown of each rig after its name; empty: the usual columns."""
    at: str = ""
    """Another time, whose farm is asked for; empty: now."""

    @classmethod
    def parse(cls, kind: KindName, params: Mapping[str, str]) -> IndexQuery:
        """From URL parameters. NotUnderstood for a value or a name that it does not know: what is done to all rigs of
        a view must never be done to more of them than was meant."""
        known_names(params, INDEX_PARAMS)
        sort = params.get("sort", "") or "attention"
        search = short_text(params, "q", MAX_SEARCH)
        parse(search)
        return cls(
            kind=kind,
            q=search,
            state=one_of("state", params.get("state", ""), ("", *STATES, "attention", "maintenance")),
            coin=short_text(params, "coin", MAX_COIN),
            sort=one_of("sort", sort.removeprefix("-"), SORT_KEYS),
            descending=sort.startswith("-"),
            columns=asked_columns(kind, params),
            page=whole_number(params, "page") or 1,
            per_page=whole_number(params, "per", PER_PAGE) or 50,
            at=short_text(params, "at", MAX_MOMENT),
        )

    def url(self, **changes: object) -> str:
        """The URL parameters of this view, with changes; defaults are left out. Starts with `?` or is empty."""
        values: dict[str, object] = {
            "q": self.q,
            "state": self.state,
            "coin": self.coin,
            "sort": ("-" if self.descending else "") + self.sort,
            "cols": ",".join(self.columns),
            "page": self.page,
            "per": self.per_page,
            "at": self.at,
            **changes,
        }
        defaults: dict[str, object] = {**_DEFAULTS, "page": 1, "per": 50}
        kept = {key: value for key, value in values.items() if value != defaults.get(key)}
        return f"?{urlencode(kept)}" if kept else ""

    @property
    def reads_logs(self) -> bool:
        """Whether more of each rig is asked for than what its log added to the totals, its state and its name."""
        return bool(self.q) or self.sort in SORTED_BY_LOGS

    @property
    def narrowed(self) -> bool:
        """Whether anything but sort and page is asked for."""
        return bool(self.q or self.state or self.coin)


class Selection(Struct, frozen=True):
    """One page of an answer."""

    ids: list[int]
    matches: int
    page: int
    pages: int
    counts: Mapping[str, int]
    """Rigs that the search and the coin leave, by state word, and those that need `attention` or are in
    `maintenance`."""


def _is_shown(query: IndexQuery, condition: Condition) -> bool:
    """Whether the state is what is asked for. Waiting rigs have a place of their own, unless searched for."""
    match query.state:
        case "":
            return condition.state != "waiting" or bool(query.q)
        case "attention":
            return condition.severity > 0
        case "maintenance":
            return condition.maintenance
        case state:
            return condition.state == state


class _Found(Struct, frozen=True):
    """Rigs that were found at a time of the steady clock, at a revision of the book."""

    at: float
    revision: int
    ids: list[int]
    counts: Mapping[str, int] = {}


def _keep(kept: OrderedDict[_Key, _Found], key: _Key, found: _Found) -> _Found:
    kept[key] = found
    while len(kept) > KEPT_SORTS:
        kept.popitem(last=False)
    return found


_value = itemgetter(0)
_Key = TypeVar("_Key")
_Asked = tuple[KindName, str, str, str, str, bool]


class RigList:
    """Answers index queries."""

    def __init__(self, book: RigBook, stats: FarmStats, sorted_for_s: float = SORTED_FOR_S) -> None:
        self._sorted_for_s = sorted_for_s
        self._book = book
        self._stats = stats
        self._sorted: OrderedDict[_Asked, _Found] = OrderedDict()
        self._found: OrderedDict[tuple[KindName, str, str], _Found] = OrderedDict()
        self._texts: dict[int, tuple[int, object, str]] = {}
        self._labelled: dict[KindName, tuple[int, Mapping[str, int], Mapping[str, int]]] = {}
        self._by_name: dict[KindName, tuple[int, list[int]]] = {}

    def select(self, query: IndexQuery) -> Selection:
        """The rigs on the query's page; a page beyond the last means the last."""
        ids = self.sorted_ids(query)
        pages = max(-(-len(ids) // query.per_page), 1) if query.per_page else 1
        page = min(query.page, pages)
        start = (page - 1) * query.per_page
        return Selection(ids[start : start + query.per_page], len(ids), page, pages, self._counts(query))

    def _counts(self, query: IndexQuery) -> Mapping[str, int]:
        if not (query.q or query.coin):
            return self._stats.totals[query.kind].counts
        return self._find(query).counts

    def coins(self, kind: KindName) -> list[str]:
        """Coins that rigs of the kind mine now."""
        return sorted(self._stats.totals[kind].coins)

    def labels(self, kind: KindName) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """(places, tags) of rigs of a kind, and how many rigs each has; a place has those of all that lies in it."""
        found = self._labelled.get(kind)
        if found is None or found[0] != self._book.revision:
            rigs = self._book.of_kind(kind)
            places, tags = Counter[str](), Counter[str]()
            for place, count in Counter(rig.place for rig in rigs).items():
                places.update(dict.fromkeys(within(place), count))
            for some, count in Counter(rig.tags for rig in rigs).items():
                tags.update(dict.fromkeys(some, count))
            found = self._labelled[kind] = (self._book.revision, places, tags)
        return found[1], found[2]

    @property
    def places(self) -> set[str]:
        """Every place where a rig is, and those that it lies in."""
        return {place for kind in KINDS for place in self.labels(kind)[0]}

    def sorted_ids(self, query: IndexQuery) -> list[int]:
        """All matching rig ids, sorted; at most SORTED_FOR_S old, and never from before a rig came or went."""
        key: _Asked = (query.kind, query.q.casefold(), query.state, query.coin, query.sort, query.descending)
        sorted_ = self._sorted.get(key)
        if sorted_ is not None and self._is_fresh(sorted_):
            self._sorted.move_to_end(key)
            return sorted_.ids
        found = self._find(query)
        rigs, all_stats = self._book.rigs, self._stats.rigs
        matches = [
            (rigs[one], stats)
            for one in found.ids
            if (stats := all_stats.get(one)) is not None and _is_shown(query, stats.condition)
        ]
        return _keep(self._sorted, key, replace(found, ids=self._sort(query, matches))).ids

    def with_waiting(self, query: IndexQuery) -> list[int]:
        """The same. If nothing but a sort is asked for, rigs that have never reported follow."""
        ids = self.sorted_ids(query)
        return ids if query.narrowed else ids + self.sorted_ids(replace(query, state="waiting"))

    def _is_fresh(self, found: _Found) -> bool:
        return found.revision == self._book.revision and time.monotonic() - found.at < self._sorted_for_s

    def _find(self, query: IndexQuery) -> _Found:
        """The rigs that search and coin leave, whatever their state, by name."""
        if not (query.q or query.coin):
            return _Found(time.monotonic(), self._book.revision, self._named(query.kind))
        key = (query.kind, query.q.casefold(), query.coin)
        found = self._found.get(key)
        if found is not None and self._is_fresh(found):
            self._found.move_to_end(key)
            return found
        check = parse(query.q).check(self._text) if query.q else None
        counts, ids = Counter({"attention": 0}), []
        rigs, all_stats, coin, at = self._book.rigs, self._stats.rigs, query.coin, time.monotonic()
        for rig_id in self._named(query.kind):
            stats = all_stats[rig_id]
            if coin and not any(share.coin == coin for share in stats.contribution.coins):
                continue
            if check is None or check(rigs[rig_id], stats):
                ids.append(rig_id)
                condition = stats.condition
                counts[condition.state] += 1
                counts["attention"] += condition.severity > 0
                counts["maintenance"] += condition.maintenance
        return _keep(self._found, key, _Found(at, self._book.revision, ids, counts))

    def _named(self, kind: KindName) -> list[int]:
        """The rigs of a kind by name; sorted again only when one came, went or changed."""
        revision, ids = self._by_name.get(kind, (-1, []))
        if revision != self._book.revision:
            rigs = sorted(self._book.of_kind(kind), key=lambda rig: name_sort(rig.name))
            ids = [rig.id for rig in rigs]
            self._by_name[kind] = (self._book.revision, ids)
        return ids

    def matches(self, rig_id: int, wanted: Wanted) -> bool:
        """Whether a search finds this rig now."""
        rig, stats = self._book.rigs.get(rig_id), self._stats.rigs.get(rig_id)
        return rig is not None and stats is not None and wanted.fits(rig, stats, self._text)

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
        said: tuple[str | None, ...] = ()
        if (log := stats.log) is not None:
            said = (log.lan_ip, *(part for w in log.workloads for part in (w.coin, w.algorithm, w.pool, w.worker)))
        found = self._texts.get(rig.id)
        if found is not None and found[0] == rig.revision and found[1] == said:
            return found[2]
        parts: list[str | None] = [rig.name, rig.place, *rig.tags, *said]
        if rig.specs is not None:
            specs = rig.specs
            parts += [specs.hostname, specs.cpu, specs.make, specs.model, specs.variant, specs.firmware, specs.mac]
            parts += [specs.serial, mac_key(specs.mac or "")]
            parts += [gpu.name for gpu in specs.gpus]
        text = "\n".join(part for part in parts if part).casefold()
        self._texts[rig.id] = (rig.revision, said, text)
        return text

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        self._texts.pop(rig_id, None)
