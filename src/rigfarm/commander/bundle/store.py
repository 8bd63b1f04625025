"""The Sentries in the Commander's folder. To add one is to put the file there: it is offered within seconds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from rigfarm.commander.bundle.model import Bundle, BundleError, FileId, file_id, read_bundle
from rigfarm.commander.server.downloads import Downloads
from rigfarm.commander.supervised import Part

__all__ = ["SHIPPED", "Bundles"]

LOOK_EVERY_S = 2.0
MAX_BUNDLES = 8
"""Machines there are; more files are not looked at."""

SHIPPED = Path(__file__).parent / "data"
"""What `make install` built: a Sentry for rigs with this machine's Python."""

MAX_DOWNLOADS = 64
"""Rigs that may fetch at once; one more is asked to come back, and `curl --retry` does."""
MAX_DOWNLOADS_PER_ADDRESS = 16

log = structlog.get_logger()


class Bundles:
    """What is offered is what was hashed: a file that changed since is not served before it was looked at again."""

    def __init__(self, folder: Path, shipped: Path | None = None) -> None:
        """What is in `folder`, where the operator puts them, replaces what is `shipped` for the same machine."""
        self.folder = folder
        self._folders = [folder] if shipped is None else [shipped, folder]
        self.offered: tuple[Bundle, ...] = ()
        """By machine."""
        self.downloads = Downloads(MAX_DOWNLOADS, MAX_DOWNLOADS_PER_ADDRESS)
        self._refused: dict[Path, tuple[FileId | None, str]] = {}
        """What is not offered, and why: said once."""

    def find(self, name: str) -> Bundle | None:
        """The one whose file has this name."""
        return next((bundle for bundle in self.offered if bundle.name == name), None)

    async def look(self) -> None:
        """What is there now."""
        self.offered = await asyncio.to_thread(self._look)

    async def run(self, part: Part) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            part.beat()
            await self.look()

    def _look(self) -> tuple[Bundle, ...]:
        known = {bundle.path: bundle for bundle in self.offered}
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            named = {path.name: path for folder in self._folders for path in sorted(folder.glob("rigfarm-sentry-*"))}
            paths = list(named.values())[:MAX_BUNDLES]
        except OSError as error:
            self._refuse(self.folder, None, error)
            return ()
        self._refused = {path: why for path, why in self._refused.items() if path in paths}
        return tuple(found for path in paths if (found := self._one(path, known.get(path))) is not None)

    def _one(self, path: Path, known: Bundle | None) -> Bundle | None:
        now = None
        try:
            now = file_id(path.stat())
            if known is not None and known.id == now:
                return known
            if path not in self._refused or self._refused[path][0] != now:
                return read_bundle(path)
        except (BundleError, OSError) as error:
            self._refuse(path, now, error)
        return None

    def _refuse(self, path: Path, found: FileId | None, error: Exception) -> None:
        why = found, str(error)
        if self._refused.get(path) != why:
            log.warning("no Sentry is available for new rigs", path=str(path), why=str(error))
        self._refused[path] = why
