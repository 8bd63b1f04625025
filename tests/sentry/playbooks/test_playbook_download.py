"""A download comes to its end through every fault of a network, and never takes more than it was promised."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from rigfarm.sentry.playbooks.fetch import CHUNK_BYTES, FetchError, Pace, PinError, fetch
from rigfarm.sentry.playbooks.software import RESERVE_BYTES
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.playbooks import Archive
from support.program.depot import Depot, Fault
from support.program.rig import IMPATIENT, Rig, assigned_for
from support.until import until

PATIENT = Pace()
HASTY = Pace(window_s=0.4)
CONTENT = os.urandom(700_000)
ARCHIVE = archive_for(CONTENT, "zip")


class Disk(NamedTuple):
    """As `shutil.disk_usage` tells it."""

    total: int
    used: int
    free: int


async def get(
    depot: Depot, part: Path, archive: Archive = ARCHIVE, *, url: str = "", token: str = "", pace: Pace = PATIENT
) -> list[int]:
    told: list[int] = []
    depot.put(CONTENT, ARCHIVE.path)
    await fetch(url or depot.url, token or depot.token, archive, part, told.append, pace)
    return told


async def test_it_works(depot: Depot, tmp_path: Path) -> None:
    told = await get(depot, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert told[0] == 0
    assert told[-1] == len(CONTENT)
    assert told == sorted(told)
    assert (tmp_path / "part").stat().st_mode & 0o777 == 0o600


async def test_it_resumes_where_it_broke_off(depot: Depot, tmp_path: Path) -> None:
    depot.fault, depot.faults_left = "truncated", 2
    for _ in range(2):
        with pytest.raises(FetchError, match="broke"):
            await get(depot, tmp_path / "part")
    assert (await get(depot, tmp_path / "part"))[0] == 700_000 * 3 // 4
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert [request.headers.get("Range") for request in depot.requests] == [None, "bytes=350000-", "bytes=525000-"]
    assert depot.sent == 700_000


async def test_a_whole_file_is_not_asked_for_again(depot: Depot, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT)
    await get(depot, tmp_path / "part")
    assert depot.requests == []


@pytest.mark.parametrize("left", [b"x" * 1000, CONTENT[:1000] + b"!", b"x" * 700_001])
async def test_a_wrong_beginning_costs_one_more_download(depot: Depot, tmp_path: Path, left: bytes) -> None:
    (tmp_path / "part").write_bytes(left)
    if len(left) < 700_000:
        with pytest.raises(PinError):
            await get(depot, tmp_path / "part")
        assert (tmp_path / "part").stat().st_size == 0
    await get(depot, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT


async def test_a_server_that_cannot_resume_sends_it_anew(depot: Depot, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT[:1000])
    depot.fault = "no-range"
    await get(depot, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("wrong-byte", "not the pinned file: its SHA-256 is"),
        ("endless", "more than the 700,000 bytes"),
        ("longer", "more than the 700,000 bytes"),
        ("redirect", "redirects this download elsewhere; that is not followed"),
        ("html", "offers 47 bytes, but the pinned file has 700,000"),
        ("reset", "closed the connection|broke"),
        ("truncated", "broke"),
        ("stall", "too slow: 0 bytes"),
        ("drip", r"too slow: \d+ bytes"),
    ],
)
async def test_every_fault_has_its_reason(depot: Depot, tmp_path: Path, fault: Fault, reason: str) -> None:
    depot.fault = fault
    with pytest.raises(FetchError, match=reason):
        await get(depot, tmp_path / "part", pace=HASTY if fault in ("stall", "drip") else PATIENT)
    size = (tmp_path / "part").stat().st_size
    assert size <= 700_000 + CHUNK_BYTES
    if fault in ("wrong-byte", "endless", "longer"):
        assert size == 0, "nothing of a wrong file is kept"


async def test_another_part_than_asked_for_is_refused(depot: Depot, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT[:1000])
    depot.fault = "wrong-range"
    with pytest.raises(FetchError, match="another part"):
        await get(depot, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT[:1000]


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "does not know this rig's token"), (404, "no such file"), (416, "starts again"), (502, "status 502")],
)
async def test_what_the_commander_answers_is_said(depot: Depot, tmp_path: Path, status: int, reason: str) -> None:
    depot.status = status
    with pytest.raises(FetchError, match=reason):
        await get(depot, tmp_path / "part")


@pytest.mark.parametrize("path", ["//127.0.0.9:1/archives/x", "http://127.0.0.9:1/x", "@127.0.0.9/x", "archives/x"])
async def test_a_path_cannot_name_another_host(depot: Depot, tmp_path: Path, path: str) -> None:
    """The token would go there with it."""
    archive = Archive("s", "1", ARCHIVE.sha256, ARCHIVE.size, path, "zip", "x")
    with pytest.raises(FetchError, match="no such file"):
        await get(depot, tmp_path / "part", archive)
    assert len(depot.requests) == 1


async def test_a_commander_below_a_path_of_a_proxy(depot: Depot, tmp_path: Path) -> None:
    depot.put(CONTENT, f"/farm{ARCHIVE.path}")
    await get(depot, tmp_path / "part", url=f"{depot.url}/farm/")
    assert depot.requests[0].path == f"/farm{ARCHIVE.path}"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "127.0.0.1:80", "http://", "http://127.0.0.1:1"])
async def test_no_commander_there(depot: Depot, tmp_path: Path, url: str) -> None:
    with pytest.raises(FetchError, match="cannot be reached"):
        await get(depot, tmp_path / "part", url=url)


async def test_no_secret_is_in_a_reason(depot: Depot, tmp_path: Path) -> None:
    with pytest.raises(FetchError) as error:
        await get(depot, tmp_path / "part", token="rf_secret\r\nX-Evil: 1")
    assert "secret" not in str(error.value)
    assert depot.requests == []


async def test_cancelled_it_keeps_what_it_has(depot: Depot, tmp_path: Path) -> None:
    depot.fault = "stall"
    depot.put(CONTENT, ARCHIVE.path)
    told = [0]
    task = asyncio.create_task(fetch(depot.url, depot.token, ARCHIVE, tmp_path / "part", told.append, PATIENT))
    await until(lambda: told[-1] > 200_000)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    size = (tmp_path / "part").stat().st_size
    assert size > 100_000
    assert (tmp_path / "part").read_bytes() == CONTENT[:size]


async def test_a_rig_tries_again_until_it_has_it_all(
    rig: Callable[..., Rig], serving: Callable[..., Archive], depot: Depot
) -> None:
    archive = serving("tar.gz")
    depot.fault, depot.faults_left = "truncated", 3
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive)])
        status = await one.until("backing-off")
        assert "the connection to the Commander broke" in status.detail
        assert "The next attempt in" in status.detail
        await one.until("mining")
    assert len(depot.requests) == 4


async def test_the_commanders_return_cuts_the_wait_short(
    rig: Callable[..., Rig], serving: Callable[..., Archive], depot: Depot
) -> None:
    order = assigned_for(serving("tar.gz"))
    depot.status = 503
    async with rig(settings=msgspec.structs.replace(IMPATIENT, retry_first_s=3_600, retry_max_s=3_600)) as one:
        await one.runner.apply(1, [order])
        await one.until("backing-off")
        depot.status = None
        await one.runner.apply(1, [order])
        await one.until("mining")


async def test_a_download_goes_on_after_a_restart_of_the_sentry(rig: Callable[..., Rig], depot: Depot) -> None:
    content = pack("tar.gz", salt=os.urandom(200_000).hex())
    archive = archive_for(content, "tar.gz")
    depot.put(content, archive.path)
    depot.fault = "stall"
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive)])
        await one.when(lambda status: (status.progress or 0) > 0)
    depot.fault = None
    depot.requests.clear()
    async with rig() as one:
        await one.until("mining")
    assert depot.requests[0].headers["Range"].startswith("bytes=")


# Answers of no HTTP server: bytes from whoever stands at the Commander's address

OK = b"HTTP/1.1 200 OK\r\n"


def forever(beginning: bytes, again: bytes) -> Callable[[int], bytes]:
    """Something, and then one thing again and again."""
    return lambda turn: beginning if turn == 0 else again * (CHUNK_BYTES // len(again))


@contextlib.asynccontextmanager
async def raw_server(says: Callable[[int], bytes]) -> AsyncIterator[tuple[str, list[int]]]:
    """Its URL, and how many bytes each connection took."""
    taken: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(0)
        try:
            for turn in itertools.count():
                data = says(turn)
                if not data:
                    break
                writer.write(data)
                await writer.drain()
                taken[-1] += len(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", taken
    finally:
        server.close()


@pytest.mark.parametrize(
    "says",
    [
        forever(b"", b"x"),
        forever(b"HTTP/1.1 ", b"200 "),
        forever(OK, b"X-More: more\r\n"),
        forever(OK + b"X: ", b"y"),
        forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        forever(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        forever(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"f" * 1_000),
        forever(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"extension"),
        forever(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"Trailer: more\r\n"),
        forever(OK + b"Content-Length: -1\r\n\r\n", b"x"),
        forever(OK + b"Content-Length: 9" + b"9" * 5_000 + b"\r\n\r\n", b"x"),
        forever(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", b"x"),
        forever(OK + b"\r\n", b"x"),
        forever(b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-9/10\r\n\r\n", b"x"),
        forever(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", b"x"),
        forever(b"HTTP/1.1 999 No\r\n\r\n", b"x"),
    ],
    ids=range(16),
)
async def test_an_answer_without_end_or_sense(depot: Depot, tmp_path: Path, says: Callable[[int], bytes]) -> None:
    """It would fill the rig's memory or disk, or hold a playbook up for ever."""
    short = msgspec.structs.replace(ARCHIVE, size=70_000)
    async with raw_server(says) as (url, taken):
        with pytest.raises(FetchError):
            await get(depot, tmp_path / "part", short, url=url)
        assert (tmp_path / "part").stat().st_size <= short.size
        assert len(taken) == 1, "it is not asked again at once"


