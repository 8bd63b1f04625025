"""What uses a thing that an operator wants to change or remove."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from rigfarm.units import counted

__all__ = ["Usage", "Use", "named"]

_NAMED = 5

Thing = Literal["address", "software"]


class Use(Struct, frozen=True):
    """One user of a thing, for people: what it is, its name, and where its page is."""

    kind: str
    name: str
    href: str
    rigs: int = 0
    """How many rigs run it."""

    @property
    def on(self) -> str:
        """The rigs that run it, for people: `1 rig`; empty when there are none."""
        return counted(self.rigs, "rig") if self.rigs else ""


class Usage:
    """Answers who uses what. The things know nothing of their users; whatever uses a thing registers itself here."""

    def __init__(self) -> None:
        self._users: dict[Thing, list[Callable[[int], list[Use]]]] = {}
        self._files: list[Callable[[], set[str]]] = []

    def register(self, thing: Thing, users_of: Callable[[int], list[Use]]) -> None:
        """`users_of` answers who of its own uses the thing with an id."""
        self._users.setdefault(thing, []).append(users_of)

    def register_files(self, in_use: Callable[[], set[str]]) -> None:
        """`in_use` answers with the SHA-256 of the archives that rigs still run."""
        self._files.append(in_use)

    def of(self, thing: Thing, thing_id: int) -> list[Use]:
        """Everything that uses it."""
        return [use for users_of in self._users.get(thing, ()) for use in users_of(thing_id)]

    def files(self) -> set[str]:
        """SHA-256 of every archive that must stay although no entry names it."""
        return set().union(*(in_use() for in_use in self._files))


def named(uses: list[Use]) -> str:
    """The first few in words: `playbook XMR on CPUs, playbook KAS and 3 more`."""
    names = ", ".join(f"{use.kind} {use.name}" for use in uses[:_NAMED])
    return f"{names} and {len(uses) - _NAMED} more" if len(uses) > _NAMED else names
