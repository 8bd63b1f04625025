"""How a Sentry is updated, as far as the agent has to know."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from rigfarm.sentry.agent.parts import Successor
from rigfarm.wire.commands import CommandState, UpdateSentry
from rigfarm.wire.specs import Specs

__all__ = ["UpdatesSentry"]


class UpdatesSentry(Protocol):
    """See `rigfarm.sentry.update`."""

    def specs(self, specs: Specs) -> Specs:
        """With what the Commander has to know for an update."""

    def carry_out(
        self,
        command: UpdateSentry,
        token: str,
        command_id: str,
        report: Callable[[CommandState, str], None],
        url: str,
        tls: Callable[[str], ssl.SSLContext | None],
    ) -> Coroutine[Any, Any, Successor | None]:
        """Prepare an update; who is to take our place. None: nothing comes of it."""

    def trial(self) -> Coroutine[Any, Any, Successor | None]:
        """Who takes our place if we are on trial and not welcomed in time."""

    def welcomed(self) -> None:
        """The Commander knows us."""

    def results(self, token: str) -> list[tuple[str, CommandState, str]]:
        """What there is to say of earlier updates once this token was found good: command, state, words; once."""
