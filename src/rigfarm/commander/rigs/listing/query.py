"""Which rigs an index page shows, how sorted: the query its URL says, and the shape of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from msgspec import Struct

from rigfarm.commander.asked import known_names, one_of, short_text, whole_number
from rigfarm.commander.kinds import KindName
from rigfarm.commander.rigs.listing.columns import asked_columns
from rigfarm.commander.rigs.listing.language import MAX_SEARCH, parse
from rigfarm.commander.rigs.listing.sorting import SORT_KEYS, SORTED_BY_LOGS
from rigfarm.commander.stats.condition import STATES

__all__ = ["INDEX_PARAMS", "STATES", "IndexQuery", "Selection"]

PER_PAGE = (25, 50, 100, 200)
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
        return self.sort in SORTED_BY_LOGS or parse(self.q).reads_logs

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
