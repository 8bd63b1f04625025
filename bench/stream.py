"""Log arrival to the changed rig in the stream of the API, under the load of a farm, a hundred programs reading it.

Every reader is sent every rig. Logs carry another time each, which is how a reader knows which log it sees (so the way
to the Commander is included).

    python -m bench stream            1,000 rigs every 5 s, 100 readers of the whole farm: p99 ≤ 300 ms
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import uvloop
from msgspec.structs import replace

from bench.farm import connect_all, many_files
from bench.report import Figure, percentile, report, resident_bytes
from bench.web import Watching
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import LoadLink, a_log

RIGS, EVERY_S, READERS, CLOSELY, SECONDS = 1_000, 5.0, 100, 5, 20.0
_RIG = re.compile(rb'"id":(\d+),.*?"power_w":([\d.]+)')


class _Readers(Watching):
    """Programs that only read."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[tuple[int, float], float] = {}
        """When the log of a rig with so many W was sent."""

    async def read(self, url: str, key: str, *, closely: bool) -> None:
        """Until cancelled. `closely`: look at every row. The others only take what comes: it is the Commander that is
        measured."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 24)
        head = f"GET /api/stream HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n\r\n"
        writer.write(head.encode())
        try:
            while piece := await (reader.readline() if closely else reader.read(1 << 20)):
                if self.measuring:
                    self.bytes += len(piece)
                    if closely:
                        self._see(piece)
        finally:
            writer.close()

    def _see(self, line: bytes) -> None:
        found = _RIG.search(line)
        if found is not None:
            self.rows += 1
            sent = self.sent.get((int(found[1]), float(found[2])))
            if sent is not None:
                self.waits.append(time.perf_counter() - sent)


async def _report_for_ever(readers: _Readers, link: LoadLink, rig: int, phase: float) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time() + phase
    pattern = a_log(rig, 1)
    power_w = 100.0
    while True:
        await asyncio.sleep(max(due - loop.time(), 0))
        power_w += 1.0
        log = encode(replace(pattern, t=utc_ms(), power_w=power_w))
        readers.sent[rig, power_w] = time.perf_counter()
        link.send_logs([log])
        due += EVERY_S


async def _run(commander: CommanderProcess) -> _Readers:
    made = commander.add_rigs([f"rig-{i:05d}" for i in range(RIGS)])
    links = await connect_all(commander.url, [token for _, token in made])
    readers = _Readers()
    tasks = [
        asyncio.create_task(_report_for_ever(readers, link, made[i][0], EVERY_S * i / RIGS))
        for i, link in enumerate(links)
    ]
    await asyncio.sleep(EVERY_S + 1)
    tasks += [
        asyncio.create_task(readers.read(commander.url, commander.key, closely=i < CLOSELY)) for i in range(READERS)
    ]
    await asyncio.sleep(5)
    await readers.measure(commander.pid, tasks, SECONDS)
    return readers


def main() -> None:
    """The size every build must hold."""
    many_files()
    with (
        tempfile.TemporaryDirectory() as folder,
        CommanderProcess(Path(folder), settings={"report_interval_s": str(EVERY_S)}) as commander,
    ):
        idle = resident_bytes(commander.pid)
        readers = uvloop.run(_run(commander))
        memory = resident_bytes(commander.pid)
    report(
        Figure(
            f"log to event of the API's stream, {RIGS:,} rigs every {EVERY_S:.0f} s, {READERS} readers of all of them",
            f"p50 {percentile(readers.waits, 0.5) * 1000:.0f} ms, p99 {percentile(readers.waits, 0.99) * 1000:.0f} ms",
            target="p99 ≤ 300 ms",
            notes=f"{readers.rows:,} rows seen by {CLOSELY} of them; "
            f"{readers.bytes / READERS / SECONDS / 1024:,.0f} KiB/s to each reader; "
            f"CPU {readers.cpu_share:.0%} of a core; memory {idle >> 20} MiB idle, {memory >> 20} MiB at the end",
        )
    )


if __name__ == "__main__":
    main()
