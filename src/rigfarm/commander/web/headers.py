"""What a request's headers say."""

from __future__ import annotations

from litestar.types import Scope

__all__ = ["header", "is_htmx"]


def header(scope: Scope, name: bytes) -> str:
    """The first header of this (lower-case) name; empty when there is none."""
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return ""


def is_htmx(scope: Scope) -> bool:
    """Whether htmx asks, for a piece of a page."""
    return header(scope, b"hx-request") == "true"
