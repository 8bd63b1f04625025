"""One round through a rack: who is next, and where the others went."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from rigfarm.commander.commands.model import GivenCommand

__all__ = ["Round", "Step"]


class Step(Struct, frozen=True):
    """What became of a rig in a round."""

    rig_id: int
    place: str
    """Where it was put; empty: it was skipped."""
    before: str
    """Where it was until then."""


@dataclass
class Round:
    """A person who fills a place, in memory."""

    id: str
    place: str
    slots: tuple[str, ...]
    queue: list[int]
    """Rigs that wait for their turn."""
    places: dict[int, str]
    """Where all of them were in the beginning."""
    unable: int
    """Rigs that were left out: they can't blink."""
    touched: float
    """By monotonic clock: when the person last did something."""
    current: int | None = None
    """The rig whose turn it is."""
    blink: GivenCommand | None = None
    """The command that made it blink, as it was last heard of."""
    steps: list[Step] = field(default_factory=list)
    over: bool = False
    """It was stopped."""

    def at(self, slot: str) -> str:
        """A slot as a place."""
        return f"{self.place}/{slot}"

    @property
    def skipped(self) -> list[int]:
        """Rigs that were skipped, and have had no turn since."""
        return [one.rig_id for one in self.steps if not one.place]
