"""The mining programs on this rig: pinned archives, and versions unpacked side by side.

archives/SHA256            a checked archive; SHA256.part while it comes
versions/NAME-VERSION-…/   manifest.json, files/
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from rigfarm.common.archives import AbortedError, Limits, UnpackError, unpack
from rigfarm.common.fsync import fsync_folder
from rigfarm.sentry.playbooks.fetch import Pace, Tls, authorities, fetch
from rigfarm.sentry.playbooks.manifest import FILES, MANIFEST, is_intact, read_manifest, write_manifest
from rigfarm.sentry.playbooks.sane import archive_problem
from rigfarm.sentry.playbooks.threads import abortable
from rigfarm.sentry.processes.disk import make_folder, remove_tree
from rigfarm.wire.playbooks import Archive, PlaybookState

__all__ = ["RefusedError", "Report", "Software"]


RESERVE_BYTES = 256 << 20
"""Of the disk, or a twentieth of a smaller one, is never taken by a download: the spool, the system's log and the rig
itself need it."""


class RefusedError(Exception):
    """This archive will never be installed as it is pinned now. The text is for the operator."""


class Report(Protocol):
    """Told what an installation is doing."""

    def __call__(self, state: PlaybookState, detail: str = "", progress: float | None = None) -> None: ...


class Software:
    """Installs, keeps and prunes. One installation of an archive at a time; others may go on beside it."""

    def __init__(self, folder: Path, *, limits: Limits | None = None, pace: Pace | None = None) -> None:
        self.folder = folder
        self._limits = limits or Limits()
        self._pace = pace or Pace()
        self.tls: Tls = authorities
        """How the Commander is recognised."""
        self._locks: dict[str, asyncio.Lock] = {}

    async def installed(self, archive: Archive) -> Path | None:
        """The executable, if it is here and what was unpacked."""
        if archive_problem(archive):
            return None
        return await abortable(lambda _: self._intact(archive))

    async def install(self, archive: Archive, commander: tuple[str, str], report: Report) -> Path:
        """The executable, which is fetched and unpacked if need be. `commander` is its URL and the rig's token.

        Raises RefusedError for good; FetchError and OSError for this time.
        """
        if problem := archive_problem(archive):
            raise RefusedError(problem)
        lock = self._locks.setdefault(archive.sha256, asyncio.Lock())
        if lock.locked():
            report("queued", "waits for another playbook's download of the same file")
        async with lock:
            found = await self.installed(archive)
            if found is not None:
                return found
            await abortable(lambda _: self._prepare())
            stored = self._archive_path(archive)
            if not stored.exists():
                await self._fetch(archive, commander, stored, report)
            report("verifying")
            return await self._unpack(archive, stored, report)

    async def _fetch(self, archive: Archive, commander: tuple[str, str], stored: Path, report: Report) -> None:
        part = stored.with_name(f"{stored.name}.part")
        await abortable(lambda _: check_room(part, archive.size))
        told = -1

        def progress(received: int) -> None:
            nonlocal told
            if (percent := 100 * received // archive.size) != told:
                told = percent
                report("downloading", progress=received / archive.size)

        await fetch(*commander, archive, part, progress, self._pace, self.tls)
        await abortable(lambda _: _move(part, stored))

    async def _unpack(self, archive: Archive, stored: Path, report: Report) -> Path:
        loop = asyncio.get_running_loop()
        try:
            return await abortable(
                lambda aborted: self._install(
                    archive, stored, aborted, lambda: loop.call_soon_threadsafe(report, "unpacking")
                )
            )
        except UnpackError as error:
            raise RefusedError(f"{error}. Nothing of it was kept; pin another file") from None

    def _install(
        self, archive: Archive, stored: Path, aborted: Callable[[], bool], unpacking: Callable[[], object]
    ) -> Path:
        """In a thread: from the checked archive to a version in its place, with one rename at the end."""
        final = self._version_path(archive)
        new = final.with_name(f".new-{secrets.token_hex(8)}")
        new.mkdir(0o755)
        try:
            with open(stored, "rb") as file:
                check_pinned(file, archive, stored)
                unpacking()
                path = unpack(
                    file, archive.format, archive.executable, new / FILES, limits=self._limits, aborted=aborted
                )
            write_manifest(new, archive, path)
            if aborted():
                raise AbortedError
            _replace_folder(new, final)
        finally:
            remove_tree(new)
        return final / FILES / path

    async def use(self, archive: Archive) -> None:
        """It is started now: it will be among the last to be pruned."""
        manifest = self._version_path(archive) / MANIFEST
        await abortable(lambda _: os.utime(manifest))

    async def prune(self, wanted: Iterable[Archive]) -> None:
        """Remove what no playbook wants, but for the version of each program that was used last. Raises OSError."""
        kept = list(wanted)
        hashes = {archive.sha256 for archive in kept}
        self._locks = {name: lock for name, lock in self._locks.items() if name in hashes or lock.locked()}
        await abortable(lambda _: self._prune(kept))

    async def tidy(self) -> None:
        """After a start, before anything is installed: remove what a killed Sentry left half done."""
        await abortable(lambda _: self._tidy())

    async def remove_all(self) -> None:
        """Every program and every archive. Raises OSError."""
        await abortable(lambda _: remove_tree(self.folder))

    def _prepare(self) -> None:
        make_folder(self.folder, 0o755)
        make_folder(self.folder / "archives")
        make_folder(self.folder / "versions", 0o755)

    def _intact(self, archive: Archive) -> Path | None:
        folder = self._version_path(archive)
        manifest = read_manifest(folder)
        if manifest is None or manifest.archive.sha256 != archive.sha256 or not is_intact(folder, manifest):
            return None
        return folder / FILES / manifest.path

    def _tidy(self) -> None:
        for path in (self.folder / "versions").glob(".*"):
            if _is_unfinished(path):
                remove_tree(path)

    def _prune(self, wanted: list[Archive]) -> None:
        if not (self.folder / "versions").exists():
            return
        folders = {self._version_path(archive).name for archive in wanted}
        archives = {archive.sha256 for archive in wanted}
        spared: set[str] = set()
        versions = [path for path in (self.folder / "versions").iterdir() if not _is_unfinished(path)]
        for folder in sorted(versions, key=_last_used, reverse=True):
            manifest = read_manifest(folder)
            if folder.name in folders:
                continue
            if manifest is not None and manifest.archive.software not in spared:
                spared.add(manifest.archive.software)
                archives.add(manifest.archive.sha256)
            else:
                remove_tree(folder)
        for file in (self.folder / "archives").iterdir():
            if file.name.removesuffix(".part") not in archives:
                file.unlink()

    def _archive_path(self, archive: Archive) -> Path:
        return self.folder / "archives" / archive.sha256

    def _version_path(self, archive: Archive) -> Path:
        """Readable for people; the hash of all that decides what is unpacked makes it unique."""
        names = "-".join(_slug(name) for name in (archive.software, archive.version))
        identity = f"{archive.sha256}\0{archive.format}\0{archive.executable}"
        return self.folder / "versions" / f"{names}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def check_pinned(file: io.BufferedReader, archive: Archive, path: Path) -> None:
    """Raises OSError, and removes the file, unless what is open here is the pinned archive. Leaves it at its start."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size != archive.size or hashlib.file_digest(file, "sha256").hexdigest() != archive.sha256:
        path.unlink(missing_ok=True)
        raise OSError("the archive on this rig's disk was damaged; it is fetched again")
    file.seek(0)


