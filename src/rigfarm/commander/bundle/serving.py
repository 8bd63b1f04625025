"""A bundle for any client: a new rig has nothing to show yet, and there is no secret in it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath
from litestar.response import Stream

from rigfarm.commander.auth.connection import address_of
from rigfarm.commander.bundle.model import Bundle, file_id
from rigfarm.commander.bundle.store import Bundles
from rigfarm.commander.server.connections import network_of

__all__ = ["bundle_routes"]

PIECE = 256 << 10
"""Bytes in memory per rig that is fetching."""


@get("/bundle/{name:str}", opt={"open": True}, include_in_schema=False)
async def bundle(
    request: Request[Any, Any, Any], name: FromPath[str], bundles: NamedDependency[Bundles]
) -> Response[Any]:
    """The file, if it is still the one whose hash was told."""
    found = bundles.find(name)
    if found is None:
        raise NotFoundException(
            "The Commander has no such Sentry: build it with `make bundle` and copy it to the bundle folder."
        )
    network = network_of(address_of(request.scope))
    if bundles.downloads.full(network):
        raise _later("Too many rigs are downloading: try again soon.")
    if not await asyncio.to_thread(found.unchanged):
        raise _later("The Sentry is being replaced right now: copy the line from the rig's page again.")
    headers = {"Content-Length": str(found.size), "ETag": f'"{found.sha256}"', "Cache-Control": "no-store"}
    pieces = bundles.downloads.send(network, request.scope, _pieces(found), found.size, lambda: True)
    return Stream(pieces, headers=headers, media_type="application/octet-stream")


def _later(text: str) -> HTTPException:
    return HTTPException(text, status_code=503, headers={"Retry-After": "5"})


async def _pieces(found: Bundle) -> AsyncGenerator[bytes]:
    """All of it, unless it has changed meanwhile."""
    file = await asyncio.to_thread(os.open, found.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        left = found.size if file_id(os.fstat(file)) == found.id else 0
        while left > 0 and (piece := await asyncio.to_thread(os.read, file, min(PIECE, left))):
            yield piece
            left -= len(piece)
    finally:
        os.close(file)


bundle_routes = [bundle]
