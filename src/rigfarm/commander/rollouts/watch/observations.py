"""What can be seen of the first rigs of a roll-out at this moment."""

from __future__ import annotations

from rigfarm.commander.assignments.actions import Assignments
from rigfarm.commander.rollouts.model import Rollout
from rigfarm.commander.stats import OperationalStats, RigStats
from rigfarm.commander.stats.condition import UP

__all__ = ["Observations"]


class Observations:
    """Reads the operational stats and what the Sentries say of their playbooks."""

    def __init__(self, assignments: Assignments, stats: OperationalStats) -> None:
        self._assignments = assignments
        self._stats = stats

    def up(self, rig_id: int) -> bool:
        """Whether the rig reports."""
        rig = self._stats.rigs.get(rig_id)
        return rig is not None and rig.condition.state in UP

    def mines(self, rollout: Rollout, rig_id: int) -> bool:
        """Whether a first rig hashes with the new revision."""
        status = self._assignments.statuses.get(rig_id, rollout.playbook_id)
        rig = self._stats.rigs.get(rig_id)
        if status is None or status.revision != rollout.plan.revision or status.state != "mining":
            return False
        workloads = [] if rig is None or rig.log is None else rig.log.workloads
        return any(one.playbook == rollout.playbook_id and (one.hashrate or 0.0) > 0.0 for one in workloads)

    def trouble(self, rollout: Rollout) -> str:
        """What a first rig says went wrong, at once and not after the watch."""
        for rig_id in rollout.plan.first:
            status = self._assignments.statuses.get(rig_id, rollout.playbook_id)
            rig = self._assignments.rigs.rigs.get(rig_id)
            if rig is None:
                return "A first rig was removed."
            if status is None or status.revision != rollout.plan.revision:
                continue
            why = f" {status.detail}" if status.detail else ""
            if status.state == "failed":
                return f"It failed on {rig.name}.{why}"
            if status.state == "backing-off":
                return f"The mining program does not keep running on {rig.name}.{why}"
            if rollout.state == "watching" and status.restarts > rollout.progress.restarts.get(rig_id, 0):
                return f"The mining program had to be restarted on {rig.name}.{why}"
        return ""

    def taken_away(self, rollout: Rollout) -> bool:
        """Whether a first rig was given something else since."""
        for rig_id in rollout.plan.first:
            has = self._assignments.assigned.get(rig_id, rollout.playbook_id)
            if has is None or has.revision != rollout.plan.revision or has.wanted != "running":
                return True
        return False

    def stats(self, rig_id: int) -> RigStats | None:
        """All that is known of the rig right now."""
        return self._stats.rigs.get(rig_id)
