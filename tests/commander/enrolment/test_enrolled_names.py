"""Rigs that an enrolment key makes: every one has a name of its own, in the order in which they were asked for; all are
made, or none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rigfarm.commander.auth import ApiKey, ApiKeys
from rigfarm.commander.enrolment import EnrolmentKeys
from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.names import MAX_NAME
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.storage import Storage


@pytest.fixture
async def enrolment(tmp_path: Path) -> AsyncIterator[tuple[EnrolmentKeys, ApiKey, Rigs]]:
    storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    book = Rigs(storage, Hub(), Events())
    await book.load()
    api_keys = ApiKeys()
    await api_keys.load(storage)
    keys = EnrolmentKeys(api_keys, book)
    key, _ = await keys.create("container 2", 24)
    yield keys, key, book
    await storage.close()


Made = tuple[EnrolmentKeys, ApiKey, Rigs]


async def test_both_kinds_in_the_order_of_the_request(enrolment: Made) -> None:
    keys, key, _ = enrolment
    made = await keys.enrol(key, [("b", "cpu-gpu"), ("a", "asic"), ("A", "cpu-gpu"), ("c", "asic")])
    assert [(rig.name, rig.kind) for rig, _ in made] == [
        ("b", "cpu-gpu"),
        ("a", "asic"),
        ("A-2", "cpu-gpu"),
        ("c", "asic"),
    ]
    assert len({token for _, token in made}) == 4


async def test_one_name_that_cannot_be_makes_none(enrolment: Made) -> None:
    keys, key, book = enrolment
    with pytest.raises(Invalid):
        await keys.enrol(key, [("good", "asic"), ("bad\x07", "cpu-gpu")])
    assert book.rigs == {}
    assert key.enrolled == 0


async def test_a_thousand_of_one_name_are_told_apart(enrolment: Made) -> None:
    keys, key, book = enrolment
    await book.create_many(["Antminer-2", "ANTMINER"], "asic")
    made = [rig.name for rig, _ in await keys.enrol(key, [("Antminer", "asic")] * 1_000)]
    assert made[:2] == ["Antminer-3", "Antminer-4"]
    assert made[-1] == "Antminer-1002"


async def test_a_long_name_makes_room_for_its_number(enrolment: Made) -> None:
    keys, key, _ = enrolment
    made = [rig.name for rig, _ in await keys.enrol(key, [("x" * MAX_NAME, "asic")] * 2)]
    assert made == ["x" * MAX_NAME, "x" * (MAX_NAME - 8) + "-2"]
