"""What an operator says of a playbook; `check` makes a revision's content of it."""

from __future__ import annotations

from msgspec import Struct

from rigfarm.commander.numbers import Number
from rigfarm.commander.playbooks.model import PlaybookContent, PlaybookFields, Slot

__all__ = ["PlaybookForm", "WorkloadForm", "form_of"]


class WorkloadForm(Struct, frozen=True, forbid_unknown_fields=True):
    """One algorithm; a slot with nothing in it is left out."""

    slot: Slot
    coin: str
    algorithm: str = ""
    pool_id: Number | None = None
    wallet_id: Number | None = None


class PlaybookForm(PlaybookFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it: entries of the address book and of the software page by their ids."""

    software_id: Number
    workloads: list[WorkloadForm]


def form_of(content: PlaybookContent) -> PlaybookForm:
    """A revision as a form, to change or to duplicate."""
    workloads = [
        WorkloadForm(
            one.slot,
            one.coin,
            one.algorithm,
            None if one.pool is None else one.pool.id,
            None if one.wallet is None else one.wallet.id,
        )
        for one in content.workloads
    ]
    return PlaybookForm(**content.fields, software_id=content.software.id, workloads=workloads)  # type: ignore[arg-type]  # fields of the base, by name
