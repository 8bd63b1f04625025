"""Parts of the Commander tell each other what happened, and one that fails harms no other."""

from __future__ import annotations

from rigfarm.commander.events import AddressChanged, Events, RigAdded, RigRemoved


def test_listeners_hear_their_own_event_in_order() -> None:
    events, heard = Events(), []
    events.listen(RigRemoved, lambda removed: heard.append(("first", removed.rig_id)))
    events.listen(RigRemoved, lambda removed: heard.append(("second", removed.rig_id)))
    events.publish(RigAdded(1, "asic"))
    events.publish(RigRemoved(2, "asic", "rack-1"))
    assert heard == [("first", 2), ("second", 2)]


def test_a_listener_that_fails_keeps_nothing_from_the_others() -> None:
    events, heard = Events(), []
    events.listen(RigAdded, lambda added: 1 / 0)  # type: ignore[arg-type,return-value]
    events.listen(RigAdded, heard.append)
    events.publish(RigAdded(1, "asic"))
    assert heard == [RigAdded(1, "asic")]


async def test_followers_are_waited_for() -> None:
    events, heard = Events(), []

    async def fail(_: AddressChanged) -> None:
        raise RuntimeError

    async def follow(changed: AddressChanged) -> None:
        heard.append(changed.address_id)

    events.follow(AddressChanged, fail)
    events.follow(AddressChanged, follow)
    await events.publish_and_wait(AddressChanged(7))
    assert heard == [7]
