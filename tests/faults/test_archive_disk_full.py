"""Row 17, the rig's side: a full disk stops no mining, harms no file, and is survived.

The disk is full from the k-th write on (opening, writing, syncing, renaming, making a folder), for every k of an
installation, and has room again a moment later; a playbook that mined before must not notice. And once on a real disk
that is too small. The control is a Sentry that ends when its disk is full, as some agents do.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from promise import FULL, record

from rigfarm.sentry.playbooks.assigned import Assigned, AssignedFile
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.playbooks import Archive
from support.program.depot import Depot
from support.program.rig import Rig, assigned_for

RECOVERED_WITHIN_S = 10.0 if FULL else 60.0


class Disk:
    """Counts what is written through `os`, and from some write on says that there is no space."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.writes = 0
        self.full_from: int | None = None
        self.refused = 0
        self._lock = threading.Lock()
        for name in ("write", "mkdir", "replace", "rename", "fsync", "open"):
            patch.setattr(os, name, self._counted(name, getattr(os, name)))

    def fill(self, after: int | None) -> None:
        with self._lock:
            self.writes, self.refused, self.full_from = 0, 0, after

    def _counted(self, name: str, original: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **options: object) -> object:
            if name != "open" or int(str(args[1])) & os.O_CREAT:
                with self._lock:
                    self.writes += 1
                    if self.full_from is not None and self.writes > self.full_from:
                        self.refused += 1
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*args, **options)

        return counted


class Depots:
    """A new archive each time, so that each is really installed."""

    def __init__(self, depot: Depot) -> None:
        self._depot = depot
        self._count = 0

    def next(self) -> Archive:
        self._count += 1
        content = pack("tar.gz", top="top", salt=str(self._count))
        archive = archive_for(content, "tar.gz", version=str(self._count))
        self._depot.put(content, archive.path)
        return archive


async def install_on_full_disk(rig: Rig, disk: Disk, old: Archive, new: Archive, after: int) -> float:
    """How long it took to mine once there was room again, s. Raises TimeoutError when it did not."""
    disk.fill(after)
    await rig.runner.apply(after + 2, [assigned_for(old), assigned_for(new, 2)])
    while not disk.refused:
        await asyncio.sleep(0.01)
        status = rig.status(2)
        if status is not None and status.state == "mining" and rig.runner._kept:
            break
    await asyncio.sleep(0.1)
    disk.fill(None)
    began = time.monotonic()
    await rig.when(lambda status: status.state == "mining" and status.pid is not None, 2, within_s=RECOVERED_WITHIN_S)
    assert not any("mistake" in status.detail for statuses in rig.history for status in statuses)
    return time.monotonic() - began


@pytest.fixture
def depots() -> Iterator[tuple[Depot, Depots]]:
    with Depot() as depot:
        yield depot, Depots(depot)


@pytest.mark.timeout(1200)
async def test_every_write_may_fail(
    tmp_path: Path, depots: tuple[Depot, Depots], monkeypatch: pytest.MonkeyPatch
) -> None:
    depot, archives = depots
    disk = Disk(monkeypatch)
    old = archives.next()
    bad: list[str] = []
    async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
        await rig.runner.apply(1, [assigned_for(old)])
        first = await rig.until("mining")
        disk.fill(None)
        await rig.runner.apply(2, [assigned_for(old), assigned_for(archives.next(), 2)])
        await rig.until("mining", 2)
        count = disk.writes
        assert count > 15
        tried = range(count) if FULL else range(0, count, max(1, count // 6))
        for after in tried:
            try:
                await install_on_full_disk(rig, disk, old, archives.next(), after)
            except (TimeoutError, AssertionError) as error:
                bad.append(f"write {after}: {error}")
            status = rig.status(1)
            if status is None or status.pid != first.pid:
                bad.append(f"write {after}: what mined before was stopped: {status}")
                break
        last = archives.next()
        await rig.runner.apply(9_000, [assigned_for(old), assigned_for(last, 2)])
        await rig.until("mining", 2)
        while not rig.runner._kept:
            await asyncio.sleep(0.01)
    async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
        assert rig.runner.revision == 9_000
        await rig.until("mining", 1)
        await rig.until("mining", 2)
    control = await control_is_caught(tmp_path / "control", depot, archives, disk, monkeypatch)
    assert control, "the control must be caught, else the test sees nothing"
    record(
        17,
        "a disk that is full from any write on stops no mining on the rig and is survived "
        f"within {RECOVERED_WITHIN_S:.0f} s",
        n=len(tried),
        bad=len(bad),
        control="the Sentry ends when its disk is full",
        control_bad="what mined before was stopped",
        unit="writes refused",
    )
    assert bad == []


async def control_is_caught(
    folder: Path, depot: Depot, archives: Depots, disk: Disk, patch: pytest.MonkeyPatch
) -> bool:
    """Whether the check above sees a Sentry that ends on a full disk."""
    old = archives.next()
    loop = asyncio.get_running_loop()
    async with Rig(folder / "sentry", depot.url, depot.token) as rig:
        await rig.runner.apply(1, [assigned_for(old)])
        first = await rig.until("mining")
        keep = AssignedFile.keep

        def exits(self: AssignedFile, orders: Assigned) -> None:
            try:
                keep(self, orders)
            except OSError:
                asyncio.run_coroutine_threadsafe(rig.runner.close(), loop)
                raise

        with patch.context() as mutated:
            mutated.setattr(AssignedFile, "keep", exits)
            with contextlib.suppress(TimeoutError):
                disk.fill(0)
                await rig.runner.apply(2, [assigned_for(old), assigned_for(archives.next(), 2)])
                await rig.when(lambda status: status.pid is None, within_s=5)
        disk.fill(None)
        status = rig.status(1)
        return status is None or status.pid != first.pid


async def test_a_rig_that_boots_on_a_full_disk_mines(
    tmp_path: Path, depots: tuple[Depot, Depots], monkeypatch: pytest.MonkeyPatch
) -> None:
    depot, archives = depots
    async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
        await rig.runner.apply(1, [assigned_for(archives.next())])
        await rig.until("mining")
    disk = Disk(monkeypatch)
    disk.fill(0)
    async with Rig(tmp_path / "sentry", depot.url, depot.token) as rig:
        await rig.until("mining")
        assert disk.refused


async def test_a_disk_that_is_too_small(tmp_path: Path, depots: tuple[Depot, Depots]) -> None:
    depot, _ = depots
    small = tmp_path / "small"
    small.mkdir()
    content = pack("tar.gz", salt=os.urandom(300_000).hex())
    archive = archive_for(content, "tar.gz")
    depot.put(content, archive.path)
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk takes root")
    try:
        async with Rig(small / "sentry", depot.url, depot.token) as rig:
            await rig.runner.apply(1, [assigned_for(archive)])
            status = await rig.until("backing-off")
            assert status.detail.startswith("the rig's disk cannot store it: No space left on device")
            subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
            await rig.until("mining", within_s=RECOVERED_WITHIN_S)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
