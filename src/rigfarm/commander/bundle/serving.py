"""A bundle for whoever asks: a new rig has nothing to show yet, and there is no secret in it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath
from litestar.response import Stream

from rigfarm.commander.bundle.bundles import Bundles
from rigfarm.commander.bundle.model import Bundle, file_id

__all__ = ["MAX_STREAMS", "bundle_routes"]

PIECE = 256 << 10
"""Bytes in memory per rig that is fetching."""
MAX_STREAMS = 64
"""Rigs that may fetch at once; one more is asked to come back, and `curl --retry` does."""
MAX_S = 600.0
"""A slower fetch is ended, and one that stands still keeps its place no longer."""


@get("/bundle/{name:str}", opt={"open": True}, include_in_schema=False)
async def bundle(name: FromPath[str], bundles: NamedDependency[Bundles]) -> Response[Any]:
    """The file, if it is still the one whose hash was told."""
    found = bundles.find(name)
    if found is None:
        raise NotFoundException("The Commander has no such Sentry: `make bundle` makes it, and its folder takes it.")
    if bundles.fetching(MAX_S) >= MAX_STREAMS:
        raise _later("Too many rigs are fetching: try again soon.")
    if not await asyncio.to_thread(found.unchanged):
        raise _later("The Sentry is just being replaced: copy the line from the rig's page again.")
    headers = {"Content-Length": str(found.size), "ETag": f'"{found.sha256}"', "Cache-Control": "no-store"}
    return Stream(_pieces(bundles, found), headers=headers, media_type="application/octet-stream")


def _later(text: str) -> HTTPException:
    return HTTPException(text, status_code=503, headers={"Retry-After": "5"})


async def _pieces(bundles: Bundles, found: Bundle) -> AsyncIterator[bytes]:
    """All of it. What changed meanwhile, or is fetched too slowly, ends early: its length and hash do not fit then."""
    started = time.monotonic()
    bundles.began.append(started)
    file = await asyncio.to_thread(os.open, found.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        left = found.size if file_id(os.fstat(file)) == found.id else 0
        while left > 0 and time.monotonic() - started < MAX_S:
            piece = await asyncio.to_thread(os.read, file, min(PIECE, left))
            if not piece:
                return
            yield piece
            left -= len(piece)
    finally:
        os.close(file)
        bundles.began.remove(started)


bundle_routes = [bundle]
