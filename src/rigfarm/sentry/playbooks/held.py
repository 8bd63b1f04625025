"""Programs that go on while their Sentry is replaced: what the next one has to know of them.

The Sentry becomes the next one (execve), so it stays the same process: the shims' sockets stay open, and no program is
without its Sentry for a moment. What is handed on lies in memory, behind a descriptor that the environment names.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

import msgspec
import structlog
from msgspec import Struct

from rigfarm.sentry.playbooks.plan import Plan
from rigfarm.sentry.processes.inherited import Running
from rigfarm.wire.playbooks import PlaybookState

__all__ = ["Held", "hand_on", "take_over"]

_VARIABLE = "RIGFARM_RUNNING"
"""`<descriptor of what is said of them>:<descriptors of their sockets>`, with commas in between."""
_MOST_BYTES = 16 << 20

log = structlog.get_logger()


class Held(Struct, frozen=True):
    """One playbook's program that runs."""

    plan: Plan
    running: Running
    began: float
    """By the monotonic clock, which goes on."""
    state: PlaybookState
    detail: str
    since_ms: int
    restarts: int


def hand_on(held: Sequence[Held]) -> None:
    """Right before this process becomes another Sentry. OSError."""
    if not held:
        return
    memory = os.memfd_create("rigfarm-running", os.MFD_CLOEXEC)
    data = memoryview(msgspec.msgpack.encode(list(held)))
    while data:
        data = data[os.write(memory, data) :]
    descriptors = [one.running.descriptor for one in held]
    for descriptor in (memory, *descriptors):
        os.set_inheritable(descriptor, True)
    os.environ[_VARIABLE] = f"{memory}:{','.join(map(str, descriptors))}"


def take_over() -> list[Held]:
    """What the Sentry before us handed on. If it cannot be read all of it ends, and starts again."""
    said = os.environ.pop(_VARIABLE, "")
    memory, _, descriptors = said.partition(":")
    if not memory.isdecimal():
        return []
    sockets = [int(one) for one in descriptors.split(",") if one.isdecimal()]
    try:
        held = msgspec.msgpack.decode(os.pread(int(memory), _MOST_BYTES, 0), type=list[Held])
        for one in sockets:
            os.set_inheritable(one, False)
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        log.error("running programs cannot be taken over; they start again", error=str(error))
        for one in sockets:
            with contextlib.suppress(OSError):
                os.close(one)
        held = []
    with contextlib.suppress(OSError):
        os.close(int(memory))
    return [one for one in held if one.running.descriptor in sockets]
