"""A rig, of either kind."""

from __future__ import annotations

from msgspec import Struct

from rigfarm.commander.channels import Kind
from rigfarm.wire.specs import Specs

__all__ = ["KINDS", "Rig"]

KINDS: tuple[Kind, ...] = ("cpu-gpu", "asic")


class Rig(Struct, frozen=True):
    """What is kept about a rig. Times are UTC milliseconds."""

    id: int
    name: str
    kind: Kind
    created_at: int
    revision: int = 1
    first_seen_at: int | None = None
    """When it reported for the first time; absent: it is waiting."""
    specs: Specs | None = None
