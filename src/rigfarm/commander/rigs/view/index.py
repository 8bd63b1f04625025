"""The index of rigs of one kind: totals, who waits, filters, the table's head, its rows, and where its pages are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.kinds import KINDS, Kind, KindName
from rigfarm.commander.names import name_sort
from rigfarm.commander.rigs.listing.fields import FIELDS, Field, TextField
from rigfarm.commander.rigs.listing.language import SearchMistake, parse
from rigfarm.commander.rigs.listing.query import IndexQuery, Selection
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view.columns import ColumnChoice, column_choices, shown_columns
from rigfarm.commander.rigs.view.labels import condition
from rigfarm.commander.rigs.view.totals import TotalsView
from rigfarm.commander.stats.condition import STATES
from rigfarm.common.clock import iso
from rigfarm.units import count, duration

__all__ = [
    "COLUMNS",
    "Chip",
    "Column",
    "Head",
    "IndexPage",
    "Pager",
    "WaitingRig",
    "index_page",
    "mistaken",
    "waiting_rigs",
]

MAX_WAITING = 3
MAX_LABELS = 100
"""Places or tags to choose from."""


class Column(Struct, frozen=True):
    """One column of the table, in the order in which they stand. `sort` is its key in the URL."""

    sort: str
    label: str
    numeric: bool = False
    first_descending: bool = False
    """Whether the first click shows the largest first."""


_NAME, _STATE = Column("name", "Name"), Column("state", "State")
_RATE = Column("hashrate", "Hashrate", True, True)
_SHARES, _POWER = Column("shares", "Shares", True, True), Column("power", "Power", True, True)
_UPTIME, _SEEN = Column("uptime", "Uptime", True), Column("seen", "Seen", True)
COLUMNS: Mapping[KindName, tuple[Column, ...]] = {
    "cpu-gpu": (
        _NAME,
        _STATE,
        Column("coin", "Coin"),
        _RATE,
        _SHARES,
        Column("devices", "Devices °C", False, True),
        _POWER,
        _UPTIME,
        _SEEN,
    ),
    "asic": (
        _NAME,
        _STATE,
        Column("model", "Model"),
        _RATE,
        Column("devices", "Boards °C", False, True),
        Column("alive", "Alive", True),
        Column("hottest", "Hottest °C", True, True),
        Column("fans", "Fans rpm", True, True),
        _POWER,
        Column("pool", "Pool"),
        _SHARES,
        _UPTIME,
        _SEEN,
    ),
}
_DAY = Column("day", "24 h")
"""A sparkline: nothing to sort by."""
_MORE_SORTS: Mapping[KindName, tuple[Column, ...]] = {
    "cpu-gpu": (
        Column("algorithm", "Algorithm"),
        Column("rejects", "Rejects", True, True),
        Column("efficiency", "Efficiency", True, True),
    ),
    "asic": (
        Column("coin", "Coin"),
        Column("efficiency", "Efficiency", True, True),
        Column("firmware", "Firmware"),
        Column("rejects", "Rejects", True, True),
        Column("messages", "Messages", True, True),
    ),
}


class Head(Struct, frozen=True):
    """A column's head: a link that sorts by it, or empty. `direction` is ascending, descending or empty."""

    label: str
    numeric: bool
    href: str
    direction: str
    sort: str


class Chip(Struct, frozen=True):
    """A filter: a link to the same view with it, or without it when it is active."""

    label: str
    number: str
    href: str
    active: bool
    tone: str = ""


class WaitingRig(Struct, frozen=True):
    """A rig that never reported. `age` since it was created."""

    id: int
    name: str
    href: str
    age: str
    created_iso: str


class Pager(Struct, frozen=True):
    """Which rows of how many; hrefs are empty where there is no such page."""

    first: str
    last: str
    matches: str
    page: int
    pages: int
    before: str
    after: str


