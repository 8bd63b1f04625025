"""How an order ended, said aloud to those who look at its rig's page."""

from __future__ import annotations

from collections.abc import Hashable

from rigfarm.commander.orders.broadcasts import ON_RIG
from rigfarm.commander.orders.model import RigOrder, title

__all__ = ["how_it_ended"]

_LEVELS = {"done": "success", "refused": "error", "failed": "error"}


def how_it_ended(key: Hashable, payload: object) -> tuple[str, str] | None:
    """(words, level) for a message of a rig's channel; None for all but an order's result."""
    if key != ON_RIG or not isinstance(payload, RigOrder) or not payload.ended:
        return None
    words = f"{title(payload.order)}: {payload.state}. {payload.detail}".strip()
    return words, _LEVELS[payload.state]
