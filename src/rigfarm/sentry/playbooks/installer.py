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


_WRONG_FILE_LONGEST = 60
"""A file that is not the pinned one is fetched again after `retry_max_s`, and then ever more rarely, up to so many
times that: an hour."""


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
            wrong = isinstance(error, PinError)
            longest = settings.retry_max_s * (_WRONG_FILE_LONGEST if wrong else 1)
            wait = min(max(wait * 2, settings.retry_max_s if wrong else settings.retry_first_s), longest)
            why = str(error)
            pause = wait * random.uniform(0.5, 1)  # noqa: S311  so that a farm does not come back as one
        except OSError as error:
            why = f"the rig's disk cannot store it: {error.strerror or error}"
            pause, wrong = settings.retry_disk_s, False
        say("backing-off", f"{why}. The next attempt in {duration(max(1, pause))}")
        if wrong:  # its server may not have a whole wrong file written to the disk again and again
            await asyncio.sleep(pause)
            continue
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await nudged.wait()
