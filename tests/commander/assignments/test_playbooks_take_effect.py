"""Whether a rig does what its playbooks say is read back from its telemetry, like a command."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from rigfarm.commander.alerts.engine.farm import FarmView
from rigfarm.commander.assignments import RigPanels
from rigfarm.commander.commands import Commands
from rigfarm.commander.effects.tables import effects
from rigfarm.commander.frame import page_templates
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import OperationalLog, Workload


def _reports(farm: Any, rig_id: int, playbook_id: int, rate: float | None = 9e3, **changes: Any) -> None:
    fields: dict[str, Any] = {"pool": "pool.example:3333", "wallet": "48wallet", "worker": "rig-01", "coin": "XMR"}
    workload = Workload("XMRig", hashrate=rate, playbook=playbook_id, state="mining", **(fields | changes))
    now_ms = utc_ms() + int(farm.later_s * 1000)
    assert farm.stats.receive(rig_id, OperationalLog(now_ms, workloads=[] if rate == -1 else [workload]))


async def _later(
    farm: Any, seconds: float, rig_id: int, playbook_id: int, *args: Any, **changes: Any
) -> tuple[str, str]:
    farm.later_s += seconds
    _reports(farm, rig_id, playbook_id, *args, **changes)
    await farm.effects.tick()
    watch = farm.effects.of_playbook_on(rig_id, playbook_id)
    return watch.shown, watch.words


@pytest.fixture
async def on_rig(farm: Any) -> tuple[int, int]:
    """A rig and the playbook that was just applied to it."""
    playbook = await farm.playbooks.create(await farm.new_form())
    (rig_id,) = await farm.new_rigs("rig-01")
    await farm.assignments.apply(playbook.id, [rig_id])
    return rig_id, playbook.id


async def test_it_mines_and_is_stopped_by_itself(farm: Any, on_rig: tuple[int, int]) -> None:
    assert await _later(farm, 31, *on_rig) == ("took effect", "Fakeminer mines XMR 9.000 kH/s")
    shown = await _later(farm, 270, *on_rig, wallet="4someone-else-entirely-with-a-long-wallet")
    assert shown == ("reverted", "mines XMR to wallet 4someone-else-entirely-with-a-long-wallet")
    assert [one.aspect for one in farm.effects.bad_on(on_rig[0])] == [f"playbook {on_rig[1]}"]


async def test_what_is_installed_is_not_measured_and_what_fails_has_no_effect(
    farm: Any, on_rig: tuple[int, int]
) -> None:
    farm.say(*on_rig, "downloading")
    assert (await _later(farm, 31, *on_rig, -1))[0] == "not measurable yet"
    farm.say(*on_rig, "failed", detail="exit code 1")
    assert await _later(farm, 270, *on_rig, -1) == ("no effect", "XMR on CPUs failed: exit code 1")


async def test_an_operators_change_explains_it(farm: Any, on_rig: tuple[int, int]) -> None:
    """A new worker's name, a stop, a removal: each is what counts from then on."""
    rig_id, playbook_id = on_rig
    await _later(farm, 31, *on_rig)
    await farm.assignments.set_variables(rig_id, {"WORKER_NAME": "another"})
    assert (await _later(farm, 31, *on_rig))[0] == "no effect yet", "the program has not restarted"
    assert (await _later(farm, 270, *on_rig, worker="another"))[0] == "took effect"
    await farm.assignments.stop(playbook_id, [rig_id])
    assert (await _later(farm, 31, *on_rig, worker="another"))[1] == "XMR on CPUs still mines 9.000 kH/s"
    assert (await _later(farm, 270, *on_rig, 0.0))[0] == "took effect"
    await farm.assignments.take_off(playbook_id, [rig_id])
    assert (await _later(farm, 31, *on_rig, -1))[0] == "took effect"
    assert farm.effects.bad_on(rig_id) == []


async def test_a_restart_of_the_commander_goes_on(farm: Any, on_rig: tuple[int, int]) -> None:
    later = await farm.restarted()
    later.stats.add(on_rig[0], "cpu-gpu")
    later.stats.link_up(on_rig[0])
    assert (await _later(later, 61, *on_rig))[0] == "took effect"


async def test_a_playbook_that_is_removed_takes_its_effects_along(farm: Any, on_rig: tuple[int, int]) -> None:
    await farm.playbooks.remove(on_rig[1], even_if_used=True)
    farm.later_s += 31
    assert await farm.effects.tick() == 0
    async with farm.storage.begin() as tx:
        assert (await tx.execute(select(func.count()).select_from(effects))).scalar() == 0
    assert farm.effects.of_playbook_on(*on_rig) is None


async def test_the_rule_about_what_was_assigned_asks_the_same(
    farm: Any, on_rig: tuple[int, int], tmp_path: Any
) -> None:
    view = FarmView(farm.stats, farm.rigs, farm.assignments, None, farm.effects, None, tmp_path, None)  # type: ignore[arg-type]
    _reports(farm, *on_rig, pool="other.example:1")
    assert list(view.not_as_assigned(farm.stats.rigs[on_rig[0]])) == [("XMR pool", "mines XMR at other.example:1")]


async def test_its_row_says_so_only_where_telemetry_contradicts_it(farm: Any, on_rig: tuple[int, int]) -> None:
    commands = Commands(farm.storage, farm.hub, farm.events, farm.rigs, farm.effects)
    panels = RigPanels(page_templates(), farm.assignments, commands)
    farm.say(*on_rig, "mining")
    await _later(farm, 31, *on_rig)
    assert "took effect" not in await panels.html(on_rig[0])
    await _later(farm, 270, *on_rig, pool="other.example:1")
    html = await panels.html(on_rig[0])
    assert '<span class="tag bad">reverted</span> mines XMR at other.example:1' in html
