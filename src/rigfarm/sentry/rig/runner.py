"""What a rig asks of the runner of its playbooks (`rigfarm.sentry.playbooks`). A rig without one only watches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from rigfarm.wire.playbooks import AssignedPlaybook, PlaybookStatus

__all__ = ["Runner"]


class Runner(Protocol):
    """Installs, runs and supervises mining programs. It works whether or not a Commander is there, and tells of every
    change of a status, and of watched console lines, to the callbacks it was made with: the rig's `tell_statuses` and
    `tell_console`."""

    async def apply(self, revision: int, orders: Iterable[AssignedPlaybook]) -> None:
        """These playbooks and no others shall run; kept, so that they run again after a restart."""

    def statuses(self) -> list[PlaybookStatus]:
        """How each playbook does now."""

    async def restart(self, playbook: int | None = None) -> int:
        """Restart one mining program, or all; how many there were to restart."""

    async def remove_all(self) -> None:
        """Stop all, and remove playbooks and mining software. Done when it returns; safe to repeat."""

    async def console_watch(self, playbook: int, on: bool) -> None:
        """A console began or ceased to be shown on a page."""
