"""What went wrong, told as suits who asked: RFC 9457 problem+json to programs, a page to people, a notice to htmx."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeAlias

import msgspec
import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy.exc import DBAPIError, OperationalError

from rigfarm.commander.refusals import Refusal
from rigfarm.commander.storage.errors import is_refused_value
from rigfarm.commander.web.render import render

__all__ = ["Problem", "problem_handlers", "problem_response"]

log = structlog.get_logger()

_GONE = "client disconnected prematurely"
"""Litestar's word for a request whose body will never be whole: no mistake of ours, though it makes it a 500."""

_IN_BODY = re.compile(r"(.*) - at `\$\.data\.?(.*)`", re.DOTALL)
"""msgspec's word for a value of a body that is not of its type."""

WebRequest: TypeAlias = Request[Any, Any, Any]


class FieldProblem(Struct):
    """What is wrong with one field."""

    field: str
    detail: str
    position: int | UnsetType = UNSET
    """Of the first wrong character in a `filter`; the field's first is 1."""


class Problem(Struct, omit_defaults=True):
    """RFC 9457. `errors` names the fields that are wrong, as in its own example."""

    title: str
    status: int
    detail: str
    instance: str = ""
    errors: list[FieldProblem] = []


def problem_handlers() -> ExceptionHandlersMap:
    """For `Litestar(exception_handlers=…)`."""
    return {
        HTTPException: _http,
        Refusal: _refusal,
        OverflowError: _too_large,
        DBAPIError: _database,
        OperationalError: _storage,
        Exception: _unexpected,
    }


def problem_response(
    request: WebRequest,
    status: int,
    detail: str,
    *,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response[Any]:
    """An answer that says what went wrong, in the form that suits who asked."""
    title = _title(status)
    answer: Response[Any]
    if request.scope["path"].startswith("/api/") or request.scope["path"] in ("/healthz", "/leads", "/readyz"):
        problem = Problem(title, status, detail, request.scope["path"], list(errors))
        answer = Response(problem, status_code=status, media_type="application/problem+json")
    elif request.headers.get("hx-request") == "true":
        # Nothing is swapped: what the person sees and typed stays, and a notice says why.
        notice = json.dumps({"notice": {"kind": "error", "text": detail}})  # a header takes ASCII only
        headers_only = {"HX-Reswap": "none", "HX-Trigger": notice}
        answer = Response(b"", status_code=status, headers=headers_only, media_type=MediaType.TEXT)
    else:
        answer = render(request, "problem.html", status=status, code=status, title=title, detail=detail)
    answer.headers.update(headers or {})
    return answer


def _http(request: WebRequest, error: HTTPException) -> Response[Any]:
    detail = error.detail
    if detail == _GONE:
        log.debug("a request was broken off", method=request.method, path=request.scope["path"])
        return Response(b"", status_code=HTTPStatus.BAD_REQUEST, media_type=MediaType.TEXT)  # no client reads it
    if error.status_code >= 500 and error.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
        # Litestar takes a field of a body for a part of ours, where they have one name.
        wrong = isinstance(error.__cause__, msgspec.ValidationError) and _IN_BODY.fullmatch(str(error.__cause__))
        if not wrong:
            return _unexpected(request, error)
        detail, problem = "A field of the body is wrong.", FieldProblem(wrong[2], wrong[1])
        return problem_response(request, 400, detail, errors=[problem])
    if error.status_code == HTTPStatus.NOT_FOUND and detail in ("", "Not Found"):
        detail = "This page does not exist."
    return problem_response(request, error.status_code, detail, errors=_field_problems(error), headers=error.headers)


def _refusal(request: WebRequest, refusal: Refusal) -> Response[Any]:
    at = UNSET if refusal.position is None else refusal.position
    errors = [FieldProblem(field, detail, at) for field, detail in refusal.fields.items()]
    return problem_response(request, refusal.status, str(refusal), errors=errors)


def _storage(request: WebRequest, error: OperationalError) -> Response[Any]:
    """The disk is full, or the database is away: no mistake of ours, and the transaction is undone."""
    log.error("the database does not work", method=request.method, path=request.scope["path"], error=str(error.orig))
    detail = (
        f"The Commander's database does not work ({error.orig}). Nothing was changed. Check its disk, then try again."
    )
    return problem_response(request, 503, detail)


def _too_large(request: WebRequest, error: OverflowError) -> Response[Any]:
    """A number that fits no column of the database: there is nothing of that number."""
    log.warning("a number was too large", method=request.method, path=request.scope["path"][:200], error=str(error))
    return problem_response(request, 404, "Nothing with such a large number exists.")


def _database(request: WebRequest, error: DBAPIError) -> Response[Any]:
    """A value that it cannot hold is a mistake of who sent it; all else is one of ours."""
    if not is_refused_value(error):
        return _unexpected(request, error)
    log.warning("the database refused a value", method=request.method, path=request.scope["path"][:200])
    return problem_response(request, 422, "A value is larger than the database can hold, or not text.")


def _unexpected(request: WebRequest, error: Exception) -> Response[Any]:
    """A mistake of ours. The log has all of it but what the request carried; who asked learns nothing of it."""
    log.error("a request failed", method=request.method, path=request.scope["path"], exc_info=error)
    return problem_response(request, 500, "Internal error in Rigfarm; see the Commander's log.")


def _field_problems(error: HTTPException) -> list[FieldProblem]:
    extra = error.extra
    if isinstance(error, ValidationException) and isinstance(extra, list):
        return [FieldProblem(str(one.get("key", "")), str(one.get("message", ""))) for one in extra]
    if isinstance(extra, dict) and isinstance(fields := extra.get("fields"), dict):
        return [FieldProblem(str(field), str(detail)) for field, detail in fields.items()]
    if isinstance(extra, dict) and "field" in extra:
        return [FieldProblem(str(extra["field"]), error.detail)]
    return []


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
