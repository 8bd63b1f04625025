"""Mining programs' stats APIs: who is running what, how fast, on which GPU.

`adapters()` finds the adapters, `read()` asks one program through one. One file in this folder per program;
docs/adding-a-mining-program.md walks through adding one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

import msgspec
import structlog

from rigfarm.sentry.miners import lenient
from rigfarm.sentry.miners.adapter import Answers, Http, MinerAdapter, Request, Tcp
from rigfarm.sentry.miners.damaged import Damage
from rigfarm.sentry.miners.discovery import adapters
from rigfarm.sentry.miners.finish import finish, unreachable, unreadable
from rigfarm.sentry.miners.transport import NoAnswerError, ask
from rigfarm.sentry.miners.units import of_an_answer
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
    """Ask the program, within TIMEOUT_S. Never raises for what a program does: silence is a reading in which the
    workloads are `unreachable`, nonsense one in which they are unknown, and `problems` says why."""
    answers: dict[str, bytes] = {}
    try:
        await _ask_all(source, adapter, answers)
    except NoAnswerError as error:
        reading_of = unreadable if error.answered else unreachable
        return reading_of(source, adapter, f"{_who(source, adapter)}: {error}")
    if sum(map(len, answers.values())) > _LONG_BYTES:
        return await asyncio.to_thread(interpret, answers, source, adapter)
    return interpret(answers, source, adapter)


def interpret(answers: Answers, source: WorkloadSource, adapter: MinerAdapter) -> MinerReading:
    """What the answers mean. Pure, and total: answers without sense are a program of which nothing is known but that it
    answers."""
    who = _who(source, adapter)
    if not any(answers.values()):
        return unreachable(source, adapter, f"{who}: no answer")
    answers, damage = _mended(answers)
    try:
        with of_an_answer(cut_off=damage == "cut off"):
            said = adapter.parse(answers)
    except Exception as error:  # noqa: BLE001  an adapter may be the operator's own; its bug costs its own reading only
        _log.error("miner adapter failed", adapter=adapter.name, error=repr(error))
        return unreadable(source, adapter, f"{who}: the adapter failed: {error!r}")
    if said is None or not said.workloads:
        return unreadable(source, adapter, f"{who}: the answer is not one of this program's")
    if damage:
        said.problems.append(f"{who}: its answer is {damage}; what could not be read is unknown")
    return finish(said, source, adapter, damaged=bool(damage))


def _mended(answers: Answers) -> tuple[Answers, Damage]:
    """The answers as valid JSON where they are meant to be JSON, and in which way one was not."""
    mended: dict[str, bytes] = {}
    damage: Damage = ""
    for name, answer in answers.items():
        mended[name] = answer
        if answer.lstrip(b"\xef\xbb\xbf\0 \r\n\t").startswith((b"{", b"[")):
            found = lenient.examine(answer)
            damage = damage or found.damage
            if found.damage:
                with contextlib.suppress(UnicodeEncodeError):  # half of a surrogate pair: the adapter mends it itself
                    mended[name] = msgspec.json.encode(found.tree)
        elif b"=" in answer and b"|" not in answer:
            damage = damage or "cut off"  # the text of the ccminer protocol ends with it
    return mended, damage


async def _ask_all(source: WorkloadSource, adapter: MinerAdapter, answers: dict[str, bytes]) -> None:
    ends = time.monotonic() + TIMEOUT_S
    for request in adapter.requests:
        left = ends - time.monotonic()
        try:
            answers[request.name] = await ask(
                request, source.host, source.port, min(left, OPTIONAL_S) if request.optional else left
            )
        except NoAnswerError:
            if not request.optional:
                raise


def _who(source: WorkloadSource, adapter: MinerAdapter) -> str:
    return f"{source.software or adapter.software} on port {source.port}"
