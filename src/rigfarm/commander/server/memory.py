"""Memory that closed connections leave behind is given back to the system.

Each TLS connection has a buffer of 256 KiB, of which it uses a little at the beginning. The C library keeps what was
freed and hands it out again in another order, so a farm that reconnects again and again would touch ever more of it.
"""

from __future__ import annotations

import asyncio
import ctypes

from rigfarm.commander.supervised import Part

__all__ = ["give_back_memory"]

EVERY_S = 30.0


async def give_back_memory(part: Part) -> None:
    """Until cancelled; a C library that has no `malloc_trim` does it by itself."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(EVERY_S)
        part.beat()
        await asyncio.to_thread(trim, 0)  # milliseconds, without the interpreter's lock
