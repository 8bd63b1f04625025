"""A farm whose rigs report what a test says, over real links, until they are told otherwise."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from msgspec.structs import replace

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload
from support.load import LoadLink, connect

T = TypeVar("T")

EVERY_S = 1.0


def mining(
    coin: str,
    hashrate: float | None,
    *,
    core_c: tuple[float | None, ...] = (64.0, 66.0),
    expected: float | None = None,
    rejected: int = 3,
    power_w: float | None = 641.0,
    kind: str = "gpu",
) -> OperationalLog:
    """The log of a rig that mines one coin on a few devices. Units are SI."""
    devices = [
        Device(kind=kind, index=i, id=f"0000:{i + 1:02x}:00.0", core_c=celsius)  # type: ignore[arg-type]
        for i, celsius in enumerate(core_c)
    ]
    workload = Workload(
        software="lolMiner",
        version="1.98",
        coin=coin,
        algorithm=coin.lower() + "hash",
        hashrate=hashrate,
        expected_hashrate=expected,
        accepted=1_000,
        rejected=rejected,
        state="mining" if hashrate is not None else "starting",
        uptime_s=120.0,
    )
    return OperationalLog(
        t=0, uptime_s=90_000.0, power_w=power_w, workloads=[workload], devices=Devices.from_rows(devices)
    )


class LivingFarm:
    """Its links live in a thread of their own."""

    def __init__(self, commander: CommanderProcess) -> None:
        self.commander = commander
        self.ids: dict[str, int] = {}
        """Rig id by name."""
        self._tokens: dict[str, str] = {}
        self._logs: dict[str, OperationalLog] = {}
        self._links: dict[str, LoadLink] = {}
        self._silent: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="living farm")
        self._thread.start()
        self._reporting = asyncio.run_coroutine_threadsafe(self._report(), self._loop)

    def close(self) -> None:
        """Everything hangs up."""
        self._reporting.cancel()
        self._do(self._hang_up_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def add(self, logs: dict[str, OperationalLog | None], kind: str = "cpu-gpu") -> None:
        """New rigs by name; those without a log are awaited and stay so."""
        for name, (rig_id, token) in zip(logs, self.commander.add_rigs(list(logs), kind), strict=True):
            self.ids[name], self._tokens[name] = rig_id, token
        for name, log in logs.items():
            if log is not None:
                self._logs[name] = log
                self._do(self._call(name))
        self._do(self._say(*logs))

    def change(self, name: str, log: OperationalLog) -> None:
        """From now on it reports this."""
        self._logs[name] = log
        self._do(self._say(name))

    def hush(self, name: str) -> None:
        """Its link stays, and it says nothing."""
        self._silent.add(name)

    def hang_up(self, name: str) -> None:
        """Its link is lost."""
        link = self._links.pop(name)
        self._loop.call_soon_threadsafe(link.close)

    def come_back(self, name: str) -> None:
        """After `hush` or `hang_up`."""
        self._silent.discard(name)
        if name not in self._links:
            self._do(self._call(name))
        self._do(self._say(name))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _call(self, name: str) -> None:
        self._links[name] = await connect(self.commander.url, [self._tokens[name]])

    async def _say(self, *names: str) -> None:
        now = utc_ms()
        for name in names:
            if name in self._links and name not in self._silent:
                self._links[name].send_logs([encode(replace(self._logs[name], t=now))])

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self._say(*self._links)

    async def _hang_up_all(self) -> None:
        for link in self._links.values():
            link.close()
