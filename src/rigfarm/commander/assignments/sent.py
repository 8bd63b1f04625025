"""What a rig's Sentry is sent: everything that the rig shall run, and which consoles are shown on a page."""

from __future__ import annotations

from rigfarm.commander.assignments.actions import Assignments
from rigfarm.commander.assignments.console.consoles import Consoles
from rigfarm.commander.events import Events, RigRemoved
from rigfarm.commander.playbooks.content.preview import playbook_for
from rigfarm.wire.frames import DownFrame, Playbooks
from rigfarm.wire.playbooks import AssignedPlaybook

__all__ = ["AssignmentSource", "assigned_to"]


def assigned_to(rig_id: int, assignments: Assignments) -> tuple[int, list[AssignedPlaybook]] | None:
    """(stamp, playbooks) of a rig: all it shall run. None for one that never had any: it is sent nothing."""
    assigned = assignments.assigned
    stamp, rig = assigned.stamps.get(rig_id), assignments.rigs.rigs.get(rig_id)
    if stamp is None or rig is None:
        return None
    variables = assigned.variables_of(rig_id)
    return stamp, [
        playbook_for(
            assignments.playbooks.content(one.playbook_id, one.revision),
            rig.name,
            variables,
            id=one.playbook_id,
            revision=one.revision,
            wanted=one.wanted,
            restart=one.restart,
        )
        for one in assigned.of_rig(rig_id)
    ]


class AssignmentSource:
    """Sends all of it only when it is not what the Sentry was sent last."""

    def __init__(self, events: Events, assignments: Assignments, consoles: Consoles) -> None:
        self._assignments = assignments
        self._consoles = consoles
        self._sent: dict[int, int] = {}
        """Rig -> stamp of what its Sentry was sent."""
        events.listen(RigRemoved, self._rig_removed)

    async def waiting(self, rig_id: int, slot: int, *, connected: bool) -> list[DownFrame]:
        """Frames for the rig; a Sentry that has just connected is sent everything."""
        frames: list[DownFrame] = []
        found = assigned_to(rig_id, self._assignments)
        if found is not None and (connected or self._sent.get(rig_id) != found[0]):
            stamp, playbooks = found
            self._sent[rig_id] = stamp
            frames.append(Playbooks(slot, stamp, playbooks))
        frames += self._consoles.frames(rig_id, slot, connected=connected)
        return frames

    def _rig_removed(self, removed: RigRemoved) -> None:
        self._sent.pop(removed.rig_id, None)
        self._consoles.forget(removed.rig_id)
