"""How a command ends."""

from __future__ import annotations

from enum import IntEnum
from typing import IO, Any

import click

from rigfarm.common.text import escaped

__all__ = ["ExitCode", "Failure", "Untrusted"]


class ExitCode(IntEnum):
    """As docs/cli.md lists them."""

    OK = 0
    REFUSED = 1
    """The Commander refused it, or it failed."""
    USAGE = 2
    """The command line means nothing."""
    UNREACHABLE = 3
    """The Commander cannot be reached, or is not the one that was expected."""
    LOGIN = 4
    """Not logged in, or the key is not, or no longer, good."""
    TIMEOUT = 5
    """Not every rig had answered when the time to wait was over."""


class Failure(click.ClickException):
    """What went wrong, for a person; and the exit code."""

    def __init__(self, text: str, code: ExitCode = ExitCode.REFUSED) -> None:
        super().__init__(text)
        self.exit_code = code  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: IO[Any] | None = None) -> None:
        """On standard error; what a Commander says may hold anything."""
        del file
        click.echo("\n".join(escaped(line) for line in self.message.splitlines()), err=True)


class Untrusted(Failure):
    """No authority vouches for the Commander's certificate."""
