"""Row 35: a stranger without a token harms nobody, on a machine that gives the Commander 1,024 files.

Beside each kind of stranger: rigs report and are acknowledged, pages stay open and fast, a rig returns, the owner gets
in from a known address and logs in from an unknown one; files stay below half the limit, memory within 64 MiB.

The controls: without limits on connections the owner is locked out; without limits on time and frames, what the
Commander ends stays for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from browsers import LivePage, login, resident_bytes
from promise import record, scaled
from strangers import KINDS, Attack

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from support.load import LoadLink, a_log, connect

FILES = 1024
FEW_FILES = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))\n"
QUICK = """
import rigfarm.commander.server.http_protocol as http, rigfarm.commander.server.web_sockets as ws
import rigfarm.commander.link.socket as link
http.HEAD_WITHIN_S, http.GRACE_S, http.CLOSE_WITHIN_S = 1.0, 1.0, 1.0
ws.WHOLE_WITHIN_S, ws.CLOSE_WITHIN_S, link.HELLO_WITHIN_S = 1.0, 1.0, 1.0
"""
"""In a test of seconds. They are longer in the product, and as good for it."""
ANYBODY = """
from rigfarm.commander.server.connections import Connections
import rigfarm.commander.server.accept as accept
accept.STRANGERS_PER_S = accept.STRANGERS_BURST = 10 ** 9
init = Connections.__init__
def unlimited(self, *arguments, **options):
    init(self, *arguments, **options)
    self.share = self.capacity = 10 ** 9
