"""Mining programs' stats APIs: who is running what, how fast, on which GPU.

`adapters()` finds the adapters, `read()` asks one program through one. One file in this folder per program;
docs/adding-a-mining-program.md walks through adding one.
"""

from __future__ import annotations

import asyncio

import structlog

from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter, Request, Tcp
from rigfarm.sentry.miners.discovery import adapters
from rigfarm.sentry.miners.finish import finish, unreachable
from rigfarm.sentry.miners.transport import NoAnswerError, ask
from rigfarm.sentry.readings import MinerReading, WorkloadSource

__all__ = ["TIMEOUT_S", "Answers", "Http", "MinerAdapter", "Request", "Tcp", "adapters", "interpret", "read"]

TIMEOUT_S = 2.0
"""All of one reading, whatever the program does."""
OPTIONAL_S = 0.7
"""An optional request's share of it."""

_LONG_BYTES = 64 << 10
"""An answer of ordinary size is read in well under a millisecond; one this long not on the event loop."""

_log = structlog.get_logger(__name__)


async def read(source: WorkloadSource, adapter: MinerAdapter) -> MinerReading:
    """Ask the program, within TIMEOUT_S. Never raises for what a program does: silence and nonsense are a reading in
    which the workloads are `unreachable` and `problems` says why."""
    answers: dict[str, bytes] = {}
    why = f"no answer within {TIMEOUT_S:.0f} s"
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await _ask_all(source, adapter, answers)
    except TimeoutError:
        pass  # an answer that came in time still counts, see below
    except NoAnswerError as error:
        why = str(error)
    if any(request.name not in answers for request in adapter.requests if not request.optional):
        return unreachable(source, adapter, f"{_who(source, adapter)}: {why}")
    if sum(map(len, answers.values())) > _LONG_BYTES:
        return await asyncio.to_thread(interpret, answers, source, adapter)
    return interpret(answers, source, adapter)


def interpret(answers: Answers, source: WorkloadSource, adapter: MinerAdapter) -> MinerReading:
    """What the answers mean. Pure, and total: answers without sense are a program that cannot be reached."""
    try:
        said = adapter.parse(answers)
    except Exception as error:  # noqa: BLE001  an adapter may be the operator's own; its bug costs its own reading only
        _log.error("miner adapter failed", adapter=adapter.name, error=repr(error))
        return unreachable(source, adapter, f"{_who(source, adapter)}: the adapter failed: {error!r}")
    if said is None or not said.workloads:
        return unreachable(source, adapter, f"{_who(source, adapter)}: the answer is not one of this program's")
    return finish(said, source, adapter)


async def _ask_all(source: WorkloadSource, adapter: MinerAdapter, answers: dict[str, bytes]) -> None:
    for request in adapter.requests:
        try:
            async with asyncio.timeout(OPTIONAL_S if request.optional else None):
                answers[request.name] = await ask(request, source.host, source.port)
        except (NoAnswerError, TimeoutError):
            if not request.optional:
                raise


def _who(source: WorkloadSource, adapter: MinerAdapter) -> str:
    return f"{source.software or adapter.software} on port {source.port}"
