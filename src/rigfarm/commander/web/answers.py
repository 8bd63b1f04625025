"""How a form answers when it did what it was asked."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response
from litestar.response import Redirect

from rigfarm.commander.web.headers import is_htmx

__all__ = ["done"]


def done(request: Request[Any, Any, Any], href: str) -> Response[Any]:
    """The dialog closes where the page shows the change by itself; without scripts the browser goes to `href`."""
    return Response(None, status_code=204) if is_htmx(request.scope) else Redirect(href, status_code=303)
