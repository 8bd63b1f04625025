"""A farm of load links in a process of its own: what is measured does not share an interpreter with who makes the load.

python -m bench.farm < {"url": …, "tokens": […]}, then a line with the s between two reports of a rig
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import uvloop

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from support.load import LoadLink, Stamped, a_log, connect

__all__ = ["Farm", "connect_all", "linked", "many_files"]

AT_ONCE = 100
COINS = ("KAS", "ETC", "RVN", "XMR", "ERG")


def many_files() -> None:
    """Let this process have as many sockets as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def connect_all(url: str, tokens: list[str]) -> list[LoadLink]:
    """A link for each token, a hundred at a time."""
    links: list[LoadLink] = []
    for start in range(0, len(tokens), AT_ONCE):
        links += await asyncio.gather(*(connect(url, [token]) for token in tokens[start : start + AT_ONCE]))
    return links


class Farm:
    """The running process. `links_s` is how long all links took to come up."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.links_s = float(process.stdout.readline())

    def report(self, every: float) -> None:
        """From now on each rig reports every so many s, spread over that time; returns after each has reported."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{every}\n")
        self._process.stdin.flush()
        time.sleep(every + 1)


@contextlib.contextmanager
def linked(commander: CommanderProcess, tokens: list[str]) -> Iterator[Farm]:
    """All these rigs linked, and silent until they are told to report; gone after the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.farm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"url": commander.url, "tokens": tokens}) + "\n")
        process.stdin.flush()
        yield Farm(process)
    finally:
        process.kill()
        process.wait()


async def _run() -> None:
    many_files()
    asked = json.loads(sys.stdin.readline())
    started = time.perf_counter()
    links = await connect_all(asked["url"], asked["tokens"])
    print(time.perf_counter() - started, flush=True)
    every = float(await asyncio.to_thread(sys.stdin.readline))
    began = asyncio.get_running_loop().time()
    await asyncio.gather(
        *(_report(link, number, every, began + every * number / len(links)) for number, link in enumerate(links))
    )


async def _report(link: LoadLink, number: int, every: float, due: float) -> None:
    loop = asyncio.get_running_loop()
    log = Stamped(a_log(number, utc_ms(), coin=COINS[number % len(COINS)]))
    while True:
        await asyncio.sleep(max(due - loop.time(), 0))
        link.send_logs([log.at(utc_ms())])
        link.sent_at.clear()
        due += every


if __name__ == "__main__":
    uvloop.run(_run())
