"""The JSON API of history, and the same as CSV."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from litestar import Request, Response, Router, delete, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter

from rigfarm.commander.asked import OfRigs
from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.history.actions import History
from rigfarm.commander.history.happened.rows import between
from rigfarm.commander.history.reading.course import Course
from rigfarm.commander.history.reading.ranges import time_range
from rigfarm.commander.history.view import EventAnswer, HistoryAnswer, KeptAnswer, event_answer, history_answer, table
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.numbers import MAX_NUMBER
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.web.csv_text import csv_text
from rigfarm.commander.web.paging import LIMIT, After, Limit, loaded_page, numbers_after, one_page
from rigfarm.commander.web.parquet import PARQUET, parquet_bytes
from rigfarm.common.clock import moment, utc_ms

__all__ = ["api_routes"]

From: TypeAlias = Annotated[
    str, QueryParameter(name="from", description="`-24h` (s, m, h, d, w, y), UTC milliseconds, or an ISO 8601 time.")
]
To: TypeAlias = Annotated[str, QueryParameter(name="to", description="Likewise, or `now`.")]
RigId: TypeAlias = Annotated[
    int | None, QueryParameter(ge=0, le=MAX_NUMBER, description="Of this rig; else of the farm.")
]
OfKind: TypeAlias = Annotated[KindName | None, QueryParameter(description="Of the farm: only rigs of this kind.")]
OfCoin: TypeAlias = Annotated[
    str | None, QueryParameter(min_length=1, max_length=64, description="Of the farm: only this coin.")
]
Resolution: TypeAlias = Annotated[
    int | None,
    QueryParameter(
        description="Seconds between two points: 60, 120, 300, 600, 3600, 10800, 21600, 43200 or 86400; of a rig whose "
        "logs are still kept also 5, 10 or 30. Left out: the finest that gives at most 2,000 points, or 400 of seconds."
    ),
]
Detail: TypeAlias = Annotated[
    Literal["summary", "devices"], QueryParameter(description="Of a rig: `devices` adds each of its devices.")
]


async def _course(
    history: NamedDependency[History],
    begin: From = "-24h",
    end: To = "now",
    rig: RigId = None,
    kind: OfKind = None,
    coin: OfCoin = None,
    resolution: Resolution = None,
    detail: Detail = "summary",
) -> Course:
    """What all three forms of the answer are asked with."""
    span = time_range(begin, end, utc_ms())
    if rig is None:
        if detail != "summary":
            raise NotUnderstood("detail is of one rig: give rig, too.")
        kinds: Sequence[KindName] = tuple(KINDS) if kind is None else (kind,)
        return await history.of_farm(span, resolution, kinds, coin)
    if kind is not None or coin is not None:
        raise NotUnderstood("kind and coin are of the farm: leave out rig.")
    await history.must_exist(rig)
    return await history.of_rig(rig, span, resolution, devices=detail == "devices")


_ASKED = {"course": Provide(_course)}


@get("/history", dependencies=_ASKED, summary="The history of a rig or the farm")
async def get_history(course: NamedDependency[Course]) -> HistoryAnswer:
    """Hashrates, power, temperatures, shares and states over a range of time, as lines of equidistant points. History
    is written some time after logs arrive: up to ten minutes on a large farm."""
    return history_answer(course)


@get("/history.csv", dependencies=_ASKED, summary="The same as CSV", media_type="text/csv")
async def get_history_csv(course: NamedDependency[Course], rig: RigId = None, kind: OfKind = None) -> Response[str]:
    """One row for each point, one column for each line; an unknown is an empty cell."""
    return Response(csv_text(table(course)), headers=_named(rig, kind, "csv"), media_type="text/csv")


@get("/history.parquet", dependencies=_ASKED, summary="The same as Parquet", media_type=PARQUET)
async def get_history_parquet(
    course: NamedDependency[Course], rig: RigId = None, kind: OfKind = None
) -> Response[bytes]:
    """The columns of the CSV; 501 where the packages for it are not installed."""
    body = await asyncio.to_thread(parquet_bytes, table(course))
    return Response(body, headers=_named(rig, kind, "parquet"), media_type=PARQUET)


@get("/history/events", summary="What happened")
async def get_events(
    request: Request[Any, Any, Any],
    history: NamedDependency[History],
    of_rigs: NamedDependency[OfRigs],
    begin: From = "-24h",
    end: To = "now",
    rig: RigId = None,
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[EventAnswer]]:
    """Changes of states with their reasons, commands and their results, new revisions of playbooks, rigs that were
    added, renamed or removed: of a rig or of the farm, newest first."""
    span, before = time_range(begin, end, utc_ms()), numbers_after(after)
    if rig is not None:
        await history.must_exist(rig)
    rigs = of_rigs.ids
    if rig is not None:
        rigs = frozenset([rig] if of_rigs.has(rig) else [])
    found = await history.ask(
        lambda reader: between(reader, span.from_ms, span.to_ms, rigs=rigs, most=limit + 1, before=before)
    )
    return loaded_page(request, found[::-1], limit, cursor=lambda one: f"{one.t_ms}-{one.id}", answer=event_answer)


@get("/history/removed", summary="Removed rigs whose history was kept")
async def get_kept(
    request: Request[Any, Any, Any], history: NamedDependency[History], limit: Limit = LIMIT, after: After = ""
) -> Response[list[KeptAnswer]]:
    """Ask for the history of each with its ID, as if it were there."""
    return one_page(
        request,
        await history.kept(),
        limit,
        after,
        key=lambda one: one.rig,
        answer=lambda one: KeptAnswer(one.rig, one.name, one.kind, moment(one.removed_ms)),
    )


@delete("/history/removed/{rig:int}", opt=CONFIGURE, summary="Delete the history of a removed rig")
async def delete_kept(rig: FromPath[int], history: NamedDependency[History]) -> None:
    """It is gone within some minutes."""
    await history.forget(rig)


def _named(rig: int | None, kind: KindName | None, form: str) -> dict[str, str]:
    of = f"rig-{rig}" if rig is not None else kind or "farm"
    return {"Content-Disposition": f'attachment; filename="rigfarm-history-{of}.{form}"'}


api_routes = Router(
    "/api",
    route_handlers=[get_history, get_history_csv, get_history_parquet, get_events, get_kept, delete_kept],
    tags=["history"],
)
