"""Static files: named by their content, kept by browsers for ever, compressed once."""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from litestar import HttpMethod, Request, Response, route
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from markupsafe import Markup
from msgspec import Struct

from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.parquet import has_parquet
from rigfarm.commander.web.shell import Shell
from rigfarm.commander.web.spark import small_spark
from rigfarm.commander.web.visible import visible, visible_json
from rigfarm.units import count

__all__ = ["add_helpers", "static_routes", "static_url"]

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
COMPRESSED = (".html", ".css", ".js", ".svg", ".webmanifest")
WORKER = "worker.js"
"""May answer for pages outside its folder: for all of them."""
FOR_EVER = "public, max-age=31536000, immutable"


class _Asset(Struct, frozen=True):
    content: bytes
    compressed: bytes | None
    version: str
    media_type: str


@cache
def _asset(name: str) -> _Asset | None:
    """A file of the static folder, read once; None when there is none that may be shown."""
    path = STATIC / name
    if path.suffix not in TYPES or ".." in Path(name).parts or not path.is_file():
        return None
    content = path.read_bytes()
    if path.parent == STATIC and path.suffix == ".js":
        content = _with_versions(content)
    if path.parent == STATIC and path.suffix == ".css":
        content = _with_parts(content)
    ready = path.with_name(path.name + ".gz")
    compressed: bytes | None = None
    if ready.is_file():
        compressed = ready.read_bytes()
    elif path.suffix in COMPRESSED:
        compressed = gzip.compress(content, 9, mtime=0)
    return _Asset(content, compressed, hashlib.sha256(content).hexdigest()[:16], TYPES[path.suffix])


_IMPORT = re.compile(rb'(from|import) "\./([\w-]+\.js)"')


def _with_versions(module: bytes) -> bytes:
    """Our modules import each other by versioned URLs, so that they are kept for ever too."""
    return _IMPORT.sub(lambda found: b'%b "%b"' % (found[1], static_url(found[2].decode()).encode()), module)


_PART = re.compile(rb'@import "\./(styles/\w+\.css)";\n')


def _with_parts(sheet: bytes) -> bytes:
    """A style sheet with its parts in their places: one request, not twenty, one after the other."""
    return _PART.sub(lambda found: (STATIC / found[1].decode()).read_bytes(), sheet)


def static_url(name: str) -> str:
    """Where a static file is; another content has another URL."""
    asset = _asset(name)
    return f"/static/{name}" if asset is None else f"/static/{name}?v={asset.version}"


@route(
    "/static/{name:path}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    opt={"open": True, **asks("v")},
    include_in_schema=False,
    sync_to_thread=False,
)
def static_file(request: Request[Any, Any, Any], name: FromPath[Path]) -> Response[bytes]:
    """One file. Open: the login page needs them, and they are the same for everybody."""
    asset = _asset(str(name).lstrip("/"))
    if asset is None:
        raise NotFoundException("This file does not exist.")
    etag = f'"{asset.version}"'
    headers = {"ETag": etag, "Vary": "Accept-Encoding"}
    if str(name).lstrip("/") == WORKER:
        headers["Service-Worker-Allowed"] = "/"
    headers["Cache-Control"] = FOR_EVER if request.query_params.get("v") == asset.version else "no-cache"
    if request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=304, headers=headers, media_type=asset.media_type)
    if asset.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.compressed, headers=headers, media_type=asset.media_type)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


static_routes = [static_file]


def add_helpers(environment: jinja2.Environment) -> None:
    """What every template may use: `static_url(name)`; the filters `json_data`, `number` and `small_spark`; `shell()`,
    the frame of the pages, `join_steps(kind)`, how a rig joins (rigs.view.JoinStep), and `saved_views(query)`, tabs of
    an index (views.view.Tabs), and `circuits_in_brief()` (circuits.view.listing), which the parts that know them put in
    their places; `parquet`, whether tables can be
    exported as that. Invisible characters are left out of every value."""
    environment.globals["static_url"] = static_url
    environment.globals.setdefault("shell", Shell)
    environment.globals.setdefault("join_steps", lambda kind: ())
    environment.globals.setdefault("saved_views", lambda query: {"views": (), "usual": True, "current": 0, "save": ""})
    environment.globals.setdefault("circuits_in_brief", lambda: {"rows": (), "all": 0})
    environment.globals["parquet"] = has_parquet()
    environment.filters["json_data"] = json_data
    environment.filters["number"] = count
    environment.filters["small_spark"] = small_spark
    environment.finalize = visible


def json_data(value: object) -> Markup:
    """A value for a `<script type="application/json">`: nothing in it can end the element."""
    text = visible_json(msgspec.json.encode(value).decode())
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - escaped just now
