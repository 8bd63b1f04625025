"""What a rig shall run; and what applying a playbook would do, rig by rig: shown before, and done exactly so."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from msgspec import Struct

__all__ = ["EFFECT", "Action", "Assignment", "Plan", "Replaced", "Step", "Wanted"]

Wanted = Literal["running", "stopped"]

Action = Literal["start", "change", "nothing", "refused"]
EFFECT: dict[Action, int] = {"start": 0, "change": 0, "refused": 1, "nothing": 2}
"""What an operator wants to see first."""


class Assignment(Struct, frozen=True):
    """A rig runs (or shall not run for now) a revision of a playbook."""

    rig_id: int
    playbook_id: int
    revision: int
    wanted: Wanted
    restart: int
    """Raised by one for each restart that an operator asks for."""
    assigned_at: int


class Replaced(Struct, frozen=True):
    """A playbook that has to go from a rig because it uses the same devices."""

    playbook_id: int
    name: str


class Step(Struct, frozen=True):
    """One rig."""

    rig_id: int
    rig_name: str
    action: Action
    detail: str = ""
    """Why it is refused."""
    from_revision: int | None = None
    """What the rig has of the playbook now."""
    replaces: list[Replaced] = []


class Plan(Struct, frozen=True):
    """All rigs of a selection."""

    playbook_id: int
    name: str
    revision: int
    steps: list[Step]

    @property
    def by_effect(self) -> list[Step]:
        """The rigs that something happens to come first, then those that cannot run it."""
        return sorted(self.steps, key=lambda step: EFFECT[step.action])

    @property
    def counts(self) -> Counter[str]:
        """Rigs by action."""
        return Counter(step.action for step in self.steps)

    @property
    def rigs(self) -> list[int]:
        """The rigs that something is done to."""
        return [step.rig_id for step in self.steps if step.action in ("start", "change")]

    @property
    def replaced(self) -> Counter[str]:
        """Names of playbooks that go, with the number of rigs they go from."""
        return Counter(gone.name for step in self.steps for gone in step.replaces if step.action != "refused")
