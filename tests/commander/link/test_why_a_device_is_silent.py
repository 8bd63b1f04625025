"""An ASIC's Sentry says why it has nothing to report: that is what pages and the API say."""

from __future__ import annotations

from pathlib import Path

from rigfarm.commander.app import build
from rigfarm.commander.link.link import Link
from rigfarm.commander.link.receive import receive
from rigfarm.commander.settings import Settings
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import PROTOCOL, Hello, RigTrouble


async def test_it_works(tmp_path: Path) -> None:
    async def ignore(*_: object) -> None:
        return None

    async with build(Settings(data_dir=tmp_path)) as commander:
        rig, token = await commander.book.create("asic-1", "asic")
        link = Link(commander.links, "192.0.2.1", ignore, ignore)
        hello = Hello(PROTOCOL, "1", bytes(16), [token])
        commander.links.greet(link, hello)

        def says(kind: str, detail: str = "") -> str:
            receive(commander.links, link, encode(RigTrouble(0, kind, detail)))
            return commander.stats.rigs[rig.id].condition.reason

        assert says("wrong-credentials", "It refuses\nthe login.") == "wrong login: It refuses the login."
        assert says("something-new", "Of a newer Sentry.") == "something new: Of a newer Sentry."
        assert says("") == ""
        says("unreachable", "It did not answer in time.")
        commander.links.greet(link, hello)
        assert commander.stats.rigs[rig.id].condition.reason == "", "it is said again, or over"
