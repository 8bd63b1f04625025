"""The JSON API of the activity, and the same as CSV."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter
from litestar.response import Stream
from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.activity.actions import Activity
from rigfarm.commander.activity.model import Compared, Entry, Query
from rigfarm.commander.activity.view import CSV_HEAD, asked_for, csv_rows
from rigfarm.commander.asked import OfRigs
from rigfarm.commander.auth import ACCESS
from rigfarm.commander.changes import ActorKind, Outcome
from rigfarm.commander.web.csv_text import csv_text
from rigfarm.commander.web.paging import LIMIT, After, Limit, loaded_page, number_after
from rigfarm.common.clock import utc_ms

__all__ = ["api_routes", "entry_answer"]

_Text: TypeAlias = str
Q: TypeAlias = Annotated[_Text, QueryParameter(max_length=200, description="Words to search for.")]
By: TypeAlias = Annotated[ActorKind | None, QueryParameter(description="Only by this kind of actor.")]
Who: TypeAlias = Annotated[_Text, QueryParameter(max_length=200, description="Only by this name, as `who` has it.")]
What: TypeAlias = Annotated[_Text, QueryParameter(max_length=200, description="Only this action, as `action` has it.")]
Result: TypeAlias = Annotated[
    _Text, QueryParameter(max_length=20, description="`changed`, `refused` or `failed`; left out: all.")
]
About: TypeAlias = Annotated[
    _Text, QueryParameter(max_length=40, description="Only about this: `rig:7`, `playbook:3`, `address:1`, …")
]
From: TypeAlias = Annotated[
    _Text, QueryParameter(name="from", description="`-24h` (s, m, h, d, w, y), UTC milliseconds, or an ISO 8601 time.")
]
To: TypeAlias = Annotated[_Text, QueryParameter(name="to", description="Likewise, or `now`.")]


class ComparedAnswer(Struct):
    """One value that was replaced."""

    what: str
    before: str
    after: str

    @classmethod
    def of(cls, one: Compared) -> ComparedAnswer:
        """As the API shows it."""
        return cls(one.what, one.before, one.after)


class EntryAnswer(Struct):
    """One change: who did what, to what, from where, and how it ended."""

    id: int
    at: datetime
    by: ActorKind
    who: str
    which: str
    """Which one, where several have one name: the beginning of a login's hash and its browser."""
    address: str
    action: str
    target: str
    """What it was about, in words."""
    targets: dict[str, str]
    """The same by number: rig, playbook, address, software, rollout, key; as ranges, for example `1-5,8`."""
    compared: list[ComparedAnswer]
    facts: dict[str, str]
    did: str
    """The route or command."""
    outcome: Outcome
    result: str
    hash: str
    """Of this entry and all before it."""


async def _wanted(
    of_rigs: NamedDependency[OfRigs],
    q: Q = "",
    by: By = None,
    who: Who = "",
    what: What = "",
    result: Result = "",
    about: About = "",
    begin: From = "",
    end: To = "",
) -> Query:
    """Which entries both forms of the answer are asked for."""
    given = {"q": q, "by": by or "", "who": who, "what": what, "result": result, "about": about}
    return replace(asked_for(given | {"from": begin, "to": end}, utc_ms()).query, rigs=of_rigs.ids)


_WANTED = {"wanted": Provide(_wanted)}


@get("/activity", opt=ACCESS, dependencies=_WANTED, summary="Who did what, and when")
async def list_activity(
    request: Request[Any, Any, Any],
    activity: NamedDependency[Activity],
    wanted: NamedDependency[Query],
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[EntryAnswer]]:
    """Every change of the last `activity_days`, the newest first."""
    found = await activity.entries(replace(wanted, before=number_after(after)), limit + 1)
    return loaded_page(request, found, limit, cursor=lambda one: str(one.id), answer=entry_answer)


@get("/activity.csv", opt=ACCESS, dependencies=_WANTED, summary="The same as CSV", media_type="text/csv")
async def get_activity_csv(activity: NamedDependency[Activity], wanted: NamedDependency[Query]) -> Stream:
    """All entries that match, one row for each."""

    async def text() -> AsyncIterator[str]:
        yield csv_text([CSV_HEAD])
        async for entries in activity.stream(wanted):
            yield csv_text(csv_rows(entries))

    headers = {"Content-Disposition": 'attachment; filename="rigfarm-activity.csv"'}
    return Stream(text(), headers=headers, media_type="text/csv; charset=utf-8")


api_routes = Router("/api", route_handlers=[list_activity, get_activity_csv], tags=["activity"])


def entry_answer(entry: Entry) -> EntryAnswer:
    """As the API shows it."""
    draft, details = entry.draft, entry.draft.read_details
    return EntryAnswer(
        entry.id,
        entry.moment,
        draft.who_kind,
        draft.who,
        draft.who_ref,
        draft.address,
        draft.action,
        draft.target,
        details.targets,
        [ComparedAnswer.of(one) for one in details.compared],
        details.facts,
        details.did,
        draft.outcome,
        draft.result,
        entry.hash.hex(),
    )
