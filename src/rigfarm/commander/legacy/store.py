"""Which ASICs their agents should keep switched off."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.storage import get_meta, set_meta

__all__ = ["load_off", "save_off"]

_KEY = "agents' devices that are off"


async def load_off(tx: AsyncConnection) -> set[int]:
    """Their rigs."""
    text = await get_meta(tx, _KEY)
    return set() if text is None else msgspec.json.decode(text, type=set[int])


async def save_off(tx: AsyncConnection, rigs: Iterable[int]) -> None:
    """These and no others."""
    await set_meta(tx, _KEY, msgspec.json.encode(sorted(rigs)).decode())
