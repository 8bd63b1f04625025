"""Mining software: fetched once, kept by its hash, and given to rigs only when an operator confirmed that hash."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.commander.events import Events, SoftwareChanged
from rigfarm.commander.live import Hub
from rigfarm.commander.mining_software import Kept, MiningSoftware, Software, SoftwareForm
from rigfarm.commander.mining_software.archives.store import ArchiveStore
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Conflict, Invalid
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage, Use


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def _fetched(book: MiningSoftware, software: Software) -> Software:
    """Fetch it, to the end; fails with the error it got."""
    fetch = book.fetch(software.id)
    await _until(lambda: book.fetches.get(software.id) is not fetch or fetch.error)
    assert fetch.error is None, fetch.error
    return book.get(software.id)


async def _chunks(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.fixture
def url(origin: Any, archive: bytes, names: dict[str, list[str]]) -> str:
    names["mirror.test"] = ["127.0.1.7"]
    origin.serve("/fakeminer.tar.gz", archive)
    return f"http://mirror.test:{origin.port}/fakeminer.tar.gz"


async def test_it_works(book: MiningSoftware, form: SoftwareForm, url: str, archive: bytes, tmp_path: Path) -> None:
    software = await book.create(replace(form, url=url, lan=True))
    assert (software.kept, software.pinned, software.archive()) == (None, False, None)

    fetched = await _fetched(book, software)
    sha256 = hashlib.sha256(archive).hexdigest()
    assert fetched.kept == Kept(sha256, len(archive), "tar.gz")
    assert (tmp_path / "archives" / sha256).read_bytes() == archive
    assert not fetched.pinned
    assert fetched.archive() is None

    pinned = await book.pin(software.id, sha256)
    found = pinned.archive()
    assert found is not None
    assert (found.sha256, found.size, found.format, found.executable) == (sha256, len(archive), "tar.gz", "fakeminer")
    assert found.path == f"/software/archives/{sha256}"


async def test_it_is_all_there_after_a_restart(
    book: MiningSoftware, form: SoftwareForm, archive: bytes, storage: Storage, tmp_path: Path
) -> None:
    software = await book.create(form)
    await book.upload(software.id, _chunks(archive), len(archive))
    software = await book.pin(software.id, hashlib.sha256(archive).hexdigest())
    (tmp_path / "archives" / "left.part").write_bytes(b"half")

    again = MiningSoftware(storage, Hub(), Events(), Usage(), ArchiveStore(tmp_path / "archives"))
    await again.load()
    assert again.software == {software.id: software}
    assert again.here(software)
    assert [path.name for path in (tmp_path / "archives").iterdir()] == [hashlib.sha256(archive).hexdigest()]


async def test_a_hash_confirmed_before_pins_at_once(
    book: MiningSoftware, form: SoftwareForm, url: str, archive: bytes
) -> None:
    sha256 = hashlib.sha256(archive).hexdigest()
    software = await book.create(replace(form, url=url, lan=True, expected_sha256=f" SHA256:{sha256.upper()} "))
    assert (await _fetched(book, software)).pinned


async def test_another_file_than_the_confirmed_one_is_thrown_away(
    book: MiningSoftware, form: SoftwareForm, url: str, tmp_path: Path
) -> None:
    software = await book.create(replace(form, url=url, lan=True, expected_sha256="ab" * 32))
    fetch = book.fetch(software.id)
    await _until(lambda: fetch.error)
    assert fetch.error is not None
    assert "deleted" in fetch.error
    assert book.get(software.id).kept is None
    assert list((tmp_path / "archives").iterdir()) == []


async def test_why_a_fetch_failed_stays_to_be_seen_and_trying_again_works(
    book: MiningSoftware, form: SoftwareForm, url: str, origin: Any, archive: bytes
) -> None:
    origin.reply("/fakeminer.tar.gz", 404)
    software = await book.create(replace(form, url=url, lan=True))
    fetch = book.fetch(software.id)
    await _until(lambda: fetch.error)
    assert "404" in (fetch.error or "")
    assert book.fetches.get(software.id) is fetch
    origin.serve("/fakeminer.tar.gz", archive)
    assert (await _fetched(book, software)).kept is not None
    assert book.fetches.get(software.id) is None


async def test_the_lan_must_be_asked_for(book: MiningSoftware, form: SoftwareForm, url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await book.create(replace(form, url=url))
    assert set(refusal.value.fields) == {"url"}
    software = await book.create(replace(form, url=url.replace("http:", "https:")))
    fetch = book.fetch(software.id)
    await _until(lambda: fetch.error)
    assert "address of the LAN" in (fetch.error or "")


async def test_how_far_it_is_is_told_and_it_can_be_stopped(
    book: MiningSoftware, form: SoftwareForm, url: str, origin: Any, hub: Hub, tmp_path: Path
) -> None:
    half = asyncio.Event()

    async def slow(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n" + b"x" * (2 << 20))
        await writer.drain()
        await half.wait()

    origin.answers["/fakeminer.tar.gz"] = slow
    software = await book.create(replace(form, url=url, lan=True))
    fetch = book.fetch(software.id)
    await _until(lambda: fetch.received)
    assert fetch.total == 4 << 20
    assert fetch.fraction is not None
    assert 0 < fetch.fraction <= 0.5
    with pytest.raises(Conflict):
        book.fetch(software.id)
    await book.cancel(software.id)
    assert book.fetches.get(software.id) is None
    assert list((tmp_path / "archives").iterdir()) == []
    with pytest.raises(Invalid):
        await book.cancel(software.id)
    half.set()


async def test_an_upload_that_is_no_archive_of_the_program_is_refused_and_leaves_nothing(
    book: MiningSoftware, form: SoftwareForm, archive: bytes, tmp_path: Path
) -> None:
    software = await book.create(replace(form, executable="otherminer"))
    for body, says in ((archive, "no file named 'otherminer'"), (b"hello", "not a tar.gz"), (b"", "empty")):
        with pytest.raises(Invalid, match=says):
            await book.upload(software.id, _chunks(body), len(body))
    with pytest.raises(Invalid, match="more than"):
        await book.upload(software.id, _chunks(b"x" * (9 << 20), 1 << 20), None)
    assert list((tmp_path / "archives").iterdir()) == []
    assert book.fetches.get(software.id) is None


async def test_an_upload_that_breaks_off_leaves_nothing(
    book: MiningSoftware, form: SoftwareForm, tmp_path: Path
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        raise ConnectionResetError

    software = await book.create(form)
    with pytest.raises(Invalid):
        await book.upload(software.id, broken(), 5_000_000)
    assert list((tmp_path / "archives").iterdir()) == []


async def test_pinning_means_the_file_that_was_seen(book: MiningSoftware, form: SoftwareForm, archive: bytes) -> None:
    software = await book.create(form)
    with pytest.raises(Invalid, match="no file yet"):
        await book.pin(software.id, "ab" * 32)
    await book.upload(software.id, _chunks(archive), None)
    with pytest.raises(ChangedMeanwhile):
        await book.pin(software.id, "ab" * 32)
    assert not book.get(software.id).pinned


async def test_another_expected_hash_lets_the_old_file_go_unless_rigs_still_run_it(
    book: MiningSoftware, form: SoftwareForm, archive: bytes, usage: Usage
) -> None:
    sha256 = hashlib.sha256(archive).hexdigest()
    software = await book.create(form)
    await book.upload(software.id, _chunks(archive), None)
    await book.pin(software.id, sha256)
    still_run = {sha256}
    usage.register_files(lambda: still_run)
    changed = await book.change(software.id, replace(form, expected_sha256="ab" * 32))
    assert changed.kept is None
    assert book.archives.has(sha256)
    still_run.clear()
    await book.sweep()
    assert not book.archives.has(sha256)


async def test_versions_are_distinct_and_two_may_stand_side_by_side(book: MiningSoftware, form: SoftwareForm) -> None:
    await book.create(form)
    with pytest.raises(Conflict):
        await book.create(replace(form, name="FAKEMINER"))
    other = await book.create(replace(form, version="1.2.4"))
    with pytest.raises(Conflict):
        await book.change(other.id, form)
    assert [one.title for one in book.listed("fake 1.2.4")] == ["Fakeminer 1.2.4"]


async def test_everything_wrong_is_said_at_once(book: MiningSoftware) -> None:
    with pytest.raises(Invalid) as refusal:
        await book.create(
            SoftwareForm(
                "",
                "1/2",
                url="ftp://x",
                expected_sha256="short",
                executable="../sh",
                adapter="No Such",
                api_arguments="--port $OTHER",
                template="'unclosed",
            )
        )
    assert set(refusal.value.fields) == {
        "name", "version", "url", "expected_sha256", "executable", "adapter", "api_arguments", "template",
    }  # fmt: skip


async def test_a_change_is_an_event(book: MiningSoftware, form: SoftwareForm, archive: bytes, events: Events) -> None:
    told: list[Software] = []

    async def follower(changed: SoftwareChanged) -> None:
        told.append(book.get(changed.software_id))

    events.follow(SoftwareChanged, follower)
    software = await book.create(form)
    await book.upload(software.id, _chunks(archive), None)
    await book.pin(software.id, hashlib.sha256(archive).hexdigest())
    assert [(one.kept is not None, one.pinned) for one in told] == [(True, False), (True, True)]


async def test_one_in_use_is_removed_only_knowingly_and_its_file_goes_with_it(
    book: MiningSoftware, form: SoftwareForm, archive: bytes, tmp_path: Path, usage: Usage
) -> None:
    software = await book.create(form)
    await book.upload(software.id, _chunks(archive), None)
    usage.register("software", lambda software_id: [Use("playbook", "XMR on CPUs", "/playbooks/1")])
    with pytest.raises(Conflict, match="playbook XMR on CPUs"):
        await book.remove(software.id)
    await book.remove(software.id, even_if_used=True)
    assert list((tmp_path / "archives").iterdir()) == []
    with pytest.raises(Absent):
        book.get(software.id)
