"""Pages from templates. Every template is given who looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Request
from litestar.response import Template

if TYPE_CHECKING:
    from rigfarm.commander.auth.model import Viewer


__all__ = ["render"]


def render(request: Request[Any, Any, Any], template: str, *, status: int = 200, **context: object) -> Template:
    """A page. Besides `context` a template knows `viewer` (absent before the login) and `csrf`, the token that forms
    send back as the field `csrf` and htmx as the header X-CSRF-Token."""
    viewer: Viewer | None = request.scope.get("auth")
    known = {"viewer": viewer, "csrf": viewer.csrf if viewer is not None else ""}
    return Template(template, context=known | context, status_code=status)
