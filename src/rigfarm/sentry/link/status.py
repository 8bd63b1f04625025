"""What others may know of the link, and what they hear from it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

from rigfarm.wire.commands import Command
from rigfarm.wire.frames import Verdict
from rigfarm.wire.playbooks import AssignedPlaybook

__all__ = ["LinkEvents", "LinkState", "LinkStatus"]


class LinkState(Enum):
    """What the link does at the moment."""

    IDLE = "no token"
    """Nothing to report for, or no Commander known."""
    CONNECTING = "connecting"
    GREETING = "greeting"
    ONLINE = "online"
    WAITING = "waiting"
    """Before it tries again."""
    STOPPED = "stopped"


class LinkStatus(NamedTuple):
    """For the Sentry's own page."""

    state: LinkState
    url: str | None
    error: str | None
    """The last one, in words; absent while all is well."""
    since: float
    """Loop time at which the state was last online, or ceased to be."""
    retry_at: float | None
    commander_version: str | None


class LinkEvents(Protocol):
    """What the Commander says. Called on the loop; must be quick and must not raise."""

    def on_verdict(self, token: str, verdict: Verdict) -> None:
        """What it thinks of a token."""

    def on_playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None:
        """What shall run on a rig."""

    def on_command(self, token: str, command_id: str, command: Command) -> None:
        """An operator's command; answered by `Link.result`."""

    def on_console_watch(self, token: str, playbook: int, on: bool) -> None:
        """A page shows a console, or no longer."""

    def on_clock(self) -> None:
        """The Commander told the time."""
