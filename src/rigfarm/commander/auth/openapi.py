"""What the API's documentation says of keys: the one security scheme, and the scope that each operation needs."""

from __future__ import annotations

from litestar import Litestar
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute

from rigfarm.commander.auth.scopes import MEANINGS, needed_scope

__all__ = ["SECURITY", "document_scopes"]

_SCHEME = "apiKey"

SECURITY = Components(
    security_schemes={
        _SCHEME: SecurityScheme(
            type="http",
            scheme="bearer",
            bearer_format="rk_…",
            description="An API key from the settings page or `rigfarm commander api-key create`. Its scopes: "
            + " ".join(f"`{scope}`: {meaning}" for scope, meaning in MEANINGS.items()),
        )
    }
)


def document_scopes(app: Litestar) -> None:
    """Have every operation of the documentation name the scope it needs; open ones need none."""
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for method, (handler, _) in route.route_handler_map.items():
            needed = needed_scope(str(method), handler.opt)
            if handler.opt.get("open") is not True and needed is not None:
                handler.security = [{_SCHEME: [] if needed == "any" else [needed]}]
