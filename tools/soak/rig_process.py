"""One rig of a soak: a real Sentry with the real runner, in a process of its own.

It writes a diary: every acknowledged log by its spool, its number, and what was sent under that number. A line is there
before the spool knows of the acknowledgement, so a kill at any moment makes the diary incomplete but never wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import paths
from wall import turned_by

if __name__ == "__main__":
    paths.add()
    turned_by(Path(sys.argv[1]) / "clock")

from farm import MiningRig
from rigfarm.sentry.spool.record import Record
from rigfarm.wire.log import OperationalLog

SAYS_EVERY_S = 0.2
FLOOD_LOGS, FLOOD_BYTES = 1_500, 900
"""More than a spool of one MiB takes."""


class Diary:
    """What a spool sends, and what of it was acknowledged."""

    def __init__(self, rig: MiningRig, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._sent: dict[int, set[str]] = {}
        spool = rig.agent.spool
        body, acked = spool.body, spool.acked

        def sent(record: Record) -> bytes:
            data = body(record)
            self._sent.setdefault(record.seq, set()).add(hashlib.sha256(data).hexdigest()[:24])
            return data

        def acknowledged(first: int, last: int) -> None:
            gone = [range(start, end + 1) for start, end, _ in spool.gaps()]  # sent once, and then dropped: counted
            known = [
                (number, found)
                for number in range(first, last + 1)
                if (found := self._sent.pop(number, None)) and not any(number in one for one in gone)
            ]
            self._file.write("".join(f"{spool.id.hex()} {n} {' '.join(found)}\n" for n, found in known).encode())
            acked(first, last)

        spool.body, spool.acked = sent, acknowledged  # type: ignore[method-assign]


def main(folder: Path, url: str, token: str) -> None:
    """Work until SIGTERM. On SIGUSR1, report more than the spool can hold."""
    rig = MiningRig(folder / "sentry", url, token, allow_power=False, spool_mib=1)
    Diary(rig, folder / "diary")
    asyncio.run(_run(rig, folder / "status.json", token))


async def _run(rig: MiningRig, status: Path, token: str) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, rig.agent.stop)
    loop.add_signal_handler(signal.SIGUSR1, _flood, rig, token)
    saying = asyncio.create_task(_say(rig, status))
    await rig.agent.run()
    saying.cancel()


def _flood(rig: MiningRig, token: str) -> None:
    for number in range(FLOOD_LOGS):
        log = OperationalLog(rig.agent.reporter.now_ms(token), float(number), messages=["x" * FLOOD_BYTES])
        rig.agent.reporter.log(token, log)


async def _say(rig: MiningRig, status: Path) -> None:
    """How the rig is, for whoever looks at the soak."""
    while True:
        with contextlib.suppress(OSError):
            new = status.with_suffix(".new")
            new.write_text(json.dumps(dict(_facts(rig))))
            os.replace(new, status)
        await asyncio.sleep(SAYS_EVERY_S)


def _facts(rig: MiningRig) -> Iterator[tuple[str, object]]:
    spool = rig.agent.spool
    yield "process", os.getpid()
    yield "link", rig.agent.link.state.value
    yield "mining", rig.pid
    yield "needs_token", rig.agent.needs_token
    if spool._writer is not None:
        stats = spool.stats()
        yield "spool", spool.id.hex()
        yield "numbered", spool.next_seq - 1
        yield "waiting", stats.logs
        yield "gaps", len(spool.gaps())
        yield "dropped", stats.dropped


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