class IndexPage(Struct, frozen=True):
    """Everything of rigs_index.html. `rows` is rendered HTML, shared by all who see the same rigs."""

    kind: Kind
    here: str
    """This very view's URL: what the live socket is asked for."""
    query: IndexQuery
    heads: tuple[Head, ...]
    sorts: tuple[Head, ...]
    sorted_by: str
    chips: tuple[Chip, ...]
    coins: tuple[Chip, ...]
    places: tuple[Chip, ...]
    tags: tuple[Chip, ...]
    rows: Sequence[Markup]
    totals: TotalsView
    waiting: tuple[WaitingRig, ...]
    waiting_more: int
    pager: Pager
    matches: int
    """Rigs that the view shows, on all its pages."""
    clear_href: str
    emptiness: str
    """`rigs` (there are none), `match` (none is like that), `waiting` (all wait), `mistake` (the
    search means nothing), or empty: there are rows."""
    by_attention_href: str
    terms: tuple[Chip, ...] = ()
    """The conditions of the search: links to the view without each."""
    mistake: str = ""
    """Why the search means nothing."""
    columns: tuple[ColumnChoice, ...] = ()
    """What the table shows and could show."""
    usual_columns_href: str = ""
    circuits: tuple[str, ...] = ()
    """Their names."""

    @property
    def values(self) -> Mapping[str, list[str]]:
        """Values that fields can have here, to choose from."""
        chips = {"coin": self.coins, "place": self.places, "tag": self.tags}
        found = {name: [chip.label for chip in some] for name, some in chips.items() if some}
        if self.circuits:
            found["circuit"] = sorted(self.circuits)
        return found | {
            name: [*field.known] for name, field in FIELDS.items() if isinstance(field, TextField) and field.known
        }

    @property
    def fields(self) -> Mapping[str, Field]:
        """What can be searched for."""
        return FIELDS


def index_page(
    query: IndexQuery,
    selection: Selection,
    rows: Sequence[Markup],
    totals: TotalsView,
    waiting: Sequence[Rig],
    coins: Sequence[str],
    labels: tuple[Mapping[str, int], Mapping[str, int]],
    now_ms: int,
    *,
    days: bool = False,
    circuits: tuple[str, ...] = (),
) -> IndexPage:
    """The view a URL asks for. `waiting` are the rigs of the kind that never reported, newest first."""
    kind = KINDS[query.kind]
    path = kind.path
    return IndexPage(
        kind=kind,
        here=path + query.url(),
        query=query,
        heads=_heads(query, path, days=days),
        sorts=tuple(_head(column, query, path) for column in (*COLUMNS[query.kind], *_MORE_SORTS[query.kind])),
        sorted_by=_sorted_by(query),
        chips=_state_chips(query, selection.counts, path),
        coins=_coin_chips(query, coins, path),
        places=_label_chips(query, "place", labels[0], path),
        tags=_label_chips(query, "tag", labels[1], path),
        rows=rows,
        totals=totals,
        waiting=waiting_rigs(waiting[:MAX_WAITING], now_ms),
        waiting_more=max(len(waiting) - MAX_WAITING, 0),
        pager=pager(query, selection, path),
        matches=selection.matches,
        clear_href=path + query.url(q="", state="", coin="", page=1),
        emptiness=_emptiness(query, selection),
        by_attention_href=path + query.url(sort="attention", page=1),
        terms=_term_chips(query, path),
        columns=column_choices(query, path, _labels(query.kind, days=days)),
        usual_columns_href=path + query.url(cols="") if query.columns else "",
        circuits=circuits,
    )


def _labels(kind: KindName, *, days: bool) -> Mapping[str, str]:
    """Words of the columns that can be chosen."""
    found = {column.sort: column.label for column in COLUMNS[kind] if column is not _NAME}
    return found | {_DAY.sort: _DAY.label} if days else found


def _heads(query: IndexQuery, path: str, *, days: bool) -> tuple[Head, ...]:
    known = {column.sort: column for column in COLUMNS[query.kind]}
    heads = [_head(known.pop("name"), query, path)]
    for name in shown_columns(query, days=days):
        heads.append(_head(known[name], query, path) if name in known else Head(_DAY.label, False, "", "", _DAY.sort))
    return tuple(heads)


