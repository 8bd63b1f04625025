"""Load: thousands of links in one process, for benchmarks and fault tests.

Each is a bare WebSocket client (RFC 6455) of a few dozen lines that spends almost nothing itself: what is measured is
the Commander. It speaks the real link (Hello, Welcome, Logs, Acks) but keeps no spool.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
import ssl
import struct
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from msgspec import Raw

from rigfarm import __version__
from rigfarm.wire.codec import decode_down, encode
from rigfarm.wire.frames import PROTOCOL, Acks, DownFrame, Hello, Logs, Welcome
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload

__all__ = ["LoadLink", "Stamped", "a_log", "a_rich_log", "connect"]


def a_log(rig: int, t: int, gpus: int = 6, coin: str = "KAS") -> OperationalLog:
    """A typical log of a six-GPU rig whose figures wander with `t`."""
    wander = random.Random(rig * 1_000_003 + t)
    rates = [3.3e8 * wander.uniform(0.97, 1.03) for _ in range(gpus)]
    return OperationalLog(
        t=t,
        uptime_s=t / 1000 % 1_000_000,
        power_w=sum(rates) / 3e6,
        lan_ip=f"10.{rig >> 16 & 255}.{rig >> 8 & 255}.{rig & 255}",
        workloads=[
            Workload(
                software="lolMiner",
                version="1.98",
                coin=coin,
                algorithm="kheavyhash",
                hashrate=sum(rates),
                accepted=t // 30_000 % 100_000,
                rejected=t // 3_000_000 % 1_000,
                pool="stratum+tcp://pool.example:5555",
                wallet="wallet.example",
                worker=f"rig-{rig}",
                state="mining",
                uptime_s=3600.0,
            )
        ],
        devices=Devices.from_rows(
            [
                Device(
                    kind="gpu",
                    index=i,
                    id=f"0000:{i + 1:02x}:00.0",
                    name="Example 3080",
                    hashrates=[rates[i]],
                    core_c=round(wander.uniform(58, 68)),
                    memory_c=round(wander.uniform(80, 88)),
                    core_mhz=1440.0,
                    memory_mhz=7001.0,
                    fan_percent=round(wander.uniform(55, 65)),
                    power_w=round(wander.uniform(104, 110), 1),
                )
                for i in range(gpus)
            ]
        ),
    )


def a_rich_log(rig: int, t: int) -> OperationalLog:
    """What a large rig says: eight GPUs that mine two coins, a CPU that mines a third, pools, wallets and fans."""
    wander = random.Random(rig * 1_000_003 + t)
    first, second = ([rate * wander.uniform(0.97, 1.03) for _ in range(8)] for rate in (3.3e8, 6.0e7))
    cpu = 2.1e4 * wander.uniform(0.97, 1.03)
    kind: tuple[tuple[str, str, str, float, list[float | None]], ...] = (
        ("lolMiner", "KAS", "kheavyhash", sum(first), [*first, None]),
        ("lolMiner", "ETC", "etchash", sum(second), [*second, None]),
        ("XMRig", "XMR", "rx/0", cpu, [*[None] * 8, cpu]),
    )
    workloads = [
        Workload(
            software=software,
            version="1.98",
            coin=coin,
            algorithm=algorithm,
            hashrate=rate,
            accepted=t // 30_000 % 100_000,
            rejected=t // 3_000_000 % 1_000,
            stale=3,
            pool=f"stratum+ssl://{coin.lower()}.pool.example:5555",
            wallet=f"{coin.lower()}1q{'w' * 38}",
            worker=f"rig-{rig}",
            state="mining",
            uptime_s=3600.0,
            playbook=1,
        )
        for software, coin, algorithm, rate, _ in kind
    ]
    gpus = [
        Device(
            kind="gpu",
            index=n,
            id=f"0000:{n + 1:02x}:00.0",
            name="Example 3080",
            hashrates=[rates[n] for *_, rates in kind],
            core_c=round(wander.uniform(58, 68)),
            memory_c=round(wander.uniform(80, 88)),
            chip_c=round(wander.uniform(68, 78)),
            core_mhz=1440.0,
            memory_mhz=7001.0,
            fan_percent=round(wander.uniform(55, 65)),
            power_w=round(wander.uniform(104, 110), 1),
            power_limit_w=220.0,
        )
        for n in range(8)
    ]
    processor = Device(kind="cpu", index=0, name="Example 5950X", hashrates=[rates[8] for *_, rates in kind], core_c=61)
    return OperationalLog(
        t=t,
        uptime_s=t / 1000 % 1_000_000,
        power_w=sum(one.power_w or 0.0 for one in gpus) + 160,
        lan_ip=f"10.{rig >> 16 & 255}.{rig >> 8 & 255}.{rig & 255}",
        wan_ip="192.0.2.7",
        workloads=workloads,
        devices=Devices.from_rows([*gpus, processor]),
        fans=[1_200.0, 1_180.0],
    )


class Stamped:
    """An encoded log that can be had with another time for the cost of joining three pieces."""

    def __init__(self, log: OperationalLog) -> None:
        self._head, mark, self._tail = encode(log).partition(_packed(log.t))
        assert mark

    def at(self, t: int) -> bytes:
        """The log as of `t`, UTC ms."""
        return self._head + _packed(t) + self._tail


def _packed(t: int) -> bytes:
    """How msgpack writes a time of our century in ms."""
    return b"\xcf" + t.to_bytes(8, "big")


class LoadLink(asyncio.Protocol):
    """One link. `on_acks(first, last)` is called for every acknowledged range."""

    def __init__(self, host: str, tokens: list[str]) -> None:
        self.welcome: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()
        self.spool = os.urandom(16)
        self.tokens = tokens
        self.next_seq = 1
        self.sent_at: dict[int, float] = {}
        self.acked = 0
        self.on_acks: Callable[[int, int], None] | None = None
        self.on_frame: Callable[[DownFrame], None] | None = None
        self.lost: asyncio.Event = asyncio.Event()
        self._host = host
        self._buffer = bytearray()
        self._open = False
        self._transport: asyncio.Transport | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /link HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take what the Commander sends."""
        self._buffer += data
        if not self._open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            status = bytes(self._buffer[:end]).split(b"\r\n", 1)[0]
            del self._buffer[: end + 4]
            if b" 101 " not in status + b" ":
                self._fail(ConnectionError(f"no upgrade: {status.decode(errors='replace')}"))
                return
            self._open = True
            self.send(encode(Hello(PROTOCOL, __version__, self.spool, self.tokens)))
        while (frame := self._next_frame()) is not None:
            self._take(*frame)

    def connection_lost(self, exc: Exception | None) -> None:
        """The link is gone."""
        self._fail(exc or ConnectionError("closed before the welcome"))
        self.lost.set()

    # Frames

    def _next_frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        opcode, size, start = buffer[0] & 15, buffer[1] & 127, 2
        if size == 126:
            if len(buffer) < 4:
                return None
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            if len(buffer) < 10:
                return None
            size, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + size:
            return None
        payload = bytes(buffer[start : start + size])
        del buffer[: start + size]
        return opcode, payload

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == 9:
            self._write(0x8A, payload)
        elif opcode == 8:
            self.close()
        elif opcode == 2:
            frame = decode_down(payload)
            if isinstance(frame, Acks):
                for first, last in frame.ranges:
                    self.acked += last - first + 1
                    if self.on_acks is not None:
                        self.on_acks(first, last)
            elif isinstance(frame, Welcome) and not self.welcome.done():
                self.welcome.set_result(frame)
            if self.on_frame is not None:
                self.on_frame(frame)

    def send(self, payload: bytes) -> None:
        """Send one binary message."""
        self._write(0x82, payload)

    def _write(self, head: int, payload: bytes) -> None:
        """A client must mask; a mask of zeros is one, and costs nothing."""
        size = len(payload)
        if size < 126:
            header = struct.pack("!BBI", head, 0x80 | size, 0)
        elif size < 65536:
            header = struct.pack("!BBHI", head, 0x80 | 126, size, 0)
        else:
            header = struct.pack("!BBQI", head, 0x80 | 127, size, 0)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(header + payload)

    def send_logs(self, logs: list[bytes], slots: list[int] | None = None) -> int:
        """Send encoded logs as one frame; returns the first sequence number."""
        first = self.next_seq
        self.next_seq += len(logs)
        self.sent_at[first + len(logs) - 1] = time.perf_counter()
        self.send(encode(Logs(first, slots or [0] * len(logs), [Raw(log) for log in logs])))
        return first

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def _fail(self, error: Exception) -> None:
        if not self.welcome.done():
            self.welcome.set_exception(error)
            self.welcome.exception()


async def connect(url: str, tokens: list[str], *, tls: ssl.SSLContext | None = None) -> LoadLink:
    """Open one link to the Commander at `url` and wait until it is welcomed."""
    parts = urlsplit(url)
    port = parts.port or (443 if tls else 80)
    loop = asyncio.get_running_loop()
    _, link = await loop.create_connection(
        lambda: LoadLink(parts.netloc, tokens), parts.hostname or "127.0.0.1", port, ssl=tls
    )
    await asyncio.wait_for(asyncio.shield(link.welcome), 30)
    return link
