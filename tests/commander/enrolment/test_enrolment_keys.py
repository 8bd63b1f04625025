"""An enrolment key makes rigs, so many and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigfarm.commander.enrolment import EnrolmentKeys, keys
from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.storage import Storage


async def test_a_key_has_an_end_to_what_it_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MAX_PER_KEY", 3)
    storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    book = RigBook(storage, Hub())
    await book.load()
    enrolment = EnrolmentKeys(storage, book)
    key, _ = await enrolment.create("container 2", 24)
    assert [rig.name for rig, _ in await enrolment.enrol(key, [("asic", "asic")] * 2)] == ["asic", "asic-2"]
    with pytest.raises(Invalid, match="at most 3 rigs, this one has made 2"):
        await enrolment.enrol(key, [("asic", "asic")] * 2)
    assert len(book.rigs) == 2
    await enrolment.enrol(key, [("asic", "asic")])
    again = EnrolmentKeys(storage, book)
    await again.load()
    with pytest.raises(Invalid, match="has made 3"):
        await again.enrol(again.all()[0], [("one-more", "cpu-gpu")])
    await storage.close()
