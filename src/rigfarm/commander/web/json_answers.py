"""JSON as the API documents it: an unknown value is left out. In a list, whose places mean something, it is null."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response
from litestar.serialization import default_serializer
from litestar.types import Serializer

from rigfarm.commander.web.conditional import etag
from rigfarm.commander.web.sparse import asked_for_fields, only_fields

__all__ = ["JsonAnswer"]


class JsonAnswer(Response[Any]):
    """For `Litestar(response_class=…)`: what a handler returns, without the fields that are None."""

    def __init__(self, content: Any, **more: Any) -> None:
        super().__init__(content, **more)
        if tag := etag(content):
            self.headers.setdefault("ETag", tag)

    def render(self, content: Any, media_type: str, enc_hook: Serializer = default_serializer) -> bytes:
        """The body."""
        body = super().render(content, media_type, enc_hook)
        if not media_type.startswith("application/json"):
            return body
        if b":null" not in body and not asked_for_fields():
            return body
        return msgspec.json.encode(only_fields(_known(msgspec.json.decode(body))))


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _known(one) for name, one in value.items() if one is not None}
    return [_known(one) for one in value] if isinstance(value, list) else value
