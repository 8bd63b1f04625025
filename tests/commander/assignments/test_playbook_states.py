"""How playbooks do on their rigs: what Sentries say is what viewers see, and hostile words stay words."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.commander import channels
from rigfarm.commander.assignments.broadcasts import ON_RIG
from rigfarm.commander.assignments.status.statuses import MAX_STATUSES, state_of
from rigfarm.commander.names import name_sort
from rigfarm.commander.playbooks.broadcasts import INDEX, playbook_channel
from rigfarm.commander.playbooks.content.form import form_of
from rigfarm.wire.playbooks import PlaybookStatus


async def _running(farm: Any) -> tuple[int, int]:
    playbook = await farm.playbooks.create(await farm.new_form())
    (rig_id,) = await farm.new_rigs("rig-01")
    await farm.assignments.apply(playbook.id, [rig_id])
    return rig_id, playbook.id


def _word(farm: Any, rig_id: int, playbook_id: int) -> str:
    assignment = farm.assignments.assigned.get(rig_id, playbook_id)
    return state_of(assignment, farm.assignments.statuses.get(rig_id, playbook_id))


async def test_it_works(farm: Any) -> None:
    rig_id, playbook_id = await _running(farm)
    assert _word(farm, rig_id, playbook_id) == "queued"
    farm.say(rig_id, playbook_id, "downloading", progress=0.4)
    assert _word(farm, rig_id, playbook_id) == "downloading"
    farm.say(rig_id, playbook_id, "mining")
    assert farm.assignments.statuses.counts(farm.assignments.assigned.of_playbook(playbook_id)) == {"mining": 1}
    await farm.assignments.stop(playbook_id, [rig_id])
    assert _word(farm, rig_id, playbook_id) == "stopping"
    farm.say(rig_id, playbook_id, "stopped")
    assert _word(farm, rig_id, playbook_id) == "stopped"


async def test_words_about_an_older_revision_do_not_count(farm: Any) -> None:
    rig_id, playbook_id = await _running(farm)
    farm.say(rig_id, playbook_id, "mining", revision=0)
    assert _word(farm, rig_id, playbook_id) == "queued"


async def test_viewers_hear_of_changes_and_of_nothing_else(farm: Any) -> None:
    rig_id, playbook_id = await _running(farm)
    for channel in (channels.rig("cpu-gpu", rig_id), playbook_channel(playbook_id), INDEX):
        farm.hub.subscribe(farm.viewer, channel)
    farm.viewer.heard.clear()
    farm.say(rig_id, playbook_id, "downloading", progress=0.1)
    assert [(channel, key) for channel, key, _ in farm.viewer.heard] == [
        (channels.rig("cpu-gpu", rig_id), ON_RIG),
        (playbook_channel(playbook_id), rig_id),
        (INDEX, playbook_id),
    ]
    farm.viewer.heard.clear()
    farm.say(rig_id, playbook_id, "downloading", progress=0.1)
    assert farm.viewer.heard == []
    farm.say(rig_id, playbook_id, "downloading", progress=0.2)
    assert INDEX not in [channel for channel, _, _ in farm.viewer.heard], "the list shows states, not percentages"


async def test_words_of_a_rig_are_cleaned_and_bounded(farm: Any) -> None:
    rig_id, playbook_id = await _running(farm)
    farm.say(rig_id, playbook_id, "failed", detail="a\x1b[31m\nb\u202e" + "x" * 5000, progress=float("nan"))
    status = farm.assignments.statuses.get(rig_id, playbook_id)
    assert status.detail.startswith("a [31m b x")
    assert len(status.detail) <= 600
    assert status.progress is None
    farm.say(rig_id, playbook_id, "downloading", progress=1e308)
    assert farm.assignments.statuses.get(rig_id, playbook_id).progress == 1.0
    farm.assignments.receive(rig_id, [PlaybookStatus(n, 1, "mining") for n in range(5000)])
    assert len(farm.assignments.statuses.of(rig_id)) == MAX_STATUSES


async def test_a_rig_that_was_removed_says_nothing_any_more(farm: Any) -> None:
    rig_id, playbook_id = await _running(farm)
    await farm.rigs.remove(rig_id)
    farm.assignments.receive(rig_id, [PlaybookStatus(playbook_id, 1, "mining")])
    assert farm.assignments.statuses.of(rig_id) == {}


async def test_viewers_of_a_rig_hear_that_there_is_a_newer_revision(farm: Any) -> None:
    rig_id, playbook_id = await _running(farm)
    farm.hub.subscribe(farm.viewer, channels.rig("cpu-gpu", rig_id))
    farm.viewer.heard.clear()
    farm.nudged.clear()
    form = form_of(farm.playbooks.get(playbook_id).content)
    await farm.playbooks.change(playbook_id, replace(form, template=f"{form.template} --more"))
    assert (channels.rig("cpu-gpu", rig_id), ON_RIG, "updated") in farm.viewer.heard
    assert farm.nudged == [], "the rig hears when it is applied"


@pytest.mark.parametrize(
    "names", [["rig-2", "rig-10"], ["1", "2", "10"], ["a", "B", "c"], ["rig", "rig 1"], ["x9y9", "x9y10", "x10"]]
)
def test_names_are_in_the_order_that_people_expect(names: list[str]) -> None:
    shuffled = names[::-1]
    assert sorted(shuffled, key=name_sort) == names