def mistaken(page: IndexPage, search: str, mistake: SearchMistake) -> IndexPage:
    """The same page with a search that means nothing, and so with no rigs: nothing can be done to them."""
    return replace(
        page,
        here="",
        query=replace(page.query, q=search),
        rows=(),
        pager=replace(page.pager, pages=1),
        matches=0,
        emptiness="mistake",
        mistake=str(mistake),
    )


def waiting_rigs(rigs: Sequence[Rig], now_ms: int) -> tuple[WaitingRig, ...]:
    """Who is awaited."""
    return tuple(
        WaitingRig(
            rig.id,
            rig.name,
            rig.href,
            duration((now_ms - rig.created_at) / 1000),
            iso(rig.created_at),
        )
        for rig in rigs
    )


def pager(query: IndexQuery, selection: Selection, path: str) -> Pager:
    """Which part of the matches is shown."""
    first = (selection.page - 1) * query.per_page + 1 if selection.matches else 0
    last = min(selection.page * query.per_page, selection.matches)
    return Pager(
        count(first),
        count(last),
        count(selection.matches),
        selection.page,
        selection.pages,
        path + query.url(page=selection.page - 1) if selection.page > 1 else "",
        path + query.url(page=selection.page + 1) if selection.page < selection.pages else "",
    )


def _head(column: Column, query: IndexQuery, path: str) -> Head:
    mine = query.sort == column.sort
    descending = not query.descending if mine else column.first_descending
    direction = ("descending" if query.descending else "ascending") if mine else ""
    sort = ("-" if descending else "") + column.sort
    return Head(column.label, column.numeric, path + query.url(sort=sort, page=1), direction, column.sort)


def _sorted_by(query: IndexQuery) -> str:
    columns = (*COLUMNS[query.kind], *_MORE_SORTS[query.kind])
    label = next((column.label for column in columns if column.sort == query.sort), query.sort)
    return label.lower()


def _state_chips(query: IndexQuery, counts: Mapping[str, int], path: str) -> tuple[Chip, ...]:
    sick = counts.get("attention", 0)
    listed = sum(counts.get(state, 0) for state in STATES if state != "waiting" or query.q)
    found = [Chip("all", count(listed), path + query.url(state="", page=1), not query.state)]

    def add(state: str, label: str, number: int, tone: str) -> None:
        active = query.state == state
        if number or active:
            target = "" if active else state
            found.append(Chip(label, count(number), path + query.url(state=target, page=1), active, tone))

    add("attention", "needs attention", sick, "bad" if sick else "")
    for state in ("offline", "idle", "degraded", "stopped", "online", "waiting", "maintenance"):
        add(state, state, counts.get(state, 0), "")
    return tuple(found)


def _term_chips(query: IndexQuery, path: str) -> tuple[Chip, ...]:
    wanted = parse(query.q)
    if all(term.of_field is None and not term.negative for term in wanted.terms):
        return ()  # words: the box says all
    return tuple(
        Chip(term.text, "", path + query.url(q=wanted.without(term), page=1), True, "term") for term in wanted.terms
    )


def _label_chips(query: IndexQuery, field: str, known: Mapping[str, int], path: str) -> tuple[Chip, ...]:
    """Links that add a condition to the search, or take it out."""
    wanted = parse(query.q)
    terms = {term.text: term for term in wanted.terms}
    chips = []
    for word in sorted(known, key=name_sort)[:MAX_LABELS]:
        term = terms.get(text := condition(field, word))
        search = f"{query.q} {text}".strip() if term is None else wanted.without(term)
        chips.append(Chip(word, count(known[word]), path + query.url(q=search, page=1), term is not None))
    return tuple(chips)


def _coin_chips(query: IndexQuery, coins: Sequence[str], path: str) -> tuple[Chip, ...]:
    names = [*coins, *([query.coin] if query.coin and query.coin not in coins else [])]
    return tuple(
        Chip(name, "", path + query.url(coin="" if name == query.coin else name, page=1), name == query.coin)
        for name in names
    )


def _emptiness(query: IndexQuery, selection: Selection) -> str:
    if selection.matches:
        return ""
    if query.narrowed:
        return "match"
    return "waiting" if selection.counts.get("waiting") else "rigs"
