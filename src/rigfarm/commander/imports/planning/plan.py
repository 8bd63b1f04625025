"""The plan: every thing of the files, in the order in which it would be done. It changes nothing."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from rigfarm import units
from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.imports.model import Found, FoundRig, FoundSheet, FoundWallet, Line, Plan, Refused, Step
from rigfarm.commander.imports.planning.playbooks import PlannedPlaybooks
from rigfarm.commander.imports.planning.rigs import PlannedRigs
from rigfarm.commander.mining_software import MiningSoftware
from rigfarm.commander.playbooks import Playbooks
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats

__all__ = ["Farm", "plan_of"]

MAX_ENTRIES = 1_000
"""Wallets and programs of flight sheets: each is stored, and said in the activity, on its own."""
MAX_RIGS = 10_000
IN_TURN = 50
"""Things that are planned before everything else has its turn: a few milliseconds."""


class Farm(Struct, frozen=True):
    """What there is already."""

    addresses: AddressBook
    software: MiningSoftware
    playbooks: Playbooks
    rigs: Rigs
    stats: OperationalStats


async def plan_of(found: Found, farm: Farm, *, new_rigs: bool) -> Plan:
    """What accepting it would do. `new_rigs`: whether rigs that aren't there are created. Invalid: too much at once."""
    rigs = sum(isinstance(item, FoundRig) for item in found.items)
    if rigs > MAX_RIGS:
        raise Invalid(f"At most {units.count(MAX_RIGS)} rigs at once: import them in parts.", field="file")
    if len(found.items) - rigs > MAX_ENTRIES:
        most = units.count(MAX_ENTRIES)
        raise Invalid(f"At most {most} wallets and flight sheets at once: import them in parts.", field="file")
    playbooks = PlannedPlaybooks(farm.addresses, farm.software, farm.playbooks)
    planned_rigs = PlannedRigs(farm.rigs, farm.stats, new_rigs=new_rigs)
    planned: list[tuple[Line, Step | None]] = []
    for number, item in enumerate(found.items):
        if number % IN_TURN == 0:
            await asyncio.sleep(0)
        match item:
            case FoundWallet():
                planned.append(playbooks.wallet(item))
            case FoundSheet():
                planned += playbooks.sheet(item)
            case FoundRig():
                planned.append(planned_rigs.rig(item))
            case Refused():
                planned.append((Line(item.where, item.what, item.name, "refuse", why=item.why), None))
    steps = {number: step for number, (_, step) in enumerate(planned) if step is not None}
    return Plan(found.source, found.notes, [line for line, _ in planned], steps)
