"""What the API's documentation says of every operation alike: the scope that a key needs, which errors it may answer
with, and how its list is paged. Derived from the routes, so that no route can forget it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, OpenAPIType, Operation, Parameter, Schema, SecurityScheme
from litestar.routes import HTTPRoute

from rigfarm.commander.auth.scopes import MEANINGS, changes_something, needed_scope, repeatable
from rigfarm.commander.web.problems import Problem
from rigfarm.commander.web.sparse import has_fields

if TYPE_CHECKING:
    from litestar.handlers import HTTPRouteHandler

__all__ = ["SECURITY", "document_operations"]

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

_ERRORS = {
    400: "The request is malformed, or has an unknown parameter or value.",
    401: "No login and no API key, or one that has ended.",
    403: "The API key lacks the scope, or the request comes from another site.",
    404: "It does not exist, or no longer does.",
    409: "It conflicts with something that exists, or someone else has changed it since.",
    412: "It is not at a revision that `If-Match` names.",
    413: "The body is too large.",
    422: "A value cannot be right; `errors` names the fields.",
    429: "Too many wrong API keys from this address. `Retry-After` says when to try again.",
    503: "The Commander cannot do this at the moment, for example because its database does not work.",
}
_NAMES_A_THING = {"rig", "playbook", "batch"}
"""Parameters of a query with the id of something that may not exist."""
_KEY = Parameter(
    name="Idempotency-Key",
    param_in="header",
    schema=Schema(type=OpenAPIType.STRING, max_length=255),
    description="Any text that is new for each request, such as a UUID. The same request with the same key is carried "
    "out once in 24 hours, and answered again as before.",
)


@dataclass
class _Repeatable(Operation):
    """An operation that takes an `Idempotency-Key`."""

    def __post_init__(self) -> None:
        self.parameters = [*(self.parameters or ()), _KEY]


_FIELDS = Parameter(
    name="fields",
    param_in="query",
    schema=Schema(type=OpenAPIType.STRING),
    description="Only these fields, with commas between them: `id,name`.",
)


@dataclass
class _Sparse(Operation):
    """An operation that takes `fields`."""

    def __post_init__(self) -> None:
        self.parameters = [*(self.parameters or ()), _FIELDS]


_IF_MATCH = Parameter(
    name="If-Match",
    param_in="header",
    schema=Schema(type=OpenAPIType.STRING),
    description='The revision that you have seen, as in the header `ETag` or the field `revision`: `"7"`. At any other '
    "revision nothing is changed, and the answer is 412.",
)


@dataclass
class _Conditional(Operation):
    """An operation that takes `If-Match`."""

    def __post_init__(self) -> None:
        self.parameters = [*(self.parameters or ()), _IF_MATCH]


_LINK = ResponseHeader(
    name="Link",
    description='The URL of the next page, as `<…>; rel="next"`; absent on the last page.',
    documentation_only=True,
)


def document_operations(app: Litestar) -> None:
    """Complete the documentation of every operation."""
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for method, (handler, kwargs) in route.route_handler_map.items():
            query = {one.field_alias for one in kwargs.expected_query_params}
            needed = needed_scope(str(method), handler.opt)
            is_open = handler.opt.get("open") is True
            if repeatable(route.path, str(method), handler.opt):
                handler.operation_class = _Repeatable
            elif has_fields(handler.opt):
                handler.operation_class = _Sparse
            elif handler.opt.get("if_match"):
                handler.operation_class = _Conditional
            if not is_open and needed is not None:
                handler.security = [{_SCHEME: [] if needed == "any" else [needed]}]
            if route.path.startswith("/api/") or is_open or handler.opt.get("api_key") is True:
                codes = _codes(str(method), handler, bool(kwargs.expected_path_params), query, is_open=is_open)
                handler.responses = {
                    code: ResponseSpec(Problem, False, _ERRORS[code], "application/problem+json")
                    for code in sorted(codes)
                }
            if "after" in query:
                handler.response_headers = [*(handler.response_headers or ()), _LINK]


def _codes(method: str, handler: HTTPRouteHandler, names_one: bool, query: set[str], *, is_open: bool) -> set[int]:
    """Which errors it may answer with."""
    codes = {503}
    if not is_open:
        codes |= {400, 401, 429}
        if needed_scope(method, handler.opt) != "any":
            codes.add(403)
    fields = handler.parsed_fn_signature.parameters
    body = fields.get("data")
    has_body = body is not None or handler.request_max_body_size is not None
    chooses_rigs = body is not None and {"rigs", "filter"} <= set(getattr(body.annotation, "__struct_fields__", ()))
    if names_one or query & _NAMES_A_THING or chooses_rigs:
        codes.add(404)
    if has_body:
        codes |= {413, 422}
    if handler.opt.get("if_match"):
        codes.add(412)
    if changes_something(method, handler.opt):
        codes |= {409, 422}
    return codes
