"""`rigfarm sentry join` beside a Sentry that runs: it notices, and takes the new Commander and token over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from rigfarm.sentry.identity.settings import FILE_NAME, Settings, SettingsError, load_settings
from rigfarm.sentry.identity.tokens import FILE_NAME as TOKENS
from rigfarm.sentry.identity.tokens import TokenStore
from rigfarm.sentry.link.trust import FILE_NAME as TRUST

__all__ = ["follow_files"]

log = structlog.get_logger()

EVERY_S = 2.0


async def follow_files(folder: Path, take_over: Callable[[Settings, str | None], None]) -> None:
    """Hand over the settings (of which those about the Commander matter) and the token at each change, until cancelled.

    Other settings are read at the next start.
    """
    paths = [folder / FILE_NAME, folder / TOKENS, folder / TRUST]
    seen = _stamps(paths)
    while True:
        await asyncio.sleep(EVERY_S)
        stamps = _stamps(paths)
        if stamps == seen:
            continue
        seen = stamps
        try:
            settings = await asyncio.to_thread(load_settings, folder)
        except SettingsError as error:
            log.error("the new configuration is not used", reason=str(error))
            continue
        token = await asyncio.to_thread(TokenStore(folder).load)
        take_over(settings, token)


def _stamps(paths: list[Path]) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_ino))
    return found
