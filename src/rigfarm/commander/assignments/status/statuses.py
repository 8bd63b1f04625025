"""How playbooks do on their rigs right now, as the Sentries say: the latest of each, in memory."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.assignments.model import Assignment
from rigfarm.wire.playbooks import PlaybookStatus

__all__ = ["MAX_STATUSES", "Shown", "Statuses", "state_of"]

MAX_STATUSES = 64
"""Of one rig; what it says beyond is not kept."""
MAX_DETAIL = 600


class Shown(Struct, frozen=True):
    """How a playbook does on a rig, as everybody is shown it."""

    state: str
    detail: str
    status: PlaybookStatus | None
    """What the rig says of the revision it shall have; absent when it said nothing of it, or is away."""


class Statuses:
    """By rig and playbook. A rig says all of its own, or nothing."""

    def __init__(self, away: Callable[[int], bool] = lambda _: False) -> None:
        """`away`: whether nothing is heard of a rig at present, so that what it said last is old."""
        self._all: dict[int, dict[int, PlaybookStatus]] = {}
        self._away = away

    def get(self, rig_id: int, playbook_id: int) -> PlaybookStatus | None:
        """What the rig last said of the playbook."""
        return self._all.get(rig_id, {}).get(playbook_id)

    def said(self, rig_id: int, playbook_id: int, revision: int) -> tuple[str, str]:
        """State and detail that the rig last reported of this revision; empty when it said nothing of it."""
        status = self.get(rig_id, playbook_id)
        return ("", "") if status is None or status.revision != revision else (status.state, status.detail)

    def of(self, rig_id: int) -> dict[int, PlaybookStatus]:
        """All that the rig last said."""
        return self._all.get(rig_id, {})

    def receive(self, rig_id: int, said: list[PlaybookStatus]) -> tuple[set[int], set[int]]:
        """Keep it; returns the playbooks of which anything changed, and those whose state did."""
        before = self._all.get(rig_id, {})
        now = {one.id: _clean(one) for one in said[:MAX_STATUSES]}
        self._all[rig_id] = now
        touched = {pid for pid in before.keys() | now.keys() if before.get(pid) != now.get(pid)}
        moved = {pid for pid in touched if _word(before.get(pid)) != _word(now.get(pid))}
        return touched, moved

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        self._all.pop(rig_id, None)

    def counts(self, assignments: list[Assignment]) -> Counter[str]:
        """Rigs by state word."""
        return Counter(self.shown(one).state for one in assignments)

    def shown(self, assignment: Assignment) -> Shown:
        """What to show of a playbook on a rig. A rig that is away is never shown as mining."""
        status = self.get(assignment.rig_id, assignment.playbook_id)
        state = state_of(assignment, status)
        if status is not None and status.revision != assignment.revision:
            status = None
        if not self._away(assignment.rig_id) or state == "stopped":
            return Shown(state, "" if status is None else status.detail, status)
        if status is None or state == "stopping":
            return Shown("queued", "The rig is offline: it gets this when it reconnects.", None)
        why = f": {status.detail}" if status.detail else ""
        return Shown("offline", f"{status.state} when it last reported{why}", None)


def state_of(assignment: Assignment, status: PlaybookStatus | None) -> str:
    """The word that is shown: what the rig says, or `queued` while it has not spoken of this revision."""
    if status is None and assignment.wanted == "stopped":
        return "stopped"
    if status is None or status.revision != assignment.revision:
        return "queued"
    if assignment.wanted == "stopped" and status.state not in ("stopped", "failed"):
        return "stopping"
    return status.state


def _word(status: PlaybookStatus | None) -> tuple[str, int] | None:
    return None if status is None else (status.state, status.revision)


def _clean(status: PlaybookStatus) -> PlaybookStatus:
    """A rig's words as one line of bounded length, without control characters; progress within 0..1."""
    detail = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") else char for char in status.detail[:MAX_DETAIL]
    )
    progress = status.progress
    if progress is not None:
        progress = None if math.isnan(progress) else min(max(progress, 0.0), 1.0)
    return replace(status, detail=detail, progress=progress)
