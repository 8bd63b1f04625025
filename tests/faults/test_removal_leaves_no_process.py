"""Row 7: the removal of a rig stops the most hostile of mining programs and leaves no process of it.

The program ignores SIGTERM; it has three children, three in sessions of their own, three that forked twice; some lose
their environment too. Without cgroups, which would make it easy. The control is `killpg`, as most agents have it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from pathlib import Path

import msgspec
import pytest
from promise import FULL, record, scaled

from rigfarm.sentry.processes import shim
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.playbooks import Archive
from support.program.depot import Depot
from support.program.processes import alive, all_gone, said
from support.program.rig import IMPATIENT, Rig, assigned_for

SETTINGS = msgspec.structs.replace(IMPATIENT, cgroups=False, term_grace_s=0.3)
HOSTILE = "--behave ignore-term,fork,setsid,double-fork{more} --pids {pids}"
PROCESSES = 10
"""The program and nine that it leaves."""

KILLPG = '''
def sweep(cgroup, reaped):
    """The mutation: the process group, and whoever else is left stays."""
    for pid in below(os.getpid()):
        with open(f"/proc/{pid}/stat") as file:
            if int(file.read().rpartition(")")[2].split()[1]) == os.getpid():
                os.killpg(pid, signal.SIGKILL)
    time.sleep(0.1)
    reap(reaped)
    return []


if __name__ == "__main__":
'''


async def removals(folder: Path, depot: Depot, archive: Archive, count: int) -> tuple[list[int], list[float]]:
    """Survivors of each removal, and how long each took, s."""
    survivors, took = [], []
    async with Rig(folder / "sentry", depot.url, depot.token, settings=SETTINGS) as rig:
        for number in range(count):
            pids = folder / f"pids-{number}"
            more = ",clean-env" if number % 2 else ""
            template = HOSTILE.format(more=more, pids=pids)
            await rig.runner.apply(1, [assigned_for(archive, template=template)])
            await rig.until("mining")
            while len(processes := alive(said(pids))) < PROCESSES:
                await asyncio.sleep(0.02)
            began = time.monotonic()
            await rig.runner.remove_all()
            took.append(time.monotonic() - began)
            survivors.append(len(await all_gone(processes, 0.5)))
            for pid in alive(processes):
                os.kill(pid, signal.SIGKILL)
    return survivors, took


@pytest.mark.timeout(3600)
async def test_no_removal_leaves_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = pack("tar.gz")
    archive = archive_for(content, "tar.gz")
    with Depot() as depot:
        depot.put(content, archive.path)
        survivors, took = await removals(tmp_path, depot, archive, scaled(3, 500))
        marker = 'if __name__ == "__main__":\n'
        text = Path(shim.__file__).read_text()
        assert text.count(marker) == 1
        (tmp_path / "control").mkdir()
        (tmp_path / "shim.py").write_text(text.replace(marker, KILLPG.lstrip()))
        with monkeypatch.context() as patch:
            patch.setattr(shim, "__file__", str(tmp_path / "shim.py"))
            patch.setattr("rigfarm.sentry.processes.process.end_marked", lambda *_: [])
            patch.setattr("rigfarm.sentry.playbooks.runner.end_marked", lambda *_: [])
            control, _ = await removals(tmp_path / "control", depot, archive, 1)
    assert control[0] >= 6, "the control must be caught, else the test sees nothing"
    record(
        7,
        f"removal of a rig leaves no process, within {max(took):.2f} s (median {statistics.median(took):.2f} s, "
        f"of which {SETTINGS.term_grace_s} s are the grace to end by itself)",
        n=len(survivors),
        bad=sum(left > 0 for left in survivors),
        control="killpg only",
        control_bad=f"{control[0]} of {PROCESSES} processes left",
        unit="removals",
    )
    assert survivors == [0] * len(survivors)
    ordered = sorted(took)
    assert ordered[int(0.99 * (len(ordered) - 1))] < SETTINGS.term_grace_s + (1 if FULL else 30)
    assert list((tmp_path / "sentry/playbooks").iterdir()) == [tmp_path / "sentry/playbooks/ledger.json"]


async def test_a_removal_in_any_state_is_complete(tmp_path: Path) -> None:
    content = pack("tar.gz", salt=os.urandom(100_000).hex())
    archive = archive_for(content, "tar.gz")
    with Depot() as depot:
        depot.put(content, archive.path)
        async with Rig(tmp_path / "sentry", depot.url, depot.token, settings=SETTINGS) as rig:
            for state in ("queued", "downloading", "verifying", "unpacking", "starting", "mining"):
                depot.bytes_per_s = 2_000_000 if state == "downloading" else None
                await rig.runner.apply(1, [assigned_for(archive)])
                await rig.when(lambda status, state=state: status.state in (state, "mining"))  # type: ignore[misc]
                await asyncio.gather(rig.runner.remove_all(), rig.runner.remove_all())
                assert rig.processes() == []
                left = sorted(path.name for path in (tmp_path / "sentry/playbooks").iterdir())
                assert left == ["ledger.json"], state
