"""A playbook from its order to its removal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from rigfarm.sentry.playbooks import RunnerError
from rigfarm.sentry.processes.access import Policy
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.playbooks import Archive, Supervision
from support.program.depot import Depot
from support.program.rig import IMPATIENT, Rig, ask_program, assigned_for

MakeRig = Callable[..., Rig]


async def test_it_works(rig: MakeRig, archive: Archive, depot: Depot) -> None:
    async with rig() as one:
        await one.runner.apply(4, [assigned_for(archive)])
        status = await one.until("mining")
        (source,) = one.runner.sources()
        reading = await ask_program(source)
    assert one.states()[:6] == ["queued", "downloading", "verifying", "unpacking", "starting", "mining"]
    assert status.pid is not None
    assert (status.id, status.revision, status.restarts) == (1, 1, 0)
    assert status.title == assigned_for(archive).name, "people know it by its name"
    assert source == WorkloadSource(
        "xmrig", source.port, "127.0.0.1", ["XMR"], "fakeminer", "1.0", "WALLET", "rig-07", 1
    )
    assert reading is not None
    assert reading.workloads[0].hashrate == 12_000.0
    assert [request.headers["Authorization"] for request in depot.requests] == [f"Bearer {depot.token}"]
    assert one.processes() == []


@pytest.mark.parametrize(
    ("format", "top"), [("tar.gz", None), ("tar.xz", "fake/bin"), ("tar.bz2", None), ("zip", "a"), ("executable", None)]
)
async def test_every_shape_of_archive_is_mined_with(
    rig: MakeRig, serving: Callable[..., Archive], format: str, top: str | None
) -> None:
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(serving(format, top=top))])
        await one.until("mining")


async def test_progress_is_told_while_it_downloads(rig: MakeRig, archive: Archive, depot: Depot) -> None:
    depot.bytes_per_s = archive.size * 4
    depot.put(os.urandom(200_000), "/big")
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive)])
        await one.until("mining")
    told = [s.progress for statuses in one.history for s in statuses if s.state == "downloading"]
    assert told[0] == 0.0
    assert told[-1] == 1.0
    assert told == sorted(told, key=lambda progress: progress or 0)


async def test_a_restarted_sentry_mines_without_its_commander(rig: MakeRig, archive: Archive, depot: Depot) -> None:
    async with rig() as one:
        await one.runner.apply(7, [assigned_for(archive), assigned_for(archive, 2, wanted="stopped")])
        await one.until("mining")
    depot.status = 503
    depot.requests.clear()
    async with rig() as one:
        assert one.runner.revision == 7
        await one.until("mining")
        await one.until("stopped", 2)
        assert depot.requests == []


async def test_two_playbooks_run_side_by_side_on_two_ports(rig: MakeRig, archive: Archive, depot: Depot) -> None:
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive), assigned_for(archive, 2)])
        await one.until("mining", 1)
        await one.until("mining", 2)
        first, second = one.runner.sources()
        assert first.port != second.port
        assert len(depot.requests) == 1, "one download serves both"
        await one.runner.apply(2, [assigned_for(archive, 2)])
        assert [status.id for status in one.runner.statuses()] == [2]
        assert [source.playbook for source in one.runner.sources()] == [2]


async def test_a_program_that_ends_is_started_again(rig: MakeRig, archive: Archive) -> None:
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive)])
        first = await one.until("mining")
        assert first.pid is not None
        os.kill(first.pid, signal.SIGSEGV)
        backing_off = await one.until("backing-off")
        again = await one.when(lambda status: status.state == "mining" and status.pid not in (None, first.pid))
    assert "killed by SIGSEGV" in backing_off.detail
    assert "restart 1 of at most 12 within an hour, in 2 s" in backing_off.detail
    assert "its last words:  * ABOUT        XMRig/6.22.2 fake" in backing_off.detail
    assert again.restarts == 1


async def test_operators_restart_it(rig: MakeRig, archive: Archive) -> None:
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive), assigned_for(archive, 2, wanted="stopped")])
        first = await one.until("mining")
        assert await one.runner.restart(99) == 0
        assert await one.runner.restart(None) == 1
        again = await one.when(lambda status: status.state == "mining" and status.pid not in (None, first.pid))
    assert again.restarts == 0, "only its own restarts count"


async def test_removal_leaves_nothing_and_may_be_repeated(rig: MakeRig, archive: Archive, tmp_path: Path) -> None:
    async with rig() as one:
        await one.runner.apply(3, [assigned_for(archive), assigned_for(archive, 2, wanted="stopped")])
        await one.until("mining")
        await one.runner.remove_all()
        assert (one.runner.statuses(), one.runner.sources(), one.processes()) == ([], [], [])
        assert one.history[-1] == [], "told before the removal returns"
        await one.runner.remove_all()
        left = sorted(path.name for path in (tmp_path / "sentry").rglob("*"))
        assert left == ["ledger.json", "playbooks"], "the budgets are the rig's, nothing else is left"
        await one.runner.apply(1, [assigned_for(archive)])
        await one.until("mining")


async def test_a_removal_that_was_interrupted_is_completed_at_the_next_start(
    rig: MakeRig, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig() as one:
        await one.runner.apply(3, [assigned_for(archive)])
        await one.until("mining")
        with monkeypatch.context() as patch:
            patch.setattr("rigfarm.sentry.playbooks.software.remove_tree", _fail)
            await one.runner.remove_all()
    assert (tmp_path / "sentry/playbooks/software").exists()
    async with rig() as one:
        assert one.runner.statuses() == []
    assert not (tmp_path / "sentry/playbooks/software").exists()


def _fail(_: Path) -> None:
    raise OSError("the disk is busy")


async def test_two_sentries_on_one_folder_do_not_both_mine(rig: MakeRig, archive: Archive) -> None:
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive)])
        await one.until("mining")
        other = rig(settings=msgspec.structs.replace(IMPATIENT, lock_s=0.1))
        with pytest.raises(RunnerError, match="another Sentry runs the playbooks"):
            await other.runner.start()
        await one.until("mining")


@pytest.mark.parametrize("adapter", ["trex", "teamredminer"])
async def test_programs_with_other_stats_apis_are_read_too(rig: MakeRig, depot: Depot, adapter: str) -> None:
    content = pack("tar.gz", python=sys.executable)  # the one that has the other programs' fakes
    archive = archive_for(content, "tar.gz")
    depot.put(content, archive.path)
    order = assigned_for(archive, adapter=adapter, api_arguments=f"--api {adapter} --api-port $API_PORT")
    async with rig(settings=msgspec.structs.replace(IMPATIENT, policy=Policy(user="root"))) as one:
        await one.runner.apply(1, [order])
        await one.until("mining")
        (source,) = one.runner.sources()
        reading = await ask_program(source)
    assert reading is not None
    assert (reading.workloads[0].hashrate or 0) > 0


async def test_a_program_nobody_can_read_is_taken_to_mine(
    rig: MakeRig, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rigfarm.sentry.playbooks.watch._UNREAD_S", 0.3)
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive, adapter="unheard-of")])
        status = await one.until("mining")
    assert status.detail == "no adapter named 'unheard-of': its hashrate cannot be watched"


async def test_a_low_hashrate_is_worth_three_restarts_and_then_a_word(rig: MakeRig, archive: Archive) -> None:
    supervision = Supervision(stall_s=0.4, backoff_first_s=0.05, backoff_max_s=0.05)
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive, supervision=supervision)])
        await one.until("mining")
        assert one.runner._rig is not None
        one.runner._rig.ledger.of(1).normal = [[1e6] * 40]
        status = await one.when(lambda status: "restarts have not helped" in status.detail)
        assert status.restarts >= 3, "on a busy machine its API may have been slow once more"
        assert status.state == "mining"
        assert status.detail.startswith("it has made less than 50% of its own normal hashrate, and 3 restarts")
        pid = status.pid
        await asyncio.sleep(1)
        assert (await one.until("mining")).pid == pid, "better low than not at all"
        await one.runner.restart(1)
        healthy = await one.when(lambda status: status.pid not in (None, pid) and status.state == "mining")
        assert healthy.detail == "", "what is normal is learned anew"
