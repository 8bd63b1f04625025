"""A replica that no longer leads begins again, as one that follows: the process replaces itself at once, and what it
had under way ends as if it had been killed. Everything that counts was written before."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import NoReturn

import structlog

from rigfarm.commander.settings import ENVIRONMENT_PREFIX, SECRETS, Settings

__all__ = ["Again"]

FROZEN_S = 3.0
"""Another replica takes the seat after 4 s."""
LOOK_EVERY_S = 0.2

log = structlog.get_logger()


class Again:
    """How this process begins again."""

    def __init__(self, settings: Settings) -> None:
        found = {ENVIRONMENT_PREFIX + name.upper(): getattr(settings, name) for name in SECRETS}
        self._secrets = {name: value for name, value in found.items() if isinstance(value, str)}
        """They were taken out of the environment."""

    def begin(self, why: str) -> NoReturn:
        """From any thread."""
        log.error("this replica no longer leads, and starts again as a standby", why=why)
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(  # noqa: S606 - the same program, without a shell
            sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **self._secrets}
        )

    def begin_when_frozen(self) -> None:
        """From now on: a process that stood still for longer than others wait does nothing more that they do by now."""
        threading.Thread(target=self._watch, name="frozen", daemon=True).start()

    def _watch(self) -> None:
        seen = time.monotonic()
        while True:
            time.sleep(LOOK_EVERY_S)
            now = time.monotonic()
            if now - seen > FROZEN_S:
                self.begin(f"this process stood still for {now - seen:.0f} s")
            seen = now
