"""How often rules may do something: counted on a steady clock, so that a wall clock that jumps gives nothing back."""

from __future__ import annotations

from collections import deque

from rigfarm.commander.alerts.engine.rule import RuleForm

__all__ = ["DAY_S", "Budget"]

HOUR_S = 3_600.0
DAY_S = 86_400.0


class Budget:
    """What every rule did within the last day. Times are seconds of the steady clock."""

    def __init__(self) -> None:
        self._spent: dict[int, deque[tuple[float, int]]] = {}
        """By rule: when, and to which rig; oldest first."""

    def spend(self, rule_id: int, rig_id: int, now: float) -> None:
        """The rule does something to a rig. Called in the order of time."""
        self._spent.setdefault(rule_id, deque()).append((now, rig_id))

    def why_not(self, rule_id: int, form: RuleForm, rig_id: int, now: float) -> str:
        """Why the rule has to wait before it does something to this rig; empty when it need not."""
        spent = self._spent.get(rule_id, deque())
        while spent and now - spent[0][0] >= DAY_S:
            spent.popleft()
        of_rig = [when for when, whose in spent if whose == rig_id]
        if sum(now - when < HOUR_S for when in of_rig) >= form.action_rig_hour:
            return f"it did so {form.action_rig_hour:g} × to this rig within the last hour, which is its limit"
        if len(of_rig) >= form.action_rig_day:
            return f"it did so {form.action_rig_day:g} × to this rig within the last day, which is its limit"
        if sum(now - when < HOUR_S for when, _ in spent) >= form.action_hour:
            return f"it did so {form.action_hour:g} × within the last hour, which is its limit for all rigs"
        return ""
