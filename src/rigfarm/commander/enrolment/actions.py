"""Enrolment: API keys with the scope `enrol` make rigs. So many and no more, and they expire."""

from __future__ import annotations

import asyncio

from rigfarm import units
from rigfarm.commander.auth import ApiKey, ApiKeys
from rigfarm.commander.changes import concerns, describe
from rigfarm.commander.kinds import KindName
from rigfarm.commander.names import DistinctNames, clean_name
from rigfarm.commander.refusals import Absent, Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig

__all__ = ["EnrolmentKeys"]

MAX_HOURS = 24 * 30
MAX_AT_ONCE = 2_000
MAX_PER_KEY = 20_000
"""Rigs that one key makes in its life: one that got into wrong hands fills no disk."""


class EnrolmentKeys:
    """Those of the API keys that may enrol, and what they do."""

    def __init__(self, keys: ApiKeys, book: Rigs) -> None:
        self._keys = keys
        self._book = book
        self._enrolling = asyncio.Lock()

    def all(self) -> list[ApiKey]:
        """Newest first, expired ones included."""
        return [key for key in reversed(self._keys.all()) if "enrol" in key.scopes]

    async def create(self, name: str, hours: float) -> tuple[ApiKey, str]:
        """Make a key that enrols and does nothing else; its secret cannot be read afterwards."""
        if not 0 < hours <= MAX_HOURS:
            raise Invalid(f"An enrolment key is valid for 1 to {MAX_HOURS} hours.", field="hours")
        return await self._keys.create(name, ("enrol",), hours * 3600, what="An enrolment key")

    async def revoke(self, key_id: int) -> ApiKey:
        """Refuse it from now on; rigs made with it stay."""
        if all(key.id != key_id for key in self.all()):
            raise Absent(f"Enrolment key {key_id} does not exist.")
        return await self._keys.revoke(key_id)

    async def enrol(self, key: ApiKey, wanted: list[tuple[str, KindName]]) -> list[tuple[Rig, str]]:
        """Make rigs with these names, or with a number behind where a name is taken; all or none, in their order."""
        describe("enrol rigs")
        if not 0 < len(wanted) <= MAX_AT_ONCE:
            raise Invalid(f"Between 1 and {MAX_AT_ONCE} rigs can be enrolled at once.", field="rigs")
        async with self._enrolling:
            if key.enrolled + len(wanted) > MAX_PER_KEY:
                raise Invalid(
                    f"An enrolment key creates at most {units.count(MAX_PER_KEY)} rigs, and this one has created "
                    f"{units.count(key.enrolled)}: "
                    "create another on the settings page.",
                    field="rigs",
                )
            distinct = DistinctNames(self._book.name_taken)
            names = [distinct.give(clean_name(name, "A rig", "asic-01")) for name, _ in wanted]
            made = await self._book.create_all([(name, kind) for name, (_, kind) in zip(names, wanted, strict=True)])
            key.enrolled += len(made)
            await self._keys.save(key)
        describe("enrol rigs")
        concerns("key", {key.id: key.name})
        return made
