"""When the address book or the software page says something else now: the revision that a playbook needs to follow."""

from __future__ import annotations

from msgspec.structs import replace

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.mining_software import MiningSoftware
from rigfarm.commander.playbooks.content.check import software_ref
from rigfarm.commander.playbooks.model import PlaybookContent, WorkloadPlan

__all__ = ["refreshed"]


def refreshed(
    content: PlaybookContent, addresses: AddressBook, software: MiningSoftware
) -> tuple[PlaybookContent, str]:
    """The content as it would be now, and what changed, in words. What was removed meanwhile stays as it was."""
    notes: list[str] = []
    workloads = [_workload(plan, addresses, notes) for plan in content.workloads]
    program = software.software.get(content.software.id)
    reference = content.software if program is None else software_ref(program)
    if reference != content.software:
        notes.append(f"{reference.name} {reference.version} changed on the software page")
    if not notes:
        return content, ""
    return replace(content, workloads=workloads, software=reference), "; ".join(dict.fromkeys(notes))


def _workload(plan: WorkloadPlan, addresses: AddressBook, notes: list[str]) -> WorkloadPlan:
    pool, wallet = plan.pool, plan.wallet
    entry = None if pool is None else addresses.addresses.get(pool.id)
    if pool is not None and entry is not None and entry.urls != pool.urls:
        pool = replace(pool, name=entry.name, urls=entry.urls)
        notes.append(f"pool “{entry.name}” changed in the address book")
    entry = None if wallet is None else addresses.addresses.get(wallet.id)
    if wallet is not None and entry is not None and entry.wallet != wallet.wallet:
        wallet = replace(wallet, name=entry.name, wallet=entry.wallet)
        notes.append(f"wallet “{entry.name}” changed in the address book")
    return replace(plan, pool=pool, wallet=wallet)
