"""What an operator types into a playbook; `check` makes a revision's content of it."""

from __future__ import annotations

from msgspec import Struct

from rigfarm.commander.numbers import Number
from rigfarm.commander.playbooks.model import PlaybookContent, Slot
from rigfarm.wire.playbooks import Supervision

__all__ = ["PlaybookForm", "WorkloadForm", "form_of"]


class WorkloadForm(Struct, frozen=True, forbid_unknown_fields=True):
    """One algorithm; a slot with nothing in it is left out."""

    slot: Slot
    coin: str
    algorithm: str = ""
    pool_id: Number | None = None
    wallet_id: Number | None = None


class PlaybookForm(Struct, frozen=True, forbid_unknown_fields=True):
    """All of it."""

    name: str
    software_id: Number
    template: str
    workloads: list[WorkloadForm]
    devices: list[str] = []
    variables: dict[str, str] = {}
    supervision: Supervision = Supervision()
    nice: int | None = None
    affinity: list[int] = []
    run_as: str = ""


def form_of(content: PlaybookContent) -> PlaybookForm:
    """A revision as a form, to change or to duplicate."""
    return PlaybookForm(
        name=content.name,
        software_id=content.software.id,
        template=content.template,
        workloads=[
            WorkloadForm(
                one.slot,
                one.coin,
                one.algorithm,
                None if one.pool is None else one.pool.id,
                None if one.wallet is None else one.wallet.id,
            )
            for one in content.workloads
        ],
        devices=content.devices,
        variables=content.variables,
        supervision=content.supervision,
        nice=content.nice,
        affinity=content.affinity,
        run_as=content.run_as or "",
    )
