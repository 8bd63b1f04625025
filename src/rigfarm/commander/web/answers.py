"""How a form answers when it did what it was asked."""

from __future__ import annotations

import json
from typing import Any

from litestar import Request, Response
from litestar.response import Redirect

from rigfarm.commander.auth.connection import is_htmx

__all__ = ["done"]


def done(request: Request[Any, Any, Any], href: str, notice: str) -> Response[Any]:
    """The dialog closes and a notice says what happened; without scripts the browser goes to `href`."""
    if not is_htmx(request.scope):
        return Redirect(href, status_code=303)
    told = json.dumps({"done": {"text": notice, "kind": "success"}})
    return Response(None, status_code=200, headers={"HX-Reswap": "none", "HX-Trigger": told})
