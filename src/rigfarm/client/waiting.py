"""`--wait`: until every rig has answered a command, or for as long as one is willing to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

from rigfarm import units
from rigfarm.client.connection import Api
from rigfarm.client.errors import ExitCode, Failure
from rigfarm.client.show import Row

__all__ = ["TIMEOUT", "WAIT", "wait_for"]

ENDED = ("done", "refused", "failed")
FIRST_S = 0.5
LONGEST_S = 5.0
F = TypeVar("F", bound=Callable[..., Any])

TIMEOUT = click.option(
    "--timeout", "timeout_s", type=click.FloatRange(1, 86_400), default=600.0, show_default=True,
    help="Seconds to wait at most.",
)  # fmt: skip


def WAIT(command: F) -> F:  # noqa: N802 - it stands among the options, which are constants
    """The options of a command that can be waited for."""
    return click.option("--wait", is_flag=True, help="Wait until each rig has answered.")(TIMEOUT(command))


def wait_for(api: Api, batch: str, timeout_s: float) -> list[Row]:
    """The commands of one request once all of them have ended, or as they are when the time is over. A Commander that
    can't be reached meanwhile is asked again. Failure."""
    deadline, pause_s, found, said = time.monotonic() + timeout_s, FIRST_S, list[Row](), -1
    while True:
        try:
            found = api.all("/api/commands", batch=batch)
        except Failure as failure:
            if failure.exit_code != ExitCode.UNREACHABLE or time.monotonic() >= deadline:
                raise
            failure.show()
        ended = sum(one["state"] in ENDED for one in found)
        if found and ended == len(found):
            return found
        if found and ended != said:
            click.echo(f"Waiting: {ended} of {units.counted(len(found), 'rig')} answered …", err=True)
            said = ended
        if time.monotonic() >= deadline:
            return found
        time.sleep(min(pause_s, max(deadline - time.monotonic(), 0.0)))
        pause_s = min(pause_s * 1.5, LONGEST_S)
