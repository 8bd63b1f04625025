"""Rigs of every sort, at a Commander that speaks https with its own certificate."""

from __future__ import annotations

import asyncio
import threading

import httpx
from msgspec.structs import replace

from rigfarm.commander.auth.control import CreateKey, ask
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload
from support.asic_load import an_asic_log
from support.load import LoadLink, a_log, connect
from support.until import until

HOSTILE = 'X"} 1\n# EOF\\' + "\u202e" + "y" * 90


def _hostile() -> OperationalLog:
    workloads = [
        Workload(coin=HOSTILE[:64], hashrate=5.0, accepted=-1, rejected=7),
        Workload(algorithm="kawpow", hashrate=None, accepted=3),
    ]
    devices = [
        Device("gpu", 0, id="0000:01:00.0", name=HOSTILE, hashrates=[float("nan"), -1.0], core_c=500.0, chip_c=71.0),
        Device("gpu", 0, name="the same again", power_w=100.0),
        Device("gpu", 1, missing=True, power_w=1e9, memory_c=float("inf"), fan_percent=255.0),
    ]
    return OperationalLog(
        t=0, uptime_s=float("nan"), power_w=float("inf"), workloads=workloads, devices=Devices.from_rows(devices)
    )


def _full() -> OperationalLog:
    """Every figure that a rig can have."""
    log = a_log(1, utc_ms(), gpus=2, coin="KAS")
    first, second = log.devices
    devices = [
        replace(first, power_limit_w=220.0, fan_rpm=1_800.0, chip_c=70.0),
        replace(second, chip_c=75.0, fan_percent=100.0),
    ]
    return replace(log, devices=Devices.from_rows(devices), power_w=641.0)


LOGS = {
    "full": _full(),
    'a "quoted" \\ name': replace(_full(), power_w=None),
    "hostile": _hostile(),
    "idle": OperationalLog(t=0),
    "gone": _full(),
    "waiting": None,
}


class Farm:
    """The Commander, and links that stay open."""

    def __init__(self, commander: CommanderProcess) -> None:
        self.commander = commander
        self.ids: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._links: dict[str, LoadLink] = {}
        for kind, logs in (("cpu-gpu", LOGS), ("asic", {"asic": an_asic_log(7, 0)})):
            for name, (rig_id, token) in zip(logs, commander.add_rigs(list(logs), kind), strict=True):
                self.ids[name] = rig_id
                if (log := logs[name]) is not None:
                    asyncio.run_coroutine_threadsafe(self._report(name, token, log), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._links["gone"].close)
        self._feed("hall 1", "full", "idle")

    def close(self) -> None:
        for link in self._links.values():
            self._loop.call_soon_threadsafe(link.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _report(self, name: str, token: str, log: OperationalLog) -> None:
        link = self._links[name] = await connect(self.commander.url, [token], tls=self.commander.context)
        link.send_logs([encode(replace(log, t=utc_ms()))])
        await until(lambda: link.acked, "the log is stored")

    def _feed(self, place: str, *names: str) -> None:
        """A circuit for these rigs."""
        with self.browser as program:
            program.headers["Authorization"] = f"Bearer {self.key('configure')}"
            for name in names:
                program.patch(f"/api/rigs/{self.ids[name]}", json={"place": place}).raise_for_status()
            circuit = {"name": "PDU-3", "limit_w": 1_000, "places": [place]}
            program.post("/api/circuits", json=circuit).raise_for_status()

    def key(self, *scopes: str) -> str:
        """Of a new API key."""
        made = ask(self.commander.folder, CreateKey(f"may {' '.join(scopes)}", scopes, 3600))
        assert made.secret is not None
        return made.secret

    @property
    def browser(self) -> httpx.Client:
        """Without a key."""
        return httpx.Client(base_url=self.commander.url, verify=self.commander.context or True, timeout=60)
