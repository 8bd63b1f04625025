"""An enrolment key makes rigs, so many and no more."""

from __future__ import annotations

import asyncio

import pytest
from litestar.exceptions import NotAuthorizedException

from rigfarm.commander.auth import ApiKeys, model
from rigfarm.commander.enrolment import EnrolmentKeys, actions
from rigfarm.commander.events import Events
from rigfarm.commander.kinds import KindName
from rigfarm.commander.live import Hub
from rigfarm.commander.permission import permitted_by
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.storage import Storage


async def _enrolment(storage: Storage) -> tuple[EnrolmentKeys, Rigs]:
    book, api_keys = Rigs(storage, Hub(), Events()), ApiKeys()
    await book.load()
    await api_keys.load(storage)
    return EnrolmentKeys(api_keys, book), book


async def test_a_key_has_an_end_to_what_it_makes(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MAX_PER_KEY", 3)
    enrolment, book = await _enrolment(storage)
    key, _ = await enrolment.create("container 2", 24)
    assert [rig.name for rig, _ in await enrolment.enrol(key, [("asic", "asic")] * 2)] == ["asic", "asic-2"]
    with pytest.raises(Invalid, match="at most 3 rigs, and this one has created 2"):
        await enrolment.enrol(key, [("asic", "asic")] * 2)
    assert len(book.rigs) == 2
    await enrolment.enrol(key, [("asic", "asic")])
    again, _ = await _enrolment(storage)
    with pytest.raises(Invalid, match="has created 3"):
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
    wanted: list[tuple[str, KindName]] = [("x" * 60 + f"{n:04}", "asic") for n in range(300)]
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


async def test_a_key_that_expired_or_was_revoked_opens_nothing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key stands in the notes of everybody who installed a container: one day it must be worth nothing."""
    api_keys = ApiKeys()
    await api_keys.load(storage)
    enrolment = EnrolmentKeys(api_keys, Rigs(storage, Hub(), Events()))
    short, short_secret = await enrolment.create("short", 1)
    long, long_secret = await enrolment.create("long", 24)
    assert api_keys.find(short_secret, "::1") is short
    assert api_keys.find(long_secret, "::1") is long
    now_ms = model.utc_ms()
    monkeypatch.setattr(model, "utc_ms", lambda: now_ms + 2 * 3_600_000)
    assert (api_keys.find(short_secret, "::1"), api_keys.alive(short)) == (None, False)
    assert api_keys.find(long_secret, "::1") is long
    await enrolment.revoke(long.id)
    again = ApiKeys()
    await again.load(storage)
    for keys in (api_keys, again):
        assert (keys.find(long_secret, "::1"), keys.alive(long)) == (None, False)
