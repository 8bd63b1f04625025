"""The activity as it is shown: which entries a URL asks for, its rows, and the same as a table for spreadsheets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TypeAlias, get_args
from urllib.parse import urlencode

from msgspec import Struct

from rigfarm.commander.activity.actions import Activity
from rigfarm.commander.activity.model import KINDS_OF_ACTORS, Compared, Entry, Query, range_count, unranged
from rigfarm.commander.asked import one_of, short_text, whole_number
from rigfarm.commander.changes import TargetKind
from rigfarm.commander.history import time_range
from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.common.clock import utc_ms
from rigfarm.units import duration

__all__ = [
    "CSV_HEAD",
    "PARAMETERS",
    "PER_PAGE",
    "ActivityPage",
    "Asked",
    "Link",
    "Links",
    "Row",
    "activity_page",
    "asked_for",
    "csv_rows",
    "row_of",
]

PER_PAGE = 100
MAX_WORDS = 8
MAX_PARAMETER = 200
PARAMETERS = ("q", "by", "who", "what", "result", "about", "from", "to", "before")
RESULTS = {"changed": "done", "refused": "refused", "failed": "failed"}
TIMES = {"": "any time", "-1h": "last hour", "-24h": "last 24 hours", "-7d": "last 7 days", "-30d": "last 30 days"}
CSV_HEAD = (
    "entry", "time (UTC)", "by", "who", "which", "address", "action", "about", "before and after", "more", "result",
    "answer", "hash",
)  # fmt: skip

Links: TypeAlias = Mapping[TargetKind, Callable[[int], tuple[str, str] | None]]
"""(name now, path) of what an entry is about; None for what no longer exists."""


class Link(Struct, frozen=True):
    """A name, and the page it leads to; empty: it no longer exists."""

    name: str
    href: str


class Asked(Struct, frozen=True):
    """What a URL asks for: the entries, and its parameters as they were given."""

    query: Query
    given: Mapping[str, str]

    def url(self, path: str = "/activity", **changes: str) -> str:
        """The same with other parameters; an empty one goes."""
        given = {name: value for name, value in {**self.given, **changes}.items() if value}
        return f"{path}?{urlencode(given)}" if given else path


class Row(Struct, frozen=True):
    """One entry."""

    id: int
    iso: str
    ago: str
    by: str
    who: str
    who_href: str
    """Everything that they did."""
    ref: str
    address: str
    action: str
    about: list[Link]
    more: int
    """Things that it is about besides."""
    compared: list[Compared]
    facts: list[tuple[str, str]]
    did: str
    outcome: str
    result: str
    answer: str
    hash: str


class ActivityPage(Struct, frozen=True):
    """What the page shows."""

    asked: Asked
    rows: list[Row]
    here: str
    older: str
    """The URL of the next page; empty: this is the last."""
    newest: str
    """The URL of the first page; empty: this is it."""
    csv: str
    narrowed: bool
    about: str
    """The name of what entries are shown of; empty: of everything."""
    clear_about: str
    clear_who: str


def asked_for(params: Mapping[str, str], now_ms: int) -> Asked:
    """What the parameters of a URL mean. NotUnderstood for what means nothing."""
    given = {name: text for name in PARAMETERS if (text := short_text(params, name, MAX_PARAMETER))}
    since = until = None
    if "from" in given or "to" in given:
        span = time_range(given.get("from", "-10y"), given.get("to", "now"), now_ms)
        since, until = span.from_ms, None if span.ends_now else span.to_ms
    query = Query(
        words=tuple(given.get("q", "").split()[:MAX_WORDS]),
        kind=one_of("by", given.get("by", ""), ("", *KINDS_OF_ACTORS)),
        who=given.get("who", ""),
        action=given.get("what", ""),
        outcome=one_of("result", given.get("result", ""), ("", *RESULTS)),
        about=_about(given.get("about", "")),
        since=since,
        until=until,
        before=whole_number(given, "before"),
    )
    return Asked(query, given)


async def activity_page(activity: Activity, links: Links, params: Mapping[str, str]) -> ActivityPage:
    """The page at a URL."""
    asked = asked_for(params, utc_ms())
    found = await activity.entries(asked.query, PER_PAGE + 1)
    shown = found[:PER_PAGE]
    about = asked.query.about
    thing = None if about is None else _find(links, *about)
    name = "" if about is None else thing[0] if thing is not None else f"{about[0]} {about[1]}"
    return ActivityPage(
        asked,
        [row_of(entry, links, asked) for entry in shown],
        asked.url(),
        asked.url(before=str(shown[-1].id)) if len(found) > len(shown) else "",
        asked.url(before="") if asked.query.before is not None else "",
        asked.url("/api/activity.csv", before=""),
        bool(asked.given.keys() - {"before"}),
        name,
        asked.url(about="", before=""),
        asked.url(who="", before=""),
    )


def row_of(entry: Entry, links: Links, asked: Asked) -> Row:
    """One entry for people."""
    draft, details = entry.draft, entry.draft.read_details
    about, count = [], 0
    for kind, text in details.targets.items():
        names = details.names.get(kind, [])
        for target, name in zip(islice(unranged(text), len(names)), names, strict=False):
            thing = _find(links, kind, target)
            about.append(Link(name, "" if thing is None else thing[1]))
        count += range_count(text)
    return Row(
        entry.id,
        entry.moment.isoformat(timespec="seconds"),
        duration(max((datetime.now(UTC) - entry.moment).total_seconds(), 0)),
        KINDS_OF_ACTORS[draft.who_kind],
        draft.who,
        asked.url(who=draft.who, before=""),
        draft.who_ref,
        draft.address,
        draft.action[:1].upper() + draft.action[1:],
        about,
        count - len(about),
        details.compared,
        [(name.replace("_", " "), value) for name, value in details.facts.items()],
        details.did,
        draft.outcome,
        RESULTS.get(draft.outcome, draft.outcome),
        draft.result,
        entry.hash.hex(),
    )


def csv_rows(entries: Sequence[Entry]) -> Iterator[tuple[object, ...]]:
    """A row for each entry, under CSV_HEAD."""
    for entry in entries:
        draft, details = entry.draft, entry.draft.read_details
        yield (
            entry.id,
            entry.moment.isoformat(timespec="milliseconds"),
            KINDS_OF_ACTORS[draft.who_kind],
            draft.who,
            draft.who_ref,
            draft.address,
            draft.action,
            draft.target,
            "; ".join(f"{one.what}: {one.before} → {one.after}" for one in details.compared),
            "; ".join(f"{name}: {value}" for name, value in details.facts.items()),
            RESULTS.get(draft.outcome, draft.outcome),
            draft.result,
            entry.hash.hex(),
        )


def _find(links: Links, kind: str, target: int) -> tuple[str, str] | None:
    find = next((find for one, find in links.items() if one == kind), None)
    return None if find is None else find(target)


def _about(text: str) -> tuple[str, int] | None:
    """`rig:7`."""
    if not text:
        return None
    kind, _, rest = text.partition(":")
    found = number(rest)
    if kind not in get_args(TargetKind) or found is None:
        raise NotUnderstood(f"about is for example rig:7; the kinds are {', '.join(get_args(TargetKind))}.")
    return kind, found
