"""Requests as nobody's browser sends them: every route with each value of VALUES in each place where it takes one."""

from __future__ import annotations

import http.client
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

__all__ = ["NUMBERS", "SURE", "Asked", "Client", "form_fields", "requests_of"]

NUMBERS = [b"-1", b"9" * 9, str(2**31).encode(), str(2**63).encode(), str(2**64).encode(), b"9" * 26, b"9" * 5000]
"""Beyond what a column of the database holds, and beyond what Python makes a number of."""
VALUES = [
    *NUMBERS,
    b"", b"%00", b"a%00b", b"%ff", b"%ED%A0%80", b"%F0%90%80", b"%", b"%zz", b"%0d%0aSet-Cookie:%20x=1",
    b"nan", b"inf", b"-inf", b"1e999", b"1e-999", b"-0.0", b"1_000", b"0x10", b"1.5", b"%D9%A3", b"%C2%B2",
    b"%E2%91%A0", b"http://%5B", b"http://%5B::1%5D:99999", b"stratum%2Btcp://a:b:99999999", b"http://x:port/", b"//x",
    b"%5B", b"/%5C", b"%E2%80%AE", b"%EF%BB%BF", b"%7B%7Ba%7D%7D", b"%24%7BCPU_POOL", b"%24CPU_POOL", b"%27%22%3C",
    b"..%2F..%2Fetc%2Fpasswd", b"(" * 2000, b"a" * 30_000, b"0-1023," * 2000, b"1," * 15_000, b"filter", b"true",
]  # fmt: skip
"""As they stand in a URL or a form."""
SURE = [b"%00", str(2**31).encode(), str(2**63).encode(), b"9" * 5000]
"""Those that every route is tried with, however small the share."""
BODIES = [
    b"", b"{", b"null", b"[]", b"0", b'""', b"\xff\xfe", b'{"a":' * 20_000, b"[" * 100_000, b"9" * 5000, b'"\\ud800"',
    b"NaN", b"1e999", b'{"name":1,"name":2}', b"\x00",
]  # fmt: skip
"""That are not JSON, or not of any shape that we take."""
LEAVES: list[Any] = [
    None, True, -1, 0, 2**31, 2**53, 2**63, 2**64, 10**30, 1.5, -0.0, 1e308, "", "\0", "a\0b", "\u202e", "x" * 30_000,
    "http://[", "http://x:port", "stratum+tcp://a:99999999", "$CPU_POOL", "${", "٣", [], {}, ["\0"], [2**31] * 3000,
    {"\0": "\0"},
]  # fmt: skip
TYPES = [
    "application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/msgpack",
    "multipart/form-data; boundary=", "multipart/form-data; boundary=x", "application/json; charset=utf-16", "/",
    "\xff",
]  # fmt: skip
HEADERS = [
    "Origin", "Host", "Cookie", "HX-Request", "HX-Current-URL", "Referer", "User-Agent", "Authorization", "Accept",
    "Sec-Fetch-Site", "X-CSRF-Token", "X-Forwarded-For", "Range", "If-None-Match", "If-Modified-Since",
]  # fmt: skip
HEADER_VALUES = [
    "", "\xff\xfe", "http://[", "http://[::1", "http://x:port", "//[", "a" * 8000, "bytes=99999999999999999999-",
    "bytes=-0", "9" * 5000, "true", "Bearer \xff", 'a="\xc3', "; ; =", "Thu, 99 Foo 99999 99:99:99 GMT", "*/*;q=nan",
    "a/b;q=1e999", "\x01",
]  # fmt: skip
_TEMPLATES = Path(__file__).parents[2] / "src" / "rigfarm" / "commander"


class Asked(NamedTuple):
    """One request: `target` as its line has it."""

    method: str
    target: bytes
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"{self.method} {self.target[:120]!r} {self.body[:120]!r} {self.headers!r}"


class Client(http.client.HTTPConnection):
    """Sends what it is given, whether that is HTTP or not, over one connection as long as that lives."""

    def _validate_path(self, url: str) -> None: ...

    def _encode_request(self, request: str) -> bytes:
        return request.encode("latin-1")

    def ask(self, asked: Asked, **headers: str) -> int:
        """The answer's status."""
        for _ in range(3):
            try:
                given = dict(asked.headers)
                self.putrequest(asked.method, asked.target.decode("latin-1"), skip_accept_encoding=True)
                for name, value in (headers | given | {"Content-Length": str(len(asked.body))}).items():
                    self.putheader(name, value.encode("latin-1"))
                self.endheaders(asked.body)
                answer = self.getresponse()
                answer.read()
                return answer.status
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()  # it was idle for too long, or the Commander closed it: once more on a new one
        return 0