@pytest.mark.parametrize("path", ["/é", "/\u202e", "/a b", "/a\nb"])
async def test_a_path_that_no_request_may_have(depot: Depot, tmp_path: Path, path: str) -> None:
    with pytest.raises(FetchError, match="characters"):
        await get(depot, tmp_path / "part", msgspec.structs.replace(ARCHIVE, path=path))


async def test_a_wrong_file_is_fetched_ever_more_rarely(
    rig: Callable[..., Rig], serving: Callable[..., Archive], depot: Depot
) -> None:
    """Each time the whole of it is written to the disk; saying the same order again does not hurry it."""
    archive = msgspec.structs.replace(serving("tar.gz"), sha256="0" * 64)
    depot.put(CONTENT[: archive.size].ljust(archive.size), archive.path)
    async with rig(settings=msgspec.structs.replace(IMPATIENT, retry_max_s=3_600.0)) as one:
        await one.runner.apply(1, [assigned_for(archive)])
        await one.until("backing-off")
        for _ in range(50):
            await one.runner.apply(1, [assigned_for(archive)])
            await asyncio.sleep(0.01)
    assert len(depot.requests) == 1


async def test_a_download_leaves_room_on_the_disk(
    rig: Callable[..., Rig], serving: Callable[..., Archive], depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs, and the rig itself, need some of it: a Commander cannot fill it."""
    free = RESERVE_BYTES
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(1 << 40, 0, free))
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(serving("tar.gz"))])
        status = await one.until("backing-off")
        assert "256 MiB stay free" in status.detail
        assert depot.requests == []
        free = 2 * RESERVE_BYTES
        await one.until("mining")