Connections.__init__ = unlimited
import rigfarm.commander.server.connections as c
c.PER_ADDRESS = c.PER_KNOWN_ADDRESS = 10 ** 9
"""
FOR_EVER = """
import rigfarm.commander.server.http_protocol as http, rigfarm.commander.server.web_sockets as ws
import rigfarm.commander.link.socket as link
http.HttpProtocol.check = ws.WebSocketProtocol.check = lambda self, now: None
ws.MAX_FRAGMENTS = ws.CONTROL_BURST = ws.MAX_FRAMES_UNGREETED = ws.MAX_FRAMES_AT_ONCE = 10 ** 9
ws._Frames.control_left = float("inf")
link.HELLO_WITHIN_S = 10 ** 6
"""
HELD = [kind for kind in KINDS if kind not in ("floods", "tls")]
"""The others hang up, or say at once what cannot be."""
ADDRESSES, EACH = 8, 75
"""More connections than the Commander has files for."""
RIGS, PAGES = scaled(20, 200), scaled(3, 20)
SECONDS = scaled(2, 60)
MIB = 1 << 20
ALLOWED = 64 * MIB


class Honest:
    """Rigs and pages of a farm that knows nothing of the attack."""

    def __init__(self, commander: CommanderProcess, cookie: str) -> None:
        self.commander, self.cookie = commander, cookie
        self.links: list[LoadLink] = []
        self.tokens: list[str] = []
        self.acknowledged_s: list[float] = []
        self.pages_s: list[float] = []
        self.failures: list[str] = []
        self.files = 0
        self.logins = 0

    async def report(self) -> None:
        """Each rig, twice a second."""
        while True:
            for number, link in enumerate(self.links):
                self._send(number, link)
            await asyncio.sleep(0.5)

    def _send(self, number: int, link: LoadLink) -> None:
        sent = time.monotonic()
        first = link.send_logs([encode(a_log(number, utc_ms()))])

        def acknowledged(low: int, high: int, before: object = link.on_acks) -> None:
            if low <= first <= high:
                self.acknowledged_s.append(time.monotonic() - sent)

        link.on_acks = acknowledged

    async def use(self, until: float) -> None:
        """The owner looks at pages on new connections and logs in from new addresses; a rig returns."""
        process = psutil.Process(self.commander.pid)
        while time.monotonic() < until:
            began = time.monotonic()
            if await self._get("127.0.2.1", "/rigs", self.cookie) != 200:
                self.failures.append("the owner's page")
            self.pages_s.append(time.monotonic() - began)
            self.logins += 1
            if await self._log_in(f"127.0.3.{self.logins % 250 + 1}") != 303:
                self.failures.append("the owner's login from a new address")
            self.links[0].close()
            try:
                self.links[0] = await connect(self.commander.url, [self.tokens[0]])
            except (OSError, TimeoutError):
                self.failures.append("a rig that returned")
            self.files = max(self.files, process.num_fds())
            await asyncio.sleep(0.1)

    async def _get(self, address: str, path: str, cookie: str) -> int:
        async with _browser(self.commander, address) as browser:
            return (await browser.get(path, headers={"Cookie": cookie})).status_code

    async def _log_in(self, address: str) -> int:
        """As a person does, who tries again when the browser says that the connection was reset."""
        for _ in range(5):
            async with _browser(self.commander, address) as browser:
                with contextlib.suppress(httpx.TransportError):
                    return (await browser.post("/login", data={"password": self.commander.password})).status_code
        return 0


@asynccontextmanager
async def _browser(commander: CommanderProcess, address: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(local_address=address)
    headers = {"Origin": commander.url}
    async with httpx.AsyncClient(base_url=commander.url, transport=transport, timeout=60, headers=headers) as one:
        yield one


@asynccontextmanager
async def farm(folder: Path, mutation: str) -> AsyncIterator[Honest]:
    """A Commander with few files, rigs that report, pages that are open."""
    settings = {"report_interval_s": "1", "login_attempts": "10000"}
    with CommanderProcess(folder, settings=settings, mutation=FEW_FILES + mutation) as commander:
        made = await asyncio.to_thread(commander.add_rigs, [f"rig-{n:03}" for n in range(RIGS)])
        honest = Honest(commander, await asyncio.to_thread(login, commander))
        assert await honest._get("127.0.2.1", "/rigs", honest.cookie) == 200
        honest.tokens = [token for _, token in made]
        honest.links = [await connect(commander.url, [token]) for token in honest.tokens]
        reporting = asyncio.create_task(honest.report())
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(PAGES):
                await stack.enter_async_context(LivePage(commander, honest.cookie, "/rigs"))
            yield honest
            reporting.cancel()
        for link in honest.links:
            link.close()


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)] if values else 0.0


@pytest.mark.timeout(3600)
async def test_a_stranger_harms_nobody(tmp_path: Path) -> None:
    ended: dict[str, int] = {}
    async with farm(tmp_path / "farm", QUICK) as honest:
        commander = honest.commander
        await honest.use(time.monotonic() + 2)
        before = resident_bytes(commander.pid)
        honest.pages_s, honest.acknowledged_s = [], []
        for kind in KINDS:
            async with Attack(commander.port, kind, ADDRESSES, EACH) as attack:
                await honest.use(time.monotonic() + SECONDS)
                await until_ended(honest)
            ended[kind] = attack.ended
        grown = resident_bytes(commander.pid) - before
        lost = [link for link in honest.links if link.lost.is_set()]
        waiting = sum(link.next_seq - 1 - link.acked for link in honest.links)
        named = {one["source"] for one in commander.api("GET", "/api/incidents")}  # type: ignore[union-attr,attr-defined]
        log = commander.log.read_text()
    locked_out = await control_without_limits_on_connections(tmp_path / "anybody")
    stayed = await control_without_limits_on_time(tmp_path / "for ever")
    bad = len(honest.failures) + len(lost) + (grown > ALLOWED) + (honest.files > FILES // 2)
    record(
        35,
        f"{len(KINDS)} kinds of strangers, {ADDRESSES * EACH} connections at a time for {SECONDS} s each, beside "
        f"{RIGS} rigs and {PAGES} pages with {FILES} files: pages p99 {p99(honest.pages_s) * 1000:.0f} ms, "
        f"acknowledged p99 {p99(honest.acknowledged_s) * 1000:.0f} ms, "
        f"memory {max(grown, 0) / MIB:+.1f} MiB, {honest.files} files",
        n=len(honest.pages_s) * 3,
        bad=bad,
        unit="visits of owner and rigs",
        control="no limits on connections; no limits on time and frames",
        control_bad=f"owner locked out: {locked_out}; stayed for ever: {', '.join(stayed)}",
    )
    assert not honest.failures
    assert not lost
    assert waiting <= RIGS * 2, "what is not acknowledged is what was sent last"
    assert grown <= ALLOWED
    assert honest.files <= FILES // 2
    assert all(ended.values()), ended
    assert "127.0.1.1" in named, "the attacker is named"
    assert "Traceback" not in log
    assert locked_out
    assert stayed == HELD


async def until_ended(honest: Honest) -> None:
    """What ends connections looks once a second: wait for it before the strangers leave."""
    await honest.use(time.monotonic() + 2.5)


async def control_without_limits_on_connections(folder: Path) -> bool:
    """Whether the owner is locked out when all the strangers come."""
    async with farm(folder, ANYBODY) as honest:
        async with Attack(honest.commander.port, "sockets", ADDRESSES, 200):
            for _ in range(60):
                try:
                    async with asyncio.timeout(5):
                        await honest._get("127.0.2.1", "/rigs", honest.cookie)
                except (httpx.TransportError, TimeoutError):
                    return True
                await asyncio.sleep(0.2)
        return False


async def control_without_limits_on_time(folder: Path) -> list[str]:
    """The kinds of which a few connections stay for as long as would end them else."""
    stayed = []
    async with farm(folder, FOR_EVER) as honest:
        for kind in HELD:
            async with Attack(honest.commander.port, kind, 1, 4) as attack:
                await asyncio.sleep(4.5)
            if attack.ended == 0:
                stayed.append(kind)
    return stayed
