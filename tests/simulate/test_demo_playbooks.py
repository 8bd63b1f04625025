"""What the demo shows of playbooks is well-formed, and given to its rig."""

from __future__ import annotations

from typing import Any, cast

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.demo_playbooks import give_playbooks


def test_it_works(commander: CommanderProcess) -> None:
    [(rig_id, _)] = commander.add_rigs(["this-machine"])
    give_playbooks(commander, rig_id)

    def listed(noun: str) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", commander.api("GET", f"/api/{noun}"))

    assert [one["revision"] for one in listed(f"rigs/{rig_id}/playbooks")] == [2]
    assert [one["file"]["state"] for one in listed("software")] == ["pinned", "pinned"]
    assert not any("warning" in one for one in listed("addresses")), "the wallet looks like one"
    assert all(".example:" in url for one in listed("addresses") for url in one.get("urls", [])), "leads nowhere"
