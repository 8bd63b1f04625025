"""What a running Sentry says of itself to its own commands."""

from __future__ import annotations

import msgspec

from rigfarm.wire.playbooks import PlaybookStatus

__all__ = ["StatusAnswer"]


class StatusAnswer(msgspec.Struct):
    """`/status.json`: for `rigfarm sentry status` and for scripts."""

    version: str
    rig: str | None
    verdict: str | None
    commander: str | None
    link: str
    link_error: str
    logs_waiting: int
    logs_lost: int
    spool_problem: str | None
    tokens: int
    problems: list[str]
    facts: list[tuple[str, str]] = []
    """What else this machine does: label and words."""
    page: str = ""
    """Where the Sentry's own page is, or why there is none."""
    code: str = ""
    """What logs an administrator in there; never sent over TCP."""
    linked: bool = False
    playbooks: list[PlaybookStatus] = []
    """Their details may quote programs: never sent over TCP."""
