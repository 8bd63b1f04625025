"""What a rig should report of a playbook, so that what it does report can be compared with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from rigfarm.commander.assignments.model import Assignment
from rigfarm.commander.assignments.store import Assigned
from rigfarm.commander.effects import Effects, Followed, Mined, Runs
from rigfarm.commander.playbooks.actions import Playbooks
from rigfarm.commander.playbooks.content.placeholders import WORKER_NAME, values_for
from rigfarm.commander.playbooks.model import WorkloadPlan
from rigfarm.commander.rigs.actions import Rigs

__all__ = ["Expectations"]

_Wanted: TypeAlias = Literal["running", "stopped", "removed"]

_SUFFIXES = {"cpu": "", "gpu1": "_1", "gpu2": "_2"}


class Expectations:
    """What rigs should report of the playbooks they have."""

    def __init__(self, rigs: Rigs, playbooks: Playbooks, assigned: Assigned, effects: Effects) -> None:
        self._rigs = rigs
        self._playbooks = playbooks
        self._assigned = assigned
        self._effects = effects

    def of(self, one: Assignment, wanted: _Wanted, variables: Mapping[str, str] | None = None) -> Runs:
        """Pools, wallets and workers only where the playbook's template passes them on. `variables`: other than those
        that the rig has."""
        content = self._playbooks.content(one.playbook_id, one.revision)
        template = content.template
        worker = ""
        if f"${WORKER_NAME}" in template or f"${{{WORKER_NAME}}}" in template:
            own = self._assigned.variables_of(one.rig_id) if variables is None else variables
            worker = values_for(content, self._rigs.get(one.rig_id).name, own)[WORKER_NAME]
        workloads = [_mined(plan, template) for plan in content.workloads]
        return Runs(
            one.playbook_id,
            content.name,
            one.revision,
            wanted,
            content.software.name,
            worker=worker,
            workloads=workloads,
        )

    def followed(
        self, has: Iterable[Assignment], ending: Iterable[Assignment], variables: Mapping[str, str] | None = None
    ) -> Followed:
        """For rigs that shall have these, and for those from which they go."""
        known = self._rigs.rigs
        runs = [(one.rig_id, self.of(one, one.wanted, variables)) for one in has if one.rig_id in known]
        runs += [(one.rig_id, self.of(one, "removed")) for one in ending if one.rig_id in known]
        return Followed(self._effects, [self._effects.for_playbook(rig_id, one) for rig_id, one in runs])


def _mined(plan: WorkloadPlan, template: str) -> Mined:
    has_wallet = plan.wallet is not None and f"WALLET{_SUFFIXES[plan.slot]}" in template
    return Mined(
        plan.coin,
        plan.pool.urls if plan.pool is not None and "_POOL" in template else [],
        plan.wallet.wallet if plan.wallet is not None and has_wallet else "",
    )
