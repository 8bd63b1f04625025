"""Pages from templates. Every template is given who looks at it."""

from __future__ import annotations

from typing import Any, Protocol

from litestar import Request
from litestar.exceptions import PermissionDeniedException
from litestar.response import Template

from rigfarm.commander.permission import ONLY_A_VISITOR
from rigfarm.commander.refusals import Refusal
from rigfarm.commander.web.headers import is_htmx

__all__ = ["render", "render_form"]


class _Viewer(Protocol):
    """Who looks, as far as a page's frame cares."""

    @property
    def csrf(self) -> str:
        """What this viewer's forms send back."""

    @property
    def visitor(self) -> bool:
        """Whether they change nothing."""


def render(request: Request[Any, Any, Any], template: str, *, status: int = 200, **context: object) -> Template:
    """A page. Besides `context` a template knows `viewer` (absent before the login) and `csrf`, the token that forms
    send back as the field `csrf` and htmx as the header X-CSRF-Token."""
    viewer: _Viewer | None = request.scope.get("auth")
    known = {"viewer": viewer, "csrf": viewer.csrf if viewer is not None else ""}
    return Template(template, context=known | context, status_code=status)


def render_form(
    request: Request[Any, Any, Any], template: str, refusal: Refusal | None = None, **context: object
) -> Template:
    """A form, alone in its dialog for htmx (`hx`), else as a page. Once it was refused, the answer has the refusal's
    status, and the template knows `errors`, a text for each field that is wrong, and `error`, what is wrong besides. A
    visitor, who could not send it, is told so instead."""
    viewer: _Viewer | None = request.scope.get("auth")
    if viewer is not None and viewer.visitor:
        raise PermissionDeniedException(ONLY_A_VISITOR)
    return render(
        request,
        template,
        status=200 if refusal is None else refusal.status,
        hx=is_htmx(request.scope),
        errors={} if refusal is None else refusal.fields,
        error="" if refusal is None or refusal.fields else str(refusal),
        **context,
    )
