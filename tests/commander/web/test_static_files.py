"""Static files: kept for ever under a name that changes with them, compressed, and nothing else is given away."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

import pytest
from litestar.testing import TestClient

from rigfarm.commander.web.assets import STATIC, static_url
from support.gallery.pages import Gallery
from support.gallery.server import GalleryServer


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(GalleryServer(Gallery()).app) as one:
        yield one


def test_a_file_under_its_versioned_name_is_kept_for_ever(client: TestClient) -> None:
    answer = client.get(static_url("app.css"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    parts = sorted((STATIC / "styles").glob("*.css"))
    assert all(part.read_text() in answer.text for part in parts), "one answer holds every part"
    assert "@import" not in answer.text


@pytest.mark.parametrize("url", ["/static/app.css", "/static/app.css?v=0000000000000000"])
def test_another_name_is_asked_for_again(client: TestClient, url: str) -> None:
    assert client.get(url).headers["cache-control"] == "no-cache"


def test_who_has_it_already_gets_nothing(client: TestClient) -> None:
    etag = client.get("/static/app.css").headers["etag"]
    answer = client.get("/static/app.css", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_it_is_compressed_for_who_can_read_that(client: TestClient) -> None:
    with client.stream("GET", static_url("vendor/tabler.css"), headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert len(packed) < 85_000
    plain = client.get(static_url("vendor/tabler.css"), headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content


def test_modules_import_each_other_by_their_versions(client: TestClient) -> None:
    source = client.get(static_url("app.js")).text
    imports = re.findall(r'import "([^"]+)"', source)
    assert len(imports) > 5
    for url in imports:
        assert "immutable" in client.get(url).headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../assets.py",
        "/static/%2e%2e/assets.py",
        "/static/..%2fassets.py",
        "/static//etc/passwd",
        "/static/vendor/stamp",
        "/static/vendor",
        "/static/absent.css",
        "/static/vendor/htmx.LICENSE",
    ],
)
def test_nothing_else_is_given_away(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_files_from_others_are_the_locked_ones() -> None:
    assert b"Tabler v1.6." in (STATIC / "vendor" / "tabler.css").read_bytes()[:200]
    assert b"4.0.1" in (STATIC / "vendor" / "htmx.js").read_bytes()
    assert (STATIC / "vendor" / "uplot.js").is_file()
    assert (STATIC / "vendor" / "hx-ws.js").is_file()
