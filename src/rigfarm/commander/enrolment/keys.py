"""Enrolment: API keys with the scope `enrol` make rigs. So many and no more, and they expire."""

from __future__ import annotations

import asyncio

from rigfarm.commander.auth import ApiKey, ApiKeys
from rigfarm.commander.channels import Kind
from rigfarm.commander.names import MAX_NAME, clean_name, name_key
from rigfarm.commander.refusals import Absent, Invalid
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.model import Rig

__all__ = ["EnrolmentKeys"]

MAX_HOURS = 24 * 30
MAX_AT_ONCE = 2_000
MAX_PER_KEY = 20_000
"""Rigs that one key makes in its life: one that got into wrong hands fills no disk."""

_ROOM_FOR_NUMBER = 8
"""Characters: a hyphen and as many digits as ever needed."""


class EnrolmentKeys:
    """Those of the API keys that may enrol, and what they do."""

    def __init__(self, keys: ApiKeys, book: RigBook) -> None:
        self._keys = keys
        self._book = book
        self._enrolling = asyncio.Lock()

    def all(self) -> list[ApiKey]:
        """Newest first, expired ones included."""
        return [key for key in reversed(self._keys.all()) if "enrol" in key.scopes]

    async def create(self, name: str, hours: float) -> tuple[ApiKey, str]:
        """Make a key that enrols and does nothing else; its secret cannot be read afterwards."""
        if not 0 < hours <= MAX_HOURS:
            raise Invalid(f"An enrolment key lasts between 1 and {MAX_HOURS} hours.", field="hours")
        return await self._keys.create(name, ("enrol",), hours * 3600, what="An enrolment key")

    async def revoke(self, key_id: int) -> ApiKey:
        """Refuse it from now on; rigs made with it stay."""
        if all(key.id != key_id for key in self.all()):
            raise Absent(f"Enrolment key {key_id} does not exist.")
        return await self._keys.revoke(key_id)

    async def enrol(self, key: ApiKey, wanted: list[tuple[str, Kind]]) -> list[tuple[Rig, str]]:
        """Make rigs with these names, or with a number behind where a name is taken; all or none, in their order."""
        if not 0 < len(wanted) <= MAX_AT_ONCE:
            raise Invalid(f"Between 1 and {MAX_AT_ONCE} rigs can be enrolled at once.", field="rigs")
        async with self._enrolling:
            if key.enrolled + len(wanted) > MAX_PER_KEY:
                raise Invalid(
                    f"An enrolment key makes at most {MAX_PER_KEY:,} rigs, this one has made {key.enrolled:,}: "
                    "make another on the settings page.",
                    field="rigs",
                )
            names = self._distinct([name for name, _ in wanted])
            made = await self._book.create_all([(name, kind) for name, (_, kind) in zip(names, wanted, strict=True)])
            key.enrolled += len(made)
            await self._keys.save(key)
        return made

    def _distinct(self, names: list[str]) -> list[str]:
        taken: set[str] = set()
        numbers: dict[str, int] = {}
        """The last number that was tried behind a name, by as much of it as leaves room for one: a thousand of one name
        are not a million questions."""
        distinct = []
        for name in names:
            candidate = clean_name(name, "A rig", "asic-01")
            stem = candidate[: MAX_NAME - _ROOM_FOR_NUMBER].rstrip()
            key = name_key(stem)
            while name_key(candidate) in taken or self._book.name_taken(candidate):
                numbers[key] = numbers.get(key, 1) + 1
                candidate = f"{stem}-{numbers[key]}"
            taken.add(name_key(candidate))
            distinct.append(candidate)
        return distinct
