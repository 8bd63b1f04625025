"""A playbook: what a rig shall mine, with which program, where, and for whom.

A *revision* is complete in itself: it holds the wallets, pool URLs and the pinned file as they were when it was made.
So rolling back brings back exactly what was, and a change in the address book reaches no rig before it is applied.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from rigfarm.wire.playbooks import Archive, Supervision

__all__ = [
    "SLOTS",
    "Assignment",
    "Playbook",
    "PlaybookContent",
    "PoolRef",
    "Revision",
    "Slot",
    "SoftwareRef",
    "WalletRef",
    "Wanted",
    "WorkloadPlan",
]

Slot = Literal["cpu", "gpu1", "gpu2"]
SLOTS: tuple[Slot, ...] = ("cpu", "gpu1", "gpu2")
"""Which workload of the program: GPU 2 is the second algorithm of dual mining."""
Wanted = Literal["running", "stopped"]


class PoolRef(Struct, frozen=True):
    """An entry of the address book, and what it said when the revision was made."""

    id: int
    name: str
    urls: list[str]


class WalletRef(Struct, frozen=True):
    """An entry of the address book, and what it said when the revision was made."""

    id: int
    name: str
    wallet: str


class WorkloadPlan(Struct, frozen=True):
    """One algorithm to mine."""

    slot: Slot
    coin: str
    algorithm: str = ""
    pool: PoolRef | None = None
    wallet: WalletRef | None = None


class SoftwareRef(Struct, frozen=True):
    """A version of a mining program, and what was known of it when the revision was made."""

    id: int
    name: str
    version: str
    adapter: str
    api_arguments: str
    archive: Archive | None = None
    """The pinned file; absent: it was not pinned yet, so no rig can run this revision."""


class PlaybookContent(Struct, frozen=True):
    """Everything a revision says."""

    name: str
    software: SoftwareRef
    template: str
    workloads: list[WorkloadPlan]
    devices: list[str] = []
    """PCI addresses of GPUs; empty: all."""
    variables: dict[str, str] = {}
    """Placeholders of this playbook's own; an empty value: every rig has to have its own."""
    supervision: Supervision = Supervision()
    nice: int | None = None
    affinity: list[int] = []
    run_as: str | None = None

    def workload(self, slot: Slot) -> WorkloadPlan | None:
        """What is mined in a slot."""
        return next((one for one in self.workloads if one.slot == slot), None)

    @property
    def coins(self) -> list[str]:
        """What it mines, for people."""
        return [one.coin for one in self.workloads]

    @property
    def uses_cpu(self) -> bool:
        """Whether it keeps the CPU busy."""
        return any(one.slot == "cpu" for one in self.workloads)

    @property
    def uses_gpus(self) -> bool:
        """Whether it keeps GPUs busy."""
        return any(one.slot != "cpu" for one in self.workloads)

    def competes_with(self, other: PlaybookContent) -> bool:
        """Whether both want the same device, so that a rig can run only one of them."""
        if self.uses_cpu and other.uses_cpu and not _apart(self.affinity, other.affinity):
            return True
        return self.uses_gpus and other.uses_gpus and not _apart(self.devices, other.devices)


def _apart(one: list[str] | list[int], other: list[str] | list[int]) -> bool:
    """Whether both name what they use, and nothing twice."""
    return bool(one) and bool(other) and not set(one) & set(other)


class Revision(Struct, frozen=True):
    """One state of a playbook. They count from 1 and are never changed."""

    playbook_id: int
    number: int
    content: PlaybookContent
    note: str
    """How it came about."""
    created_at: int


class Playbook(Struct, frozen=True):
    """A playbook with its newest revision. Times are UTC milliseconds."""

    id: int
    revision: int
    content: PlaybookContent
    created_at: int
    updated_at: int

    @property
    def name(self) -> str:
        """What people call it."""
        return self.content.name


class Assignment(Struct, frozen=True):
    """A rig runs (or shall not run for now) a revision of a playbook."""

    rig_id: int
    playbook_id: int
    revision: int
    wanted: Wanted
    restart: int
    """Raised by one when somebody asks for a restart."""
    assigned_at: int
