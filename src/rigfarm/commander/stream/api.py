"""The stream as a route of the JSON API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, cast, get_args

from litestar import Request, Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream

from rigfarm.commander.asked import one_of
from rigfarm.commander.auth import Auth, Viewer, require
from rigfarm.commander.kinds import KindName
from rigfarm.commander.rigs.listing.asked import Filter
from rigfarm.commander.rigs.listing.language import parse
from rigfarm.commander.stream.actions import Streams, Subject

__all__ = ["api_routes"]

_SUBJECTS: tuple[Subject, ...] = get_args(Subject)


@get("/stream", summary="Changes as they happen, as server-sent events", media_type="text/event-stream")
async def get_stream(
    request: Request[Any, Any, Any],
    auth: NamedDependency[Auth],
    streams: NamedDependency[Streams],
    subjects: Annotated[
        str,
        QueryParameter(name="of", max_length=40, description="`rigs`, `alerts`, `activity`, or several, with commas."),
    ] = "rigs",
    search: Filter = "",
    kind: Annotated[KindName | None, QueryParameter(description="Only rigs of this kind.")] = None,
) -> Stream:
    """Events, each with JSON as its data. `reset`: forget what you know, a snapshot follows. `rig`: one that is new or
    changed, as in `/api/rigs`. `rig-removed`: the `id` of one that was removed, or no longer matches `filter`. `alert`:
    as in `/api/alerts`. `alert-resolved`: the `id` of one. `activity`: an entry as in `/api/activity`, beginning with
    the last 20; a key needs the scope `access` for it. `ready`: the snapshot is complete, changes follow. A reader that
    is too slow is sent `reset` and a new snapshot. The Commander ends a stream after an hour: connect again."""
    asked = [cast("Subject", one_of("of", one.strip(), _SUBJECTS)) for one in subjects.split(",")]
    search = search.strip()
    parse(search)
    viewer: Viewer = request.auth
    if "activity" in asked:
        require(viewer, "access")
    owner = viewer.key.id if viewer.key is not None else viewer.session and viewer.session.id_hash
    streams.check_room(asked, kind, search, owner)

    async def pieces() -> AsyncIterator[bytes]:
        async with (
            streams.reading(asked, kind, search, lambda: auth.alive(viewer), owner) as reader,
            aclosing(reader.pieces()) as sent,
        ):
            async for piece in sent:
                yield piece

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(pieces(), headers=headers, media_type="text/event-stream")


api_routes = Router("/api", route_handlers=[get_stream], tags=["stream"])
