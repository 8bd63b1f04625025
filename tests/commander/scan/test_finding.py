"""A code finds its rigs in a farm of any size, follows what rigs say of themselves, and is a question of the API."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from rigfarm.commander.codes import read_code
from rigfarm.commander.events import Events, RigRemoved, SpecsChanged
from rigfarm.commander.live import Hub
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.scan.store import MAX_FOUND, CodeIndex
from rigfarm.commander.storage import Storage
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.specs import Specs
from support.asic_link import AsicLink
from support.until import until_now

MANY = 10_000


class Watched(dict[int, Rig]):
    """Rigs that may be looked up, and must not be gone through."""

    loaded = False

    def __iter__(self) -> Iterator[int]:
        assert not self.loaded, "all rigs are gone through"
        return super().__iter__()

    def values(self) -> Any:
        assert not self.loaded, "all rigs are gone through"
        return super().values()

    def items(self) -> Any:
        assert not self.loaded, "all rigs are gone through"
        return super().items()


def a_rig(number: int) -> Rig:
    specs = Specs("1.0", mac=f"02:00:5e:00:{number >> 8:02x}:{number & 255:02x}", serial=f"JYZZ{number:06d}")
    return Rig(number, f"asic-{number:05d}", "asic", 0, specs=specs)


def found(index: CodeIndex, text: str) -> list[tuple[int, tuple[str, ...]]]:
    return [(one.rig.id, one.by) for one in index.find(read_code(text))]


@pytest.fixture
def book(storage: Storage, hub: Hub, events: Events) -> Rigs:
    return Rigs(storage, hub, events)


async def test_ten_thousand_rigs_are_not_gone_through_for_a_code(book: Rigs, events: Events) -> None:
    rigs = Watched({number: a_rig(number) for number in range(1, MANY + 1)})
    book.rigs = rigs
    index = CodeIndex(book, events)
    await index.load()
    rigs.loaded = True
    assert found(index, "SN:JYZZ004711;MAC:02-00-5E-00-12-67") == [(4711, ("mac", "serial"))]
    assert found(index, "jyzz009999") == [(9999, ("serial",))]
    assert found(index, "02005e002710") == [(10_000, ("mac",))]
    assert found(index, "JYZZ999999") == []


async def test_it_follows_what_rigs_say_and_forgets_those_that_are_gone(book: Rigs, events: Events) -> None:
    index = CodeIndex(book, events)
    rig, _ = await book.create("asic-01", "asic")
    assert found(index, "asic-01") == [(rig.id, ("name",))]
    events.publish(SpecsChanged(rig.id, Specs("1.0", mac="02:00:5E:00:00:01", serial="AB 1")))
    assert found(index, "02005e000001") == [(rig.id, ("mac",))]
    events.publish(SpecsChanged(rig.id, Specs("1.0", mac="02:00:5E:00:00:02")))
    assert found(index, "02005e000001") == []
    assert found(index, "ab 1") == []
    assert found(index, "02005e000002") == [(rig.id, ("mac",))]
    events.publish(RigRemoved(rig.id, "asic", "asic-01"))
    assert found(index, "02005e000002") == []


async def test_devices_that_share_a_number_are_all_found_up_to_a_limit(book: Rigs, events: Events) -> None:
    for number in range(1, MAX_FOUND + 10):
        book.rigs[number] = Rig(number, f"asic-{number}", "asic", 0, specs=Specs("1.0", serial="0000"))
    index = CodeIndex(book, events)
    await index.load()
    assert len(found(index, "SN:0000")) == MAX_FOUND


def asked(commander: CommanderProcess, code: str) -> Any:
    answer = commander.api("GET", f"/api/rigs/by-code?code={quote(code)}")
    assert isinstance(answer, dict)
    return answer["rigs"]


def test_the_api_finds_rigs_by_their_stickers(commander: CommanderProcess) -> None:
    made = commander.add_rigs(["asic-01", "asic-02"], "asic")
    link = AsicLink(commander, [token for _, token in made], {})
    try:
        until_now(lambda: asked(commander, "JYZZ000002"), "what the rigs are made of")
        (only,) = asked(commander, "SN:JYZZ000002;MAC:02:00:5e:00:00:02")
        assert (only["rig"]["name"], only["by"]) == ("asic-02", ["mac", "serial"])
        assert asked(commander, "nothing") == []
        for search in (
            "mac:02005e000002",
            "mac:02-00-5E-00-00-02",
            "mac:02:00:*:02",
            "serial:jyzz000002",
            "JYZZ000002",
        ):
            rigs = commander.api("GET", f"/api/rigs?filter={quote(search)}")
            assert [rig["name"] for rig in rigs] == ["asic-02"], search  # type: ignore[attr-defined,union-attr]
    finally:
        link.close()
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(commander, "x" * 1_001)
    assert refused.value.code == 422
