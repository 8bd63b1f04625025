"""Rigs get pinned files from the Commander: with a token, whole or from where they broke off, in little memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import AsyncTestClient

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.mining_software import MiningSoftware, SoftwareForm
from rigfarm.commander.mining_software.serving import PIECE, archive_routes
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.server.downloads import Downloads
from rigfarm.commander.storage import Storage

BODY = b"\x7fELF" + bytes(range(256)) * 2000
SHA256 = hashlib.sha256(BODY).hexdigest()
URL = f"/software/archives/{SHA256}"


async def _body() -> AsyncIterator[bytes]:
    yield BODY


@pytest.fixture(name="client")
async def rigs_client(
    storage: Storage, book: MiningSoftware, form: SoftwareForm
) -> AsyncIterator[AsyncTestClient[Litestar]]:
    rigs = Rigs(storage, Hub(), Events())
    await rigs.load()
    _, token = await rigs.create("rig-01", "cpu-gpu")
    software = await book.create(form)
    await book.upload(software.id, _body(), None)
    app = Litestar(
        archive_routes,
        dependencies={
            "book": Provide(lambda: rigs, sync_to_thread=False),
            "software": Provide(lambda: book, sync_to_thread=False),
        },
    )
    async with AsyncTestClient(app) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def test_it_works(client: AsyncTestClient[Litestar]) -> None:
    answer = await client.get(URL)
    assert answer.status_code == 200
    assert answer.content == BODY
    assert answer.headers["content-length"] == str(len(BODY))
    assert answer.headers["accept-ranges"] == "bytes"
    assert len(BODY) > 4 * PIECE


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, len(BODY) - 1),
        ("bytes=100000-", 100_000, len(BODY) - 1),
        ("bytes=100000-100004", 100_000, 100_004),
        ("bytes=0-0", 0, 0),
        ("bytes=-10", len(BODY) - 10, len(BODY) - 1),
        (f"bytes={len(BODY) - 1}-", len(BODY) - 1, len(BODY) - 1),
        (f"bytes=5-{len(BODY) + 50}", 5, len(BODY) - 1),
    ],
)
async def test_a_download_goes_on_where_it_broke_off(
    client: AsyncTestClient[Litestar], asked: str, first: int, last: int
) -> None:
    answer = await client.get(URL, headers={"Range": asked})
    assert answer.content == BODY[first : last + 1]
    if (first, last) != (0, len(BODY) - 1):
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(BODY)}"


@pytest.mark.parametrize("asked", [f"bytes={len(BODY)}-", "bytes=10-5", "bytes=99999999999999999-"])
async def test_a_range_that_is_not_there_is_said(client: AsyncTestClient[Litestar], asked: str) -> None:
    answer = await client.get(URL, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(BODY)}"


@pytest.mark.parametrize("asked", ["", "bytes", "bytes=", "bytes=-", "lines=1-2", "bytes=1-2,4-5", "bytes=a-b"])
async def test_what_is_no_range_means_the_whole(client: AsyncTestClient[Litestar], asked: str) -> None:
    answer = await client.get(URL, headers={"Range": asked})
    assert answer.status_code == 200
    assert answer.content == BODY


async def test_a_range_of_another_file_means_the_whole(client: AsyncTestClient[Litestar]) -> None:
    same = await client.get(URL, headers={"Range": "bytes=1-", "If-Range": f'"{SHA256}"'})
    other = await client.get(URL, headers={"Range": "bytes=1-", "If-Range": '"0000"'})
    assert (same.status_code, other.status_code) == (206, 200)


@pytest.mark.parametrize("credentials", ["", "Bearer", "Bearer rf_" + "A" * 43, "Basic abc", "Bearer rk_" + "A" * 43])
async def test_only_rigs_get_files(client: AsyncTestClient[Litestar], credentials: str) -> None:
    answer = await client.get(URL, headers={"Authorization": credentials})
    assert answer.status_code == 401
    assert BODY[:20] not in answer.content


@pytest.mark.parametrize("name", ["0" * 64, SHA256[:-1], SHA256.upper(), "..", "%2e%2e%2frigfarm.db", "a" * 4000])
async def test_only_files_of_the_store_are_served(client: AsyncTestClient[Litestar], name: str) -> None:
    answer = await client.get(f"/software/archives/{name}")
    assert answer.status_code == 404


async def test_one_rig_too_many_is_asked_to_come_back(
    client: AsyncTestClient[Litestar], book: MiningSoftware, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book.archives, "downloads", Downloads(0, 1))
    answer: Any = await client.get(URL)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert len(book.archives.downloads) == 0
