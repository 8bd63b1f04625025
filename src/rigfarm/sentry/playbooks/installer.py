"""Installing until it succeeds: what may be better next time is tried again, and said."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

from rigfarm.sentry.playbooks.fetch import FetchError, PinError
from rigfarm.sentry.playbooks.software import Report
from rigfarm.sentry.playbooks.surroundings import Surroundings
from rigfarm.units import duration
from rigfarm.wire.playbooks import Archive

__all__ = ["installed"]


async def installed(archive: Archive, rig: Surroundings, say: Report, nudged: asyncio.Event) -> Path:
    """The executable, sooner or later. `nudged` cuts a wait short: the Commander is back.

    Raises RefusedError for an archive that will never do.
    """
    settings = rig.settings
    wait = 0.0
    while True:
        nudged.clear()
        try:
            return await rig.software.install(archive, rig.commander, say)
        except FetchError as error:
            wait = min(max(wait * 2, settings.retry_first_s), settings.retry_max_s)
            if isinstance(error, PinError):
                wait = settings.retry_max_s
            why = str(error)
            pause = wait * random.uniform(0.5, 1)  # noqa: S311  so that a farm does not come back as one
        except OSError as error:
            why = f"the rig's disk does not take it: {error.strerror or error}"
            pause = settings.retry_disk_s
        say("backing-off", f"{why}. The next attempt in {duration(max(1, pause))}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await nudged.wait()
