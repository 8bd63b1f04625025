"""The API's documentation as a plain page: rendered here, so that it needs no script, no network and no exception from
the content security policy. Programs read `/api/docs/openapi.json`."""

from __future__ import annotations

import asyncio
import json
from functools import lru_cache
from typing import Any, TypeAlias

from litestar import Litestar, Request, get
from litestar.response import Template
from msgspec import Struct

from rigfarm.commander.api_docs.examples import EXAMPLES, show_examples
from rigfarm.commander.web.render import render

__all__ = ["api_docs_routes", "show_examples"]

JsonObject: TypeAlias = dict[str, Any]


class Operation(Struct, frozen=True):
    """One method of one path."""

    method: str
    path: str
    summary: str
    description: str
    parameters: list[tuple[str, str, str]]
    """Name, type, meaning."""
    body: list[tuple[str, str, str]]
    answer: list[tuple[str, str, str]]
    status: str
    scope: str
    """What an API key needs for it; empty: nothing."""
    example: str
    """Of its body, as JSON; empty: it has none."""


@get("/api/docs", include_in_schema=False)
async def api_docs_page(request: Request[Any, Any, Any]) -> Template:
    """Every operation, by path."""
    schema = await asyncio.to_thread(_schema, request.app)
    components: JsonObject = schema.get("components", {}).get("schemas", {})
    operations = [
        _operation(method, path, operation, components)
        for path, methods in sorted(schema["paths"].items())
        for method, operation in methods.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]
    return render(request, "api_docs.html", groups=_by_noun(operations), version=schema["info"]["version"])


@get("/api/docs/openapi.json", include_in_schema=False)
async def openapi_json(request: Request[Any, Any, Any]) -> JsonObject:
    """The same for programs: OpenAPI 3.1."""
    return await asyncio.to_thread(_schema, request.app)


api_docs_routes = [api_docs_page, openapi_json]


@lru_cache(maxsize=1)
def _schema(app: Litestar) -> JsonObject:
    """Made once: that takes the better part of a second of CPU."""
    schema: JsonObject = app.openapi_schema.to_schema()
    return schema


def _by_noun(operations: list[Operation]) -> list[tuple[str, list[Operation]]]:
    """Those of one noun together: what follows `/api/` in their paths; others, as `/healthz`, by their whole path."""
    groups: dict[str, list[Operation]] = {}
    for one in operations:
        groups.setdefault(one.path.removeprefix("/api").split("/")[1], []).append(one)
    return list(groups.items())


def _operation(method: str, path: str, operation: JsonObject, components: JsonObject) -> Operation:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    responses: JsonObject = operation.get("responses", {})
    status = next((code for code in sorted(responses) if code < "300"), "")
    answer: JsonObject = responses.get(status, {})
    answer_schema = answer.get("content", {}).get("application/json", {}).get("schema")
    return Operation(
        method=method.upper(),
        path=path,
        summary=operation.get("summary") or "",
        description=operation.get("description") or "",
        parameters=[
            (one["name"], _type(one.get("schema", {})), one.get("description") or "")
            for one in operation.get("parameters", [])
        ],
        body=_fields(body, components),
        answer=_fields(answer_schema, components),
        status=status,
        scope=next((scope for one in operation.get("security", ()) for scopes in one.values() for scope in scopes), ""),
        example=json.dumps(example) if (example := EXAMPLES.get(f"{method.upper()} {path}")) is not None else "",
    )


def _fields(schema: JsonObject | None, components: JsonObject) -> list[tuple[str, str, str]]:
    """Fields of an object, or of the objects in a list."""
    if schema is None:
        return []
    if "items" in schema:
        schema = schema["items"]
    if "$ref" in schema:
        schema = components.get(schema["$ref"].rsplit("/", 1)[1], {})
    required = set(schema.get("required", ()))
    return [
        (name, _type(field), "" if name in required else "may be absent")
        for name, field in schema.get("properties", {}).items()
    ]


def _type(schema: JsonObject) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1].rsplit("_", 1)[-1]
    if "oneOf" in schema:
        kinds = [_type(one) for one in schema["oneOf"]]
        return " | ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"] if value is not None)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")
