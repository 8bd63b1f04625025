"""Row 17, the Commander's side: a full disk ends nothing, harms no file, and is survived.

A real Commander whose data folder is a small file system takes logs while that has less and less room: each time the
disk is full at another write. Nothing is acknowledged meanwhile, `/readyz` says why, and once there is room again it
goes on by itself. The control ends when its disk is full, as some do. (The rig's side: test_archive_disk_full.py.)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from promise import record, scaled
from sender import Sender, stored

from rigfarm.simulate.commander import CommanderProcess
from support.until import until

ENDS_WHEN_FULL = """
import os, pathlib, sqlite3
from rigfarm.commander.logs.journal import Journal
commit = Journal._commit
def fragile(self, *args):
    try:
        return commit(self, *args)
    except sqlite3.Error:
        if pathlib.Path({flag!r}).exists():
            os._exit(70)
        raise
Journal._commit = fragile
"""
"""While the file is there."""
DISK_MIB = 24
PAGE = 4096


class SmallDisk:
    """A file system of its own that can be filled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, leave: int) -> None:
        """Only so many bytes are left."""
        with self._filler.open("ab") as file, contextlib.suppress(OSError):
            while (free := self._free() - leave) > 0:
                file.write(bytes(min(free, 1 << 20)))
                file.flush()

    def _free(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def make_room(self) -> None:
        """As if somebody had cleaned up."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk takes root")
    yield SmallDisk(path)
    subprocess.run(["umount", "-l", str(path)], check=True)


def readiness(commander: CommanderProcess) -> str:
    """What a load balancer hears; empty when nobody answers."""
    try:
        with urllib.request.urlopen(f"{commander.url}/readyz", timeout=10) as answer:
            text = answer.read()
    except urllib.error.HTTPError as refusal:
        text = refusal.read()
    except OSError:
        return ""
    return str(json.loads(text)["status"])


async def hears(commander: CommanderProcess, word: str) -> bool:
    """Wait until it says so, or is gone: False."""
    async with asyncio.timeout(60):
        while word not in (said := await asyncio.to_thread(readiness, commander)):
            if not said:
                return False
            await asyncio.sleep(0.05)
    return True


async def keep_sending(sender: Sender, chance: random.Random) -> None:
    """Logs that compress badly, so that the disk fills."""
    while True:
        if not sender.linked:
            await sender.connect()
        sender.forget_acked()
        sender.send(20, padding=chance.randbytes(300).hex())
        await asyncio.sleep(0.05)


async def refused(commander: CommanderProcess, name: str) -> int:
    """What an operator who adds a rig is told: the HTTP status."""
    try:
        await asyncio.to_thread(commander.api, "POST", "/api/rigs", {"name": name, "kind": "cpu-gpu"})
    except urllib.error.HTTPError as refusal:
        return refusal.code
    return 201


@pytest.mark.timeout(900)
async def test_a_full_disk_is_survived(disk: SmallDisk, tmp_path: Path) -> None:
    rounds, chance, flag = scaled(3, 60), random.Random(17), tmp_path / "ends-when-full"
    bad, took, refusals = 0, [], []
    folder = disk.path / "commander"
    with CommanderProcess(folder, mutation=ENDS_WHEN_FULL.format(flag=str(flag))) as commander:
        (rig,) = await asyncio.to_thread(commander.add_rigs, ["rig"])
        sender = Sender(commander.url, rig, chance)
        sending = asyncio.create_task(keep_sending(sender, chance))
        await until(lambda: sender.acked)
        for round_ in range(rounds):
            disk.fill(leave=round_ * PAGE)
            alive = await hears(commander, "cannot be written")
            acked = len(sender.acked)
            refusals.append(await refused(commander, f"new-{round_}"))
            if round_ % 5 == 2:
                await asyncio.to_thread(commander.kill)
            disk.make_room()
            began = time.monotonic()
            if round_ % 5 == 2:
                await asyncio.to_thread(commander.start)
            alive = alive and await hears(commander, "ready")
            await until(lambda acked=acked: len(sender.acked) > acked, "it acknowledges again")  # type: ignore[misc]
            took.append(time.monotonic() - began)
            bad += not alive
        assert await refused(commander, "afterwards") == 201
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await sender.settled()
        sent = sender.numbered
        flag.touch()
        sending = asyncio.create_task(keep_sending(sender, chance))
        disk.fill(leave=0)
        control = not await hears(commander, "cannot be written")
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        disk.make_room()
        commander.kill()
    found = stored(folder)[rig[0]]
    lost = sum(number not in found for number in sender.acked)
    wrong = sum(found[number] != 1 for number in range(1, sent + 1))
    with contextlib.closing(sqlite3.connect(folder / "rigfarm.db")) as db:
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    record(
        17,
        f"a full disk ends no Commander, which says so, loses and doubles none of {sent} logs, and acknowledges again "
        f"{max(took):.1f} s after there is room, at the latest",
        n=rounds,
        bad=bad + lost + wrong,
        unit="full disks",
        control="a Commander that ends when its disk is full",
        control_bad="ended" if control else "did not end",
    )
    assert (bad, lost, wrong) == (0, 0, 0)
    assert set(refusals) <= {201, 503}, "an operator is told that it cannot be done now"
    assert control, "the control survived: this test shows nothing"
