"""How a form answers when it did what it was asked."""

from __future__ import annotations

import json
from typing import Any

from litestar import Request, Response
from litestar.response import Redirect

from rigfarm.commander.web.headers import is_htmx

__all__ = ["done", "done_with"]


def done(request: Request[Any, Any, Any], href: str) -> Response[Any]:
    """The dialog closes where the page shows the change by itself; without scripts the browser goes to `href`."""
    return Response(None, status_code=204) if is_htmx(request.scope) else Redirect(href, status_code=303)


def done_with(request: Request[Any, Any, Any], href: str, text: str) -> Response[Any]:
    """The same, with a notice; a selection that it was done to is over."""
    if not is_htmx(request.scope):
        return Redirect(href, status_code=303)
    said = {"rigfarm:done": {}, "notice": {"kind": "success", "text": text}}
    return Response(None, status_code=204, headers={"HX-Trigger": json.dumps(said)})
