"""500 rigs fetch a 20 MB archive from the Commander at the same time: how its memory grows, and how fast it serves.

The rigs are bare sockets, in two processes of their own, that throw away what they read. Ceiling: a bare asyncio
server that streams the same file to the same sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from bench.farm import many_files
from bench.report import Figure, cpu_seconds, report, resident_bytes
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.program.pack import pack_files, source
from support.playbooks import upload

RIGS, PROCESSES = 500, 2
SIZE = 20_000_000
PIECE = 64 << 10


class Peak:
    """The most memory a process had inside the block."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            self.bytes = max(self.bytes, resident_bytes(self._pid))


async def fetch(url: str, path: str, token: str) -> int:
    """Bytes of the body."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=4 * PIECE)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n", 1)[0], head
    left = length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line)
    while left:
        left -= len(await reader.read(4 * PIECE))
    writer.close()
    return length


async def client() -> None:
    """One of the processes: fetch for every token, say how many bytes came."""
    many_files()
    asked = json.loads(sys.stdin.readline())
    done = await asyncio.gather(*(fetch(asked["url"], asked["path"], token) for token in asked["tokens"]))
    print(sum(done), flush=True)


def fetch_all(url: str, path: str, tokens: list[str]) -> float:
    """s until all of them have it."""
    began = time.perf_counter()
    processes = []
    for number in range(PROCESSES):
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.fetch", "client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({"url": url, "path": path, "tokens": tokens[number::PROCESSES]}) + "\n")
        process.stdin.flush()
        processes.append(process)
    got = sum(int(process.communicate()[0]) for process in processes)
    assert got >= SIZE * len(tokens), got
    return time.perf_counter() - began


@contextlib.contextmanager
def bare(file: Path) -> Iterator[str]:
    """A server that streams the file and does nothing else; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.fetch", "bare", str(file)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


async def serve_bare(path: str) -> None:
    """As the Commander streams, without everything else it does."""
    many_files()
    size = os.stat(path).st_size

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        with open(path, "rb", buffering=0) as file:
            while piece := file.read(PIECE):
                writer.write(piece)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    """Both servers, the same rigs."""
    archive = pack_files("tar.gz", {"fakeminer": source(), "data.bin": os.urandom(SIZE)})
    with tempfile.TemporaryDirectory() as temporary, CommanderProcess(Path(temporary) / "commander") as commander:
        tokens = [token for _, token in commander.add_rigs([f"rig-{number:03d}" for number in range(RIGS)])]
        upload(commander, archive)
        path = f"/software/archives/{hashlib.sha256(archive).hexdigest()}"
        fetch_all(commander.url, path, tokens[:2])
        idle, cpu = resident_bytes(commander.pid), cpu_seconds(commander.pid)
        with Peak(commander.pid) as peak:
            took = fetch_all(commander.url, path, tokens)
        cpu = cpu_seconds(commander.pid) - cpu
        health = commander.api("GET", "/api/health")
        with bare(commander.folder / path.removeprefix("/software/")) as url:
            ceiling = fetch_all(url, path, tokens)
    assert isinstance(health, dict)
    grown, speed = (peak.bytes - idle) / 1e6, len(archive) * RIGS / 1e6 / took
    report(
        Figure(
            f"{RIGS} rigs fetch {len(archive) / 1e6:.0f} MB from the Commander at once",
            f"memory +{grown:.0f} MB over {idle / 1e6:.0f} MB; {took:.1f} s, {speed:,.0f} MB/s",
            ceiling / took,
            f"a bare server: {ceiling:.1f} s",
            "memory flat",
            notes=f"{grown * 1000 / RIGS:.0f} KB a rig; CPU of the Commander {cpu:.1f} s; "
            f"loop lag p99 {health['loop_lag_p99_ms']:.1f} ms",
        )
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["client"]:
            uvloop.run(client())
        case ["bare", served]:
            uvloop.run(serve_bare(served))
        case _:
            main()
