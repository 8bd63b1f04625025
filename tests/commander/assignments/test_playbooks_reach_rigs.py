"""Applying, stopping, starting, restarting: what rigs are told, when, and what it replaces."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rigfarm.commander import channels
from rigfarm.commander.assignments.broadcasts import ON_RIG
from rigfarm.commander.assignments.sent import assigned_to
from rigfarm.commander.playbooks import WorkloadForm
from rigfarm.commander.refusals import Conflict, Invalid
from rigfarm.wire.frames import Playbooks
from rigfarm.wire.specs import GpuSpecs, Specs
from rigfarm.wire.template import arguments
from support.until import until


async def _gpu_form(farm: Any, name: str, **changes: Any) -> Any:
    form = await farm.new_form(name)
    cpu = form.workloads[0]
    gpu = WorkloadForm("gpu1", "XMR", "rx/0", cpu.pool_id, cpu.wallet_id)
    return replace(form, workloads=[gpu], template="-o $GPU_POOL_1 -u $GPU_WALLET_1", **changes)


async def test_it_works(any_farm: Any) -> None:
    playbook = await any_farm.playbooks.create(await any_farm.new_form())
    rigs = await any_farm.new_rigs("Rig Ä-01", "rig-02")
    plan = await any_farm.assignments.apply(playbook.id, rigs)
    assert [(step.rig_name, step.action) for step in plan.steps] == [("Rig Ä-01", "start"), ("rig-02", "start")]

    for now in (any_farm, await any_farm.restarted()):
        (assigned,) = await now.told(rigs[0])
        assert (assigned.id, assigned.revision, assigned.wanted, assigned.adapter) == (
            playbook.id,
            1,
            "running",
            "xmrig",
        )
        assert assigned.variables == {
            "CPU_POOL": "stratum+tcp://pool.example:3333",
            "CPU_WALLET": "48wallet",
            "WORKER_NAME": "Rig-A-01",
        }
        assert arguments(assigned, 4067) == [
            "-o", "stratum+tcp://pool.example:3333", "-u", "48wallet", "--rig-id", "Rig-A-01", "--http-port=4067",
        ]  # fmt: skip
        assert [(w.coin, w.algorithm, w.device) for w in assigned.workloads] == [("XMR", "rx/0", "cpu")]
        assert assigned.archive.path == f"/software/archives/{assigned.archive.sha256}"


async def test_rigs_are_nudged_after_it_is_stored_and_viewers_told(farm: Any) -> None:
    playbook = await farm.playbooks.create(await farm.new_form())
    one, other = await farm.new_rigs("rig-01", "rig-02")
    for rig_id in (one, other):
        farm.hub.subscribe(farm.viewer, channels.rig("cpu-gpu", rig_id))
    await farm.assignments.apply(playbook.id, [one])
    assert farm.nudged == [one]
    assert farm.viewer.heard == [(channels.rig("cpu-gpu", one), ON_RIG, "updated")]


async def test_a_rig_that_never_had_a_playbook_is_told_nothing(farm: Any) -> None:
    (rig_id,) = await farm.new_rigs("rig-01")
    assert assigned_to(rig_id, farm.assignments) is None
    assert await farm.source.waiting(rig_id, 0, connected=True) == []


async def test_the_link_is_given_the_whole_once_and_again_when_the_sentry_returns(farm: Any) -> None:
    playbook = await farm.playbooks.create(await farm.new_form())
    (rig_id,) = await farm.new_rigs("rig-01")
    await farm.assignments.apply(playbook.id, [rig_id])
    (frame,) = await farm.source.waiting(rig_id, 3, connected=False)
    assert isinstance(frame, Playbooks)
    assert (frame.slot, len(frame.playbooks)) == (3, 1)
    assert await farm.source.waiting(rig_id, 3, connected=False) == []
    assert await farm.source.waiting(rig_id, 0, connected=True) == [replace(frame, slot=0)]
    await farm.assignments.stop(playbook.id, [rig_id])
    (stopped,) = await farm.source.waiting(rig_id, 0, connected=False)
    assert stopped.revision > frame.revision
    assert stopped.playbooks[0].wanted == "stopped"


async def test_stop_start_restart_and_take_off(any_farm: Any) -> None:
    running = any_farm.assignments
    playbook = await any_farm.playbooks.create(await any_farm.new_form())
    rigs = await any_farm.new_rigs("rig-01", "rig-02")
    with pytest.raises(Invalid, match="None of these rigs"):
        await running.stop(playbook.id, rigs)
    await running.apply(playbook.id, rigs)
    assert await running.stop(playbook.id, rigs) == rigs
    assert await running.stop(playbook.id, rigs) == [], "they are stopped already"
    assert (await any_farm.told(rigs[0]))[0].wanted == "stopped"
    assert await running.start(playbook.id, rigs[:1]) == rigs[:1]
    await running.restart(playbook.id, rigs[:1])
    await running.restart(playbook.id, rigs[:1])
    (assigned,) = await (await any_farm.restarted()).told(rigs[0])
    assert (assigned.wanted, assigned.restart) == ("running", 2)
    await running.take_off(playbook.id, rigs[:1])
    assert await any_farm.told(rigs[0]) == []
    assert len(await any_farm.told(rigs[1])) == 1


async def test_rigs_keep_their_revision_until_it_is_applied(farm: Any) -> None:
    form = await farm.new_form()
    playbook = await farm.playbooks.create(form)
    rigs = await farm.new_rigs("rig-01", "rig-02")
    await farm.assignments.apply(playbook.id, rigs)
    await farm.playbooks.change(playbook.id, replace(form, template="-u $CPU_WALLET"))
    for now in (farm, await farm.restarted()):
        assert (await now.told(rigs[0]))[0].template == form.template
    plan = await farm.assignments.apply(playbook.id, rigs[:1])
    assert [(step.action, step.from_revision) for step in plan.steps] == [("change", 1)]
    assert (await farm.told(rigs[0]))[0].template == "-u $CPU_WALLET"
    assert (await farm.told(rigs[1]))[0].revision == 1
    older = await farm.assignments.apply(playbook.id, rigs[:1], revision=1)
    assert older.steps[0].action == "change"
    assert (await farm.told(rigs[0]))[0].revision == 1


async def test_what_uses_the_same_devices_is_replaced_and_said_before(farm: Any) -> None:
    cpu = await farm.playbooks.create(await farm.new_form("cpu"))
    gpu = await farm.playbooks.create(await _gpu_form(farm, "gpu"))
    other = await farm.playbooks.create(await _gpu_form(farm, "other gpu"))
    rigs = await farm.new_rigs("rig-01", "rig-02")
    running = farm.assignments
    await running.apply(cpu.id, rigs)
    await running.apply(gpu.id, rigs)
    assert [assigned.name for assigned in await farm.told(rigs[0])] == ["cpu", "gpu"], "CPU and GPU at once"
    plan = await running.plan(other.id, rigs)
    assert plan.replaced == {"gpu": 2}
    assert [assigned.name for assigned in await farm.told(rigs[0])] == ["cpu", "gpu"], "a plan changes nothing"
    await running.apply(other.id, rigs[:1])
    assert [assigned.name for assigned in await farm.told(rigs[0])] == ["cpu", "other gpu"]
    assert [assigned.name for assigned in await (await farm.restarted()).told(rigs[1])] == ["cpu", "gpu"]


async def test_playbooks_for_different_gpus_live_side_by_side(farm: Any) -> None:
    one = await farm.playbooks.create(await _gpu_form(farm, "one", devices=["0000:01:00.0"]))
    two = await farm.playbooks.create(await _gpu_form(farm, "two", devices=["0000:02:00.0"]))
    every = await farm.playbooks.create(await _gpu_form(farm, "every"))
    (rig_id,) = await farm.new_rigs("rig-01")
    await farm.assignments.apply(one.id, [rig_id])
    await farm.assignments.apply(two.id, [rig_id])
    assert len(await farm.told(rig_id)) == 2
    await farm.assignments.apply(every.id, [rig_id])
    assert [assigned.name for assigned in await farm.told(rig_id)] == ["every"]


async def test_rigs_that_cannot_run_it_are_left_as_they_are_and_why_is_said(farm: Any) -> None:
    form = await _gpu_form(farm, "gpu", devices=["0000:01:00.0"], variables={"COLOUR": ""})
    form = replace(form, template="-u $GPU_WALLET_1 --colour $COLOUR")
    playbook = await farm.playbooks.create(form)
    rigs = await farm.new_rigs("well", "without gpus", "other gpus", "no colour", "-minus")
    asic, _ = await farm.rigs.create("asic-01", "asic")
    for rig_id, gpus in zip(rigs, (["0000:01:00.0"], [], ["0000:09:00.0"], ["0000:01:00.0"], None), strict=True):
        if gpus is not None:
            farm.rigs.said.specs(rig_id, Specs("1", gpus=[GpuSpecs(gpu) for gpu in gpus]))
        if rig_id != rigs[3]:
            await farm.assignments.set_variables(rig_id, {"COLOUR": "red"})
    await farm.rigs.said.store()
    plan = await farm.assignments.apply(playbook.id, [*rigs, asic.id, 999, rigs[0]])
    assert [(step.rig_name, step.action, step.detail) for step in plan.steps] == [
        ("well", "start", ""),
        ("without gpus", "refused", "It has no GPU."),
        ("other gpus", "refused", "It has none of the GPUs that the playbook names."),
        ("no colour", "refused", "It has no value for $COLOUR: give it one on its page."),
        ("-minus", "start", ""),
        ("asic-01", "refused", "It is an ASIC: playbooks are for CPU/GPU rigs."),
    ]
    assert [rig_id for rig_id in rigs if await farm.told(rig_id)] == [rigs[0], rigs[4]]


async def test_what_is_not_pinned_reaches_no_rig(farm: Any) -> None:
    software = await farm.new_software("Unpinned", pin=False)
    playbook = await farm.playbooks.create(await farm.new_form(software_id=software.id))
    (rig_id,) = await farm.new_rigs("rig-01")
    plan = await farm.assignments.apply(playbook.id, [rig_id])
    assert (plan.steps[0].action, "not pinned" in plan.steps[0].detail) == ("refused", True)
    assert await farm.told(rig_id) == []


async def test_a_file_that_is_gone_is_said(farm: Any) -> None:
    playbook = await farm.playbooks.create(await farm.new_form())
    (rig_id,) = await farm.new_rigs("rig-01")
    farm.software.archives.path(playbook.content.software.archive.sha256).unlink()
    plan = await farm.assignments.apply(playbook.id, [rig_id])
    assert "no longer in the Commander" in plan.steps[0].detail


async def test_a_rigs_own_variable_beats_the_playbooks(farm: Any) -> None:
    form = await farm.new_form(variables={"THREADS": "4"}, template="-u $CPU_WALLET -t $THREADS")
    playbook = await farm.playbooks.create(form)
    one, other = await farm.new_rigs("rig-01", "rig-02")
    await farm.assignments.set_variables(one, {"$threads": " 16 "})
    await farm.assignments.apply(playbook.id, [one, other])
    assert (await farm.told(one))[0].variables["THREADS"] == "16"
    assert (await farm.told(other))[0].variables["THREADS"] == "4"
    farm.nudged.clear()
    await farm.assignments.set_variables(one, {"THREADS": "8"})
    assert farm.nudged == [one]
    assert (await (await farm.restarted()).told(one))[0].variables["THREADS"] == "8"


async def test_a_variable_that_a_running_playbook_needs_stays(farm: Any) -> None:
    form = await farm.new_form(variables={"THREADS": ""}, template="-u $CPU_WALLET -t $THREADS")
    playbook = await farm.playbooks.create(form)
    (rig_id,) = await farm.new_rigs("rig-01")
    await farm.assignments.set_variables(rig_id, {"THREADS": "4"})
    await farm.assignments.apply(playbook.id, [rig_id])
    with pytest.raises(Conflict, match=r"\$THREADS"):
        await farm.assignments.set_variables(rig_id, {})
    for bad in ({"CPU_WALLET": "mine"}, {"A-B": "1"}, {"X": "a\x07"}):
        with pytest.raises(Invalid):
            await farm.assignments.set_variables(rig_id, bad)


async def test_a_rig_whose_playbooks_are_all_stopped_is_not_in_trouble(farm: Any) -> None:
    playbook = await farm.playbooks.create(await farm.new_form())
    (rig_id,) = await farm.new_rigs("rig-01")
    await farm.assignments.apply(playbook.id, [rig_id])
    stats = farm.stats.add(rig_id, "cpu-gpu")
    assert stats.resting == ""
    await farm.assignments.stop(playbook.id, [rig_id])
    assert stats.resting == "stopped by an operator"
    stats.resting = ""
    await farm.assignments.load()
    assert stats.resting == "stopped by an operator", "also after a restart of the Commander"
    await farm.assignments.start(playbook.id, [rig_id])
    assert stats.resting == ""


async def test_a_worker_keeps_its_name_when_its_rig_is_told_to(farm: Any) -> None:
    playbook = await farm.playbooks.create(await farm.new_form())
    (rig_id,) = await farm.new_rigs("rig-01")
    assert not farm.assignments.restarts_when_renamed(rig_id)
    await farm.assignments.apply(playbook.id, [rig_id])
    assert farm.assignments.restarts_when_renamed(rig_id), "its page warns before the name is changed"
    await farm.assignments.set_variables(rig_id, {"WORKER_NAME": "old-worker"})
    assert not farm.assignments.restarts_when_renamed(rig_id)
    await farm.rigs.rename(rig_id, "rig-02")
    assert (await farm.told(rig_id))[0].variables["WORKER_NAME"] == "old-worker"
    await farm.assignments.set_variables(rig_id, {})
    assert (await farm.told(rig_id))[0].variables["WORKER_NAME"] == "rig-02"


async def test_a_renamed_rig_mines_under_its_new_name(farm: Any) -> None:
    playbook = await farm.playbooks.create(await farm.new_form())
    (rig_id,) = await farm.new_rigs("rig-01")
    await farm.assignments.apply(playbook.id, [rig_id])
    stamp = farm.assignments.assigned.stamps[rig_id]
    await farm.rigs.rename(rig_id, "rig 01")
    await farm.rigs.rename(rig_id, "rig-02")
    await until(lambda: farm.assignments.assigned.stamps[rig_id] > stamp)
    assert (await farm.told(rig_id))[0].variables["WORKER_NAME"] == "rig-02"


async def test_a_removed_rig_has_nothing_and_nobody_remembers_it(farm: Any) -> None:
    playbook = await farm.playbooks.create(await farm.new_form())
    (rig_id,) = await farm.new_rigs("rig-01")
    await farm.assignments.apply(playbook.id, [rig_id])
    farm.say(rig_id, playbook.id, "mining")
    await farm.rigs.remove(rig_id)
    assert farm.assignments.assigned.of_playbook(playbook.id) == []
    assert farm.assignments.statuses.of(rig_id) == {}
    assert (await farm.restarted()).assignments.assigned.by_rig == {}


async def test_the_stamp_rises_even_when_the_clock_goes_back(farm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    playbook = await farm.playbooks.create(await farm.new_form())
    (rig_id,) = await farm.new_rigs("rig-01")
    await farm.assignments.apply(playbook.id, [rig_id])
    before = farm.assignments.assigned.stamps[rig_id]
    monkeypatch.setattr("rigfarm.common.clock.time.time_ns", lambda: 0)
    await farm.assignments.stop(playbook.id, [rig_id])
    assert farm.assignments.assigned.stamps[rig_id] == before + 1


async def test_what_rigs_still_run_keeps_its_file(farm: Any) -> None:
    playbook = await farm.playbooks.create(await farm.new_form())
    (rig_id,) = await farm.new_rigs("rig-01")
    await farm.assignments.apply(playbook.id, [rig_id])
    sha256 = playbook.content.software.archive.sha256
    await farm.software.remove(playbook.content.software.id, even_if_used=True)
    assert farm.software.archives.has(sha256)
    await farm.playbooks.remove(playbook.id, even_if_used=True)
    await farm.software.sweep()
    assert not farm.software.archives.has(sha256)
