"""Ask all mining programs at once, none waiting for another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from rigfarm.sentry.readings import MinerReading, WorkloadSource
from rigfarm.wire.log import Workload

__all__ = ["ReadMiner", "read_all"]

_log = structlog.get_logger(__name__)

ReadMiner = Callable[[WorkloadSource], Awaitable[MinerReading]]
"""Asks one program; `rigfarm.sentry.miners.read` with its adapter."""

_TIMEOUT_S = 4.0
"""A reader keeps its own, shorter time; this is for one that does not."""


async def read_all(sources: list[WorkloadSource], read: ReadMiner) -> list[MinerReading]:
    """One reading per source, in their order, whatever a reader does."""
    return list(await asyncio.gather(*(_read(source, read) for source in sources)))


async def _read(source: WorkloadSource, read: ReadMiner) -> MinerReading:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await read(source)
    except TimeoutError:
        return _unreachable(source, f"no answer within {_TIMEOUT_S:.0f} s")
    except Exception as error:  # noqa: BLE001 - whatever a reader raises costs its own reading only
        _log.exception("program-not-read", adapter=source.adapter, port=source.port)
        return _unreachable(source, f"reading failed: {type(error).__name__}: {error}")


def _unreachable(source: WorkloadSource, why: str) -> MinerReading:
    software = source.software or source.adapter
    coins: list[str | None] = [*source.coins] or [None]
    silent = [
        Workload(
            software=software,
            version=source.version,
            coin=coin,
            wallet=source.wallet,
            worker=source.worker,
            state="unreachable",
            playbook=source.playbook,
        )
        for coin in coins
    ]
    return MinerReading(workloads=silent, problems=[f"{software} on port {source.port}: {why}"])
