"""Row 21: only the pinned file runs, and no more is read than it has bytes (and one chunk).

Mutations of the pinned archive, each of which would run if it were unpacked (it writes a canary when it does), offered
by a server in every way there is. The control checks the hash after unpacking.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from promise import record, scaled

from rigfarm.sentry.playbooks import fetch as fetching
from rigfarm.sentry.playbooks.fetch import CHUNK_BYTES, FetchError, Pace
from rigfarm.sentry.playbooks.software import Software
from rigfarm.simulate.program.pack import archive_for, pack, pack_files
from rigfarm.wire.playbooks import Archive
from support.program.depot import Depot, Fault
from support.program.rig import Rig, assigned_for

QUICK = Pace(connect_s=2, answer_s=0.3, window_s=0.15)
FAULTS: tuple[Fault, ...] = ("truncated", "endless", "longer", "drip", "redirect", "stall", "html", "reset")
HEAD_BYTES = 1 << 10
"""Of an answer, which are counted with what is read of its body."""


def pinned(canary: Path) -> tuple[bytes, Archive]:
    """An archive whose program says when it runs."""
    program = f"#!/bin/sh\necho ran >> {canary}\nsleep 60\n".encode() + random.Random(21).randbytes(20_000)
    content = pack_files("tar.gz", {"top/fakeminer": program})
    return content, archive_for(content, "tar.gz")


def mutations(content: bytes, canary: Path, count: int) -> Iterator[tuple[bytes, Fault | None]]:
    """(body, fault of the server): a byte changed, missing or added; other good archives; the server's faults."""
    chance = random.Random(2121)
    for number in range(count):
        body = bytearray(content)
        at = chance.randrange(len(body))
        match number % 5:
            case 0:
                body[at] ^= 1 << chance.randrange(8)
            case 1:
                del body[at]
            case 2:
                body.insert(at, chance.randrange(256))
            case 3:
                other = f"#!/bin/sh\necho ran other {number} >> {canary}\n".encode()
                body = bytearray(pack_files("tar.gz", {"top/fakeminer": other}))
            case 4:
                fault = FAULTS[number // 5 % len(FAULTS)]
                yield bytes(body), fault if number // 5 < 2 * len(FAULTS) else "wrong-byte"
                continue
        if bytes(body) != content:
            yield bytes(body), None


async def offered(depot: Depot, folder: Path, archive: Archive, body: bytes, fault: Fault | None) -> tuple[bool, int]:
    """Whether the software was installed from what the server offered, and the bytes that were read of it."""
    depot.put(body, archive.path)
    depot.fault = fault
    software = Software(folder, pace=QUICK)
    read = 0

    class Counting(asyncio.StreamReader):
        """As asyncio's, counting what the program took out of it."""

        async def read(self, n: int = -1) -> bytes:
            nonlocal read
            data = await super().read(n)
            read += len(data)
            return data

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching.asyncio.streams, "StreamReader", Counting)
        try:
            await software.install(archive, (depot.url, depot.token), lambda *_, **__: None)
        except (FetchError, OSError):
            return False, read
    return True, read


async def trial(folder: Path, count: int) -> tuple[int, int, int]:
    """(mutations, those that were installed, most bytes read of one beyond the pinned size)."""
    content, archive = pinned(folder / "canary")
    tried = installed = most = 0
    with Depot() as depot:
        for body, fault in mutations(content, folder / "canary", count):
            ran, read = await offered(depot, folder / "software", archive, body, fault)
            tried += 1
            installed += ran
            most = max(most, read - archive.size)
            shutil.rmtree(folder / "software", ignore_errors=True)
    return tried, installed, most


@pytest.mark.timeout(3600)
async def test_no_mutation_of_the_pinned_file_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "control").mkdir()
    tried, installed, most = await trial(tmp_path, scaled(150, 10_000))
    with monkeypatch.context() as patch:  # the hash is looked at, but after unpacking: that is, too late
        patch.setattr(fetching._Sink, "check", lambda *_: None)
        patch.setattr("rigfarm.sentry.playbooks.software.check_pinned", lambda *_: None)
        _, control, _ = await trial(tmp_path / "control", 60)
    assert control >= 10, "the control must be caught, else the test sees nothing"
    record(
        21,
        "only the pinned file is unpacked and run",
        n=tried,
        bad=installed,
        control="hash after unpack",
        control_bad=f"{control} of 60 were unpacked",
        unit="mutations",
    )
    assert installed == 0
    assert most <= CHUNK_BYTES + HEAD_BYTES


async def test_a_rig_runs_nothing_of_a_wrong_file_and_says_so(tmp_path: Path) -> None:
    content, archive = pinned(tmp_path / "canary")
    wrong = pack_files("tar.gz", {"top/fakeminer": f"#!/bin/sh\necho ran >> {tmp_path}/canary\n".encode()})
    with Depot() as depot:
        depot.put(wrong + bytes(archive.size - len(wrong)), archive.path)
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(1, [assigned_for(archive)])
            status = await rig.until("backing-off")
            assert "is not the pinned file" in status.detail
            assert not (tmp_path / "canary").exists()
            assert set(rig.states()) == {"queued", "downloading", "backing-off"}, "nothing of it was unpacked"
            depot.put(content, archive.path)
            await rig.until("starting")


@pytest.mark.parametrize("what", ["archive", "program", "library", "manifest"])
async def test_what_was_changed_on_disk_does_not_run(tmp_path: Path, what: str) -> None:
    """The pin holds for what is on the rig's disk as well: it is repaired from the archive, or fetched again."""
    canary = tmp_path / "canary"
    library = b"\x7fELF library"
    content = pack_files("tar.gz", {"top/fakeminer": pack("executable"), "top/lib.so": library, "top/notes": b"1"})
    archive = archive_for(content, "tar.gz")
    with Depot() as depot:
        depot.put(content, archive.path)
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(1, [assigned_for(archive)])
            await rig.until("mining")
        software = tmp_path / "sentry/playbooks/software"
        version = next((software / "versions").iterdir())
        evil = f"#!/bin/sh\necho ran >> {canary}\n"
        (version / "files/top/notes").write_text("a program may write what is not code")
        if what == "manifest":
            (version / "manifest.json").write_text("{}")
        if what in ("archive", "program"):
            (version / "files/top/fakeminer").write_text(evil)
        if what == "library":
            (version / "files/top/lib.so").write_bytes(library + b"!")
        if what == "archive":
            (software / "archives" / archive.sha256).write_bytes(content[:-1] + b"!")
        depot.requests.clear()
        async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
            await rig.until("mining")
        assert not canary.exists()
        assert len(depot.requests) == (1 if what == "archive" else 0)
        assert (version / "files/top/lib.so").read_bytes() == library
        assert (version / "files/top/fakeminer").read_bytes() == pack("executable")
