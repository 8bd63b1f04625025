"""An enrolment key makes rigs, so many and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from litestar.exceptions import NotAuthorizedException

from rigfarm.commander.auth import ApiKeys
from rigfarm.commander.channels import Kind
from rigfarm.commander.enrolment import EnrolmentKeys, keys
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.permission import permitted_by
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.storage import Storage


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    one = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    yield one
    await one.close()


async def _enrolment(storage: Storage) -> tuple[EnrolmentKeys, RigBook]:
    book, api_keys = RigBook(storage, Hub(), Events()), ApiKeys()
    await book.load()
    await api_keys.load(storage)
    return EnrolmentKeys(api_keys, book), book


async def test_a_key_has_an_end_to_what_it_makes(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MAX_PER_KEY", 3)
    enrolment, book = await _enrolment(storage)
    key, _ = await enrolment.create("container 2", 24)
    assert [rig.name for rig, _ in await enrolment.enrol(key, [("asic", "asic")] * 2)] == ["asic", "asic-2"]
    with pytest.raises(Invalid, match="at most 3 rigs, this one has made 2"):
        await enrolment.enrol(key, [("asic", "asic")] * 2)
    assert len(book.rigs) == 2
    await enrolment.enrol(key, [("asic", "asic")])
    again, _ = await _enrolment(storage)
    with pytest.raises(Invalid, match="has made 3"):
        await again.enrol(again.all()[0], [("one-more", "cpu-gpu")])


async def test_a_key_revoked_while_its_request_waits_creates_nothing(storage: Storage) -> None:
    """A stolen enrolment key must not create rigs after the operator has revoked it."""
    enrolment, book = await _enrolment(storage)
    key, _ = await enrolment.create("stolen", 24)

    def check() -> None:
        if key not in enrolment.all():
            raise NotAuthorizedException

    async def request() -> None:
        with permitted_by(check):
            await enrolment.enrol(key, [("ghost", "asic")])

    async with enrolment._enrolling:
        waiting = asyncio.create_task(request())
        await asyncio.sleep(0)
        await enrolment.revoke(key.id)
    with pytest.raises(NotAuthorizedException):
        await waiting
    assert len(book.rigs) == 0


async def test_long_names_that_end_differently_are_no_million_questions(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds an enrolment key would stop all pages and acknowledgements for minutes."""
    enrolment, book = await _enrolment(storage)
    key, _ = await enrolment.create("container 2", 24)
    wanted: list[tuple[str, Kind]] = [("x" * 60 + f"{n:04}", "asic") for n in range(300)]
    questions = 0

    def name_taken(name: str, *, except_id: int | None = None) -> bool:
        nonlocal questions
        questions += 1
        return asked(name, except_id=except_id)

    asked = book.name_taken
    monkeypatch.setattr(book, "name_taken", name_taken)
    for _ in range(4):
        await enrolment.enrol(key, wanted)
    assert len({rig.name for rig in book.rigs.values()}) == 1_200
    assert questions < 10 * len(book.rigs)
