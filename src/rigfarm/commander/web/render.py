"""Pages from templates. Every template is given who looks at it."""

from __future__ import annotations

from typing import Any, Protocol

from litestar import Request
from litestar.response import Template

__all__ = ["render"]


class _Viewer(Protocol):
    """Who looks, as far as a page's frame cares."""

    @property
    def csrf(self) -> str:
        """What this viewer's forms send back."""


def render(request: Request[Any, Any, Any], template: str, *, status: int = 200, **context: object) -> Template:
    """A page. Besides `context` a template knows `viewer` (absent before the login) and `csrf`, the token that forms
    send back as the field `csrf` and htmx as the header X-CSRF-Token."""
    viewer: _Viewer | None = request.scope.get("auth")
    known = {"viewer": viewer, "csrf": viewer.csrf if viewer is not None else ""}
    return Template(template, context=known | context, status_code=status)
