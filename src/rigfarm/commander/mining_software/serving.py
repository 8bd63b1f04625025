"""Pinned files for rigs: streamed from the disk in small pieces, whole or from where a rig's download broke off."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotAuthorizedException, NotFoundException
from litestar.params import FromPath
from litestar.response import Stream

from rigfarm.commander.mining_software.actions import MiningSoftware
from rigfarm.commander.mining_software.archives.store import ArchiveStore
from rigfarm.commander.rigs.actions import Rigs

__all__ = ["PIECE", "archive_routes"]

PIECE = 32 << 10
"""Bytes of a file that are read at once for a rig."""
_AT_ONCE: int | None = getattr(os, "RWF_NOWAIT", None)
"""Linux can say that something is not in memory, instead of waiting for the disk."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@get("/software/archives/{sha256:str}", opt={"open": True}, include_in_schema=False)
async def archive(
    request: Request[Any, Any, Any],
    sha256: FromPath[str],
    book: NamedDependency[Rigs],
    software: NamedDependency[MiningSoftware],
) -> Response[Any]:
    """A file by its hash, for a rig that shows its token. A range is answered with 206, a wrong one with 416."""
    token = _token(request)
    rig = book.by_token(token)
    if rig is None:
        raise NotAuthorizedException(
            "A rig's token is needed: Authorization: Bearer rf_…", headers={"WWW-Authenticate": "Bearer"}
        )
    path = software.archives.path(sha256)
    if path is None:
        raise NotFoundException(f"The Commander has no file {sha256[:64]}: fetch the mining software again.")
    if software.archives.downloads.full(rig.id):
        raise HTTPException(
            "Too many rigs are downloading: try again soon.", status_code=503, headers={"Retry-After": "5"}
        )
    size = path.stat().st_size
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{sha256}"', "Cache-Control": "no-store"}
    span = _span(request.headers, size, sha256)
    if span is None:
        headers["Content-Range"] = f"bytes */{size}"
        raise HTTPException("The file does not have this range.", status_code=416, headers=headers)
    first, last = span
    headers["Content-Length"] = str(last - first + 1)
    whole = (first, last) == (0, size - 1)
    if not whole:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    length = last - first + 1
    pieces = _pieces(software.archives, path, first, length)
    return Stream(
        software.archives.downloads.send(rig.id, request.scope, pieces, length, lambda: book.by_token(token) is rig),
        status_code=200 if whole else 206,
        headers=headers,
        media_type="application/octet-stream",
    )


def _token(request: Request[Any, Any, Any]) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _span(headers: Any, size: int, sha256: str) -> tuple[int, int] | None:
    """First and last byte that are asked for; None when there are no such bytes. What is no range is ignored."""
    whole = (0, size - 1)
    condition = headers.get("if-range")
    found = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if found is None or (condition is not None and condition != f'"{sha256}"'):
        return whole
    start, end = found.groups()
    if start:
        span = (int(start), min(int(end), size - 1) if end else size - 1)
    elif end:
        span = (max(size - int(end), 0), size - 1)
    else:
        return whole
    return span if span[0] <= span[1] else None


async def _pieces(store: ArchiveStore, path: Path, start: int, length: int) -> AsyncGenerator[bytes]:
    file = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while length > 0:
            await store.turns.take()
            piece = await _piece(file, min(PIECE, length), start)
            if not piece:
                return
            yield piece
            start += len(piece)
            length -= len(piece)
    finally:
        os.close(file)


async def _piece(file: int, length: int, start: int) -> bytes:
    """From memory at once; from the disk in a thread."""
    if _AT_ONCE is not None:
        piece = bytearray(length)
        with contextlib.suppress(OSError):  # not in memory, or a file system that cannot tell
            return bytes(memoryview(piece)[: os.preadv(file, [piece], start, _AT_ONCE)])
    return await asyncio.to_thread(os.pread, file, length, start)


archive_routes = [archive]
