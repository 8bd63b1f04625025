"""Who uses a thing that somebody wants to change or remove."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

__all__ = ["AskWhoUses", "Use", "named"]

_NAMED = 5


class Use(Struct, frozen=True):
    """One user of a thing, for people: what it is, its name, and where its page is."""

    kind: str
    name: str
    href: str
    rigs: int = 0
    """How many rigs run it."""

    @property
    def on(self) -> str:
        """The rigs that run it, for people: `1 rig`; empty when there is none."""
        return f"{self.rigs:,} rig{'' if self.rigs == 1 else 's'}" if self.rigs else ""


AskWhoUses = Callable[[int], list[Use]]
"""Answers who uses the thing with an id."""


def named(uses: list[Use]) -> str:
    """The first few in words: `playbook XMR on CPUs, playbook KAS and 3 more`."""
    names = ", ".join(f"{use.kind} {use.name}" for use in uses[:_NAMED])
    return f"{names} and {len(uses) - _NAMED} more" if len(uses) > _NAMED else names
