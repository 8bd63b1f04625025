"""Row 6, the other way round: the Sentry lives, and the small processes between it and the program are killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.playbooks import AssignedPlaybook, Supervision
from support.program.depot import Depot
from support.program.processes import alive, all_gone, said
from support.program.rig import IMPATIENT, Rig, assigned_for

HOSTILE = "--behave fork,setsid,double-fork,ignore-term{more} --pids {folder}/pids --instance {folder}/instance"
QUICK = Supervision(backoff_first_s=0.1, backoff_max_s=0.2)


@pytest.fixture
def depot() -> Iterator[Depot]:
    with Depot() as one:
        yield one


def hostile(depot: Depot, folder: Path, more: str = "") -> AssignedPlaybook:
    content = pack("tar.gz")
    archive = archive_for(content, "tar.gz")
    depot.put(content, archive.path)
    return assigned_for(archive, template=HOSTILE.format(folder=folder, more=more), supervision=QUICK)


@pytest.mark.parametrize(
    ("victims", "cgroups"), [("guard", False), ("worker", False), ("both", False), ("both", True), ("worker", True)]
)
async def test_a_killed_supervisor_takes_its_program_along_and_mining_resumes(
    tmp_path: Path, depot: Depot, victims: str, cgroups: bool
) -> None:
    settings = msgspec.structs.replace(IMPATIENT, cgroups=cgroups, term_grace_s=0.2)
    # Who kills both at one stroke and hides from the mark as well is found only where there are cgroups.
    more = ",clean-env" if victims != "both" else ""
    async with Rig(tmp_path / "sentry", depot.url, depot.token, settings=settings) as rig:
        await rig.runner.apply(1, [hostile(depot, tmp_path, more)])
        first = await rig.until("mining")
        program = psutil.Process(first.pid)
        worker = program.parent()
        assert worker is not None
        guard = worker.parent()
        assert guard is not None
        assert guard.ppid() == os.getpid()
        while len(doomed := said(tmp_path / "pids")) < 10:
            await asyncio.sleep(0.02)
        for process in {"guard": [guard], "worker": [worker], "both": [guard, worker]}[victims]:
            process.send_signal(signal.SIGSTOP)
        for process in {"guard": [guard], "worker": [worker], "both": [guard, worker]}[victims]:
            process.kill()
        assert await all_gone(doomed, 60.0) == set()
        again = await rig.when(lambda status: status.state == "mining" and status.pid not in (None, first.pid))
        assert again.restarts == 1
        assert not (tmp_path / "instance.double").exists(), "never two instances"
    assert alive(said(tmp_path / "pids")) == set()


async def test_a_program_that_forks_for_ever_is_ended(tmp_path: Path, depot: Depot) -> None:
    settings = msgspec.structs.replace(IMPATIENT, cgroups=False, term_grace_s=0.2)
    async with Rig(tmp_path / "sentry", depot.url, depot.token, settings=settings) as rig:
        await rig.runner.apply(1, [hostile(depot, tmp_path, ",bomb")])
        await rig.until("mining")
        assert len(rig.processes()) > 7
    assert rig.processes() == []