def check_room(part: Path, size: int) -> None:
    """Raises OSError unless the disk has room for the rest of the download and the rig's own needs beside it."""
    disk = shutil.disk_usage(part.parent)
    here = part.stat().st_size if part.exists() else 0
    reserve = min(RESERVE_BYTES, disk.total // 20)
    if disk.free + here - size < reserve:
        free, kept = f"{disk.free >> 20:,} MiB", f"{reserve >> 20:,} MiB"
        words = f"No space left on device: {free} are free, of which {kept} stay free for the rig's own needs"
        raise OSError(errno.ENOSPC, words)


def _move(source: Path, target: Path) -> None:
    source.replace(target)
    fsync_folder(target.parent)


def _replace_folder(new: Path, final: Path) -> None:
    """Put a folder in its place; a damaged one that was there goes."""
    if final.exists():
        old = final.with_name(f".old-{secrets.token_hex(8)}")
        final.rename(old)
        new.rename(final)
        remove_tree(old)
    else:
        new.rename(final)
    fsync_folder(final.parent)


def _is_unfinished(folder: Path) -> bool:
    return folder.name.startswith((".new-", ".old-"))


def _last_used(folder: Path) -> float:
    try:
        return (folder / MANIFEST).stat().st_mtime
    except OSError:
        return 0.0


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "_", name)[:40].strip(".") or "_"