def form_fields() -> list[str]:
    """The name of every control of every form."""
    found: set[str] = set()
    for path in _TEMPLATES.rglob("templates/**/*.html"):
        found |= set(re.findall(r'name="([a-z_0-9]+)"', path.read_text()))
    return sorted(found - {"csrf"})


def requests_of(
    method: str, template: str, schema: dict[str, Any], seed: int, share: float, known: Sequence[str] = ()
) -> Iterator[Asked]:
    """Those for one route: with each of SURE, and of all others a `share`, drawn by `seed`. `known`: its query
    parameters; with any other it is refused before it has begun."""
    draw = random.Random(f"{seed} {method} {template}")

    def some(all_of_them: Sequence[Any]) -> list[Any]:
        return [one for one in all_of_them if draw.random() < share]

    plain = re.sub(r"\{[^}]*\}", "1", template).encode()
    if "{" in template:
        for value in [*SURE, *some(VALUES)]:
            text = value if b"%" in value else quote(value).encode()
            yield Asked(method, re.sub(rb"\{[^}]*\}", text, template.encode()))
    fields = form_fields()
    if method == "GET":
        names = list(known) or fields
        for name, value in some([(name, value) for name in [*names, *fields] for value in VALUES]):
            yield Asked(method, plain + b"?" + name.encode() + b"=" + value)
        short = [value for value in VALUES if len(value) < 400]
        everything = [_all(names, value) for value in short]
        for query in [
            *(_all(names, value) for value in SURE),
            *some([*everything, b"\xff\x01", b"&" * 3000, b"=&==&%00=%00"]),
        ]:
            yield Asked(method, plain + b"?" + query)
        for header, text in some([(header, text) for header in HEADERS for text in HEADER_VALUES]):
            yield Asked(method, plain, headers=((header, text),))
        return
    if template.startswith("/api/"):
        yield from (Asked(method, plain, body, (("Content-Type", "application/json"),)) for body in some(BODIES))
        yield from (Asked(method, plain, b"{}", (("Content-Type", kind),)) for kind in some(TYPES))
        body = _body_schema(schema, method, template)
        for made in some(list(mutated(body, schema))) if body is not None else []:
            text = json.dumps(made).encode()
            yield Asked(method, plain, text, (("Content-Type", "application/json"),))
        return
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    basis = b"name=x&kind=pool&coin=XMR&urls=pool.test:3333&rigs=1&command=set-pools&pool=1&software_id=1&cpu_coin=XMR"
    for name, value in some([(name, value) for name in fields for value in VALUES]):
        yield Asked(method, plain, name.encode() + b"=" + value + b"&" + basis, form)
    for value in [*SURE, *some(VALUES)]:
        yield Asked(method, plain, _all(fields, value), form)
    yield from (Asked(method, plain, b"--x\r\n\r\n", (("Content-Type", kind),)) for kind in some(TYPES))


def _all(names: Sequence[str], value: bytes) -> bytes:
    return b"&".join(name.encode() + b"=" + value for name in names)


def _body_schema(schema: dict[str, Any], method: str, template: str) -> dict[str, Any] | None:
    operation = schema["paths"].get(template, {}).get(method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {})
    found: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return found


def mutated(wanted: dict[str, Any], schema: dict[str, Any]) -> Iterator[Any]:
    """A body of this shape with each of its leaves hostile in turn, and whole."""
    basis = example(wanted, schema)
    yield basis
    for path in _paths(basis):
        for leaf in LEAVES:
            copy = json.loads(json.dumps(basis))
            yield _put(copy, path, leaf)


def example(wanted: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:
    """A value of the schema with every property in it."""
    if "$ref" in wanted:
        wanted = schema["components"]["schemas"][wanted["$ref"].rpartition("/")[2]]
    if "const" in wanted:
        return wanted["const"]
    if "enum" in wanted:
        return wanted["enum"][0]
    for several in ("oneOf", "anyOf", "allOf"):
        if several in wanted:
            some = [one for one in wanted[several] if one.get("type") != "null"]
            return example(some[0], schema, depth)
    kind = wanted.get("type")
    kind = next((one for one in kind if one != "null"), None) if isinstance(kind, list) else kind
    if kind == "object":
        properties = wanted.get("properties", {}) if depth < 4 else {}
        return {name: example(one, schema, depth + 1) for name, one in properties.items()}
    if kind == "array":
        return [example(wanted.get("items", {}), schema, depth + 1)]
    return {"integer": 1, "number": 1.0, "boolean": False}.get(str(kind), "x")


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _paths(child, (*path, key))


def _put(value: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    place = value
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = leaf
    return value
