"""A file that is uploaded, as a stream: never in memory as a whole, wherever it comes from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request
from multipart import (  # type: ignore[import-untyped]  # it ships no types
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from rigfarm.commander.refusals import Invalid

__all__ = ["content_length", "form_file", "raw_body"]


def content_length(request: Request[Any, Any, Any]) -> int | None:
    """What the request says of its length."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


async def raw_body(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """The body as it comes."""
    async for chunk in request.stream():
        if chunk:
            yield chunk


async def form_file(request: Request[Any, Any, Any], field: str) -> AsyncIterator[bytes]:
    """The file in a field of a form, as it comes. Invalid when the form has none."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise Invalid("Choose a file.", field=field)
    found, wanted = False, False
    try:
        with PushMultipartParser(boundary, max_segment_count=10) as parser:
            async for chunk in request.stream():
                for part in parser.parse(chunk):
                    if isinstance(part, MultipartSegment):
                        wanted = part.name == field and bool(part.filename)
                        found = found or wanted
                    elif part is not None and wanted:
                        yield bytes(part)
                if parser.closed:
                    break
    except MultipartError:
        raise Invalid("The upload was interrupted: try again.", field=field) from None
    if not found:
        raise Invalid("Choose a file.", field=field)
