"""A playbook: what a rig shall mine, with which program, where, and for whom.

A *revision* is complete in itself: it holds the wallets, pool URLs and the pinned file as they were when it was made.
So rolling back brings back exactly what was, and a change in the address book reaches no rig before it is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, Protocol

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.fields import form_field
from rigfarm.commander.names import MAX_TEXT, clean_text
from rigfarm.commander.playbooks.content import texts
from rigfarm.wire.limits import MAX_TEMPLATE_CHARS
from rigfarm.wire.playbooks import Archive, Supervision

__all__ = [
    "SLOTS",
    "Holder",
    "Holders",
    "Playbook",
    "PlaybookContent",
    "PlaybookFields",
    "PoolRef",
    "Revision",
    "Slot",
    "SoftwareRef",
    "WalletRef",
    "WorkloadPlan",
]

Slot = Literal["cpu", "gpu1", "gpu2"]
SLOTS: tuple[Slot, ...] = ("cpu", "gpu1", "gpu2")
"""Which workload of the program: GPU 2 is the second algorithm of dual mining."""


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


class PlaybookFields(Struct, frozen=True):
    """What a playbook says in words of its own: the same in its form, in a revision, and in what a rig is sent."""

    name: Annotated[
        str, form_field("Name", group="head", check=texts.check_name, required=True, placeholder="XMR on all CPUs")
    ]
    template: Annotated[
        str,
        form_field(
            "Template",
            "As in a terminal, on as many lines as you like; the options of the stats API are added automatically.",
            group="arguments",
            check=texts.check_template,
            read=texts.read_template,
            max_length=MAX_TEMPLATE_CHARS,
            rows=6,
        ),
    ]
    variables: Annotated[
        dict[str, str],
        form_field(
            "Variables",
            "NAME=value, one per line; used as $NAME. Without a value, set it for each rig on the rig's page.",
            group="arguments",
            check=texts.check_variables,
            read=texts.read_variables,
            write=texts.write_variables,
            max_length=32_768,
            rows=2,
            placeholder="THREADS=",
        ),
    ] = {}
    devices: Annotated[
        list[str],
        form_field(
            "GPUs",
            "By PCI address, one per line; empty: all.",
            group="where",
            check=texts.check_devices,
            read=texts.read_lines,
            write=texts.write_lines,
            max_length=2_000,
            rows=2,
            placeholder="0000:01:00.0",
        ),
    ] = []
    affinity: Annotated[
        list[int],
        form_field(
            "CPUs",
            "For example 0-3,8; empty: all.",
            group="where",
            check=texts.check_affinity,
            read=texts.read_cpus,
            write=texts.write_cpus,
            max_length=500,
        ),
    ] = []
    nice: Annotated[
        int | None,
        form_field(
            "Niceness",
            "-20 first, 19 last.",
            group="where",
            check=texts.check_nice,
            read=texts.read_number,
            write=texts.write_number,
            max_length=4,
        ),
    ] = None
    run_as: Annotated[
        str,
        form_field(
            "Runs as user",
            "Empty: the unprivileged user for mining programs. Others must be allowed in the rig's sentry.toml.",
            group="where",
            check=texts.check_user,
            max_length=32,
        ),
    ] = ""
    notes: Annotated[str, form_field("Notes", group="head", check=clean_text, max_length=MAX_TEXT, rows=2)] = ""
    supervision: Supervision = Supervision()

    @property
    def fields(self) -> dict[str, object]:
        """All of these, by name."""
        return {name: getattr(self, name) for name in PlaybookFields.__struct_fields__}


class PlaybookContent(PlaybookFields, frozen=True, kw_only=True):
    """Everything a revision says."""

    software: SoftwareRef
    workloads: list[WorkloadPlan]

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


class Holder(Protocol):
    """A rig that has a revision of a playbook."""

    @property
    def rig_id(self) -> int:
        """The rig."""

    @property
    def revision(self) -> int:
        """What it has."""

    @property
    def assigned_at(self) -> int:
        """Since when it shall have that; UTC milliseconds."""


class Holders(Protocol):
    """Which rigs have which playbook. Kept by the noun above, which knows what rigs shall run."""

    def of_playbook(self, playbook_id: int) -> Sequence[Holder]:
        """Who has the playbook."""

    def revisions(self) -> set[tuple[int, int]]:
        """Every (playbook, revision) that some rig has."""

    def variables_of(self, rig_id: int) -> Mapping[str, str]:
        """Placeholders that have a value of the rig's own."""

    async def leave_within(self, tx: AsyncConnection, playbook_id: int) -> Callable[[], None]:
        """The playbook is about to be deleted in this transaction; call what comes back once it is through."""
