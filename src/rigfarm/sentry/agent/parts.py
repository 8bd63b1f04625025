"""The seams inside a Sentry. A *part* owns tokens (this machine as a rig; the ASICs of a LAN) and reports through a
`Reporter`; the agent carries it all over one spool and one link."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct

from rigfarm.sentry.link.trust import Trust
from rigfarm.wire.commands import Command, CommandState
from rigfarm.wire.frames import Verdict
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.playbooks import AssignedPlaybook, PlaybookStatus
from rigfarm.wire.specs import BoardDetail, Specs

__all__ = [
    "Closes",
    "CommandOutcome",
    "FollowsCommander",
    "ForgetsTokens",
    "HandsOver",
    "Loads",
    "Part",
    "Reporter",
    "Successor",
]

CommandOutcome = tuple[CommandState, str]
"""State (done, refused, failed) and a sentence for the operator."""


class Successor(Struct, frozen=True):
    """The Sentry that takes our place in this process."""

    program: Path
    """Its folder."""
    watched: bool
    """It is on trial: something ends it if it does not prove itself."""


class Reporter(Protocol):
    """How a part speaks. Every call is non-blocking."""

    @property
    def interval_s(self) -> float:
        """How often each rig shall report; set by the Commander, may change at any time."""

    def now_ms(self, token: str) -> int:
        """The stamp for a log of this rig: the Commander's clock, carried on by the monotonic one, strictly
        increasing per token. A wall clock that jumps has no effect."""

    def log(self, token: str, log: OperationalLog) -> None:
        """Spool a log; it is kept until the Commander has it for good."""

    def specs(self, token: str, specs: Specs) -> None:
        """The rig's specs: sent now if connected, and again at each connect; only the latest is kept."""

    def boards(self, token: str, boards: list[BoardDetail]) -> None:
        """Chip detail, sent if connected, else forgotten."""

    def trouble(self, token: str, kind: str, detail: str) -> None:
        """Why there is nothing to report of a rig; an empty kind: nothing any more. Sent now if connected, and again at
        each connect while it lasts."""

    def playbooks(self, token: str, statuses: list[PlaybookStatus]) -> None:
        """Status of all playbooks: sent now if connected, and again at each connect; only the latest is kept."""

    def console(self, token: str, playbook: int, first: int, lines: list[str]) -> None:
        """Console lines, sent if connected, else forgotten."""

    def tokens_changed(self) -> None:
        """`tokens()` of a part differs now: say Hello again."""


class Part(Protocol):
    """A part of the Sentry that owns tokens. Verdicts, playbooks and commands for them are handed to it."""

    def tokens(self) -> list[str]:
        """The tokens it speaks for, most recently known good or not yet judged; no removed or refused ones."""

    async def run(self, reporter: Reporter) -> None:
        """Work until cancelled."""

    async def on_verdict(self, token: str, verdict: Verdict) -> None:
        """ok: report. removed: stop mining, clean up, forget the token. unknown: stop reporting, never mining."""

    async def on_playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None:
        """These playbooks and no others shall run."""

    async def on_command(self, token: str, command: Command) -> CommandOutcome:
        """Carry a command out; the outcome goes back to the operator who gave it."""

    async def on_console_watch(self, token: str, playbook: int, on: bool) -> None:
        """A console began or ceased to be shown on a page."""


@runtime_checkable
class Loads(Protocol):
    """A part that has something to do once, before its tokens are asked for. Tried again until it succeeds."""

    async def load(self) -> None:
        """Be ready to `run`."""


@runtime_checkable
class Closes(Protocol):
    """A part that has something to do when the Sentry ends."""

    async def close(self) -> None:
        """Leave everything tidy, within three seconds or so."""


@runtime_checkable
class HandsOver(Protocol):
    """A part with something that goes on while another Sentry takes our place in this process."""

    async def hand_over(self) -> None:
        """In the place of `close`: let go of it. Within three seconds or so."""


@runtime_checkable
class FollowsCommander(Part, Protocol):
    """A part that itself fetches something from the Commander."""

    def commander_changed(self, url: str, trust: Trust) -> None:
        """It is there now, and recognised by this."""


@runtime_checkable
class ForgetsTokens(Part, Protocol):
    """A part whose tokens an operator entered."""

    def forget_tokens(self) -> None:
        """They are another Commander's."""
