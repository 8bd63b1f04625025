"""pyasic lives in a process of its own: it may hang, crash, babble or be missing, and only its own devices notice.

The worker runs for real, with a stand-in for the library (`STAND_IN`) that does what an address says; the last test
uses the real one where it is installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.interpret import interpret
from rigfarm.sentry.asic.model import Device, Login
from rigfarm.sentry.asic.readers.base import ReadingError, Refused, Scope
from rigfarm.sentry.asic.readers.pyasic import PyasicWorker
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.simulate.asic import Fault
from rigfarm.wire.commands import Locate, Pause, Restart
from rigfarm.wire.tokens import new_token
from support.asic_trial import QUICK, farm_of, sentry
from support.until import until

T = TypeVar("T")

STAND_IN = """
import asyncio, os, sys, time
from . import settings

class Unit: value = 1e9
class Rate:
    unit = Unit()
    def __init__(self, rate): self.rate = rate
class Fan: speed = 3000
class Board:
    slot, serial_number, missing, hashrate = 0, "B1", False, Rate(2500.0)
    temp, inlet_temp, outlet_temp, chip_temp, chips, expected_chips, voltage = 51, None, None, 66, 18, 18, 12.0
class Pool:
    url, user, alive, active, accepted, rejected = "stratum+tcp://p:1", "w.r", True, True, 7, 1
class Data:
    mac, serial_number, hostname, fw_ver = "02:00:00:00:00:01", "S1", "gold", "1.0"
    hashrate, expected_hashrate, wattage, uptime = Rate(2500.0), Rate(2600.0), 240, 99
    is_mining, fault_light = True, False
    fans, hashboards, pools, errors = [Fan()], [Board()], [Pool()], []
class Api:
    username = pwd = None
class Algo: name = "Scrypt"
class MinerProtocol:
    async def reboot(self): return False
    async def stop_mining(self): return False
    async def fault_light_on(self): return False
class Miner(MinerProtocol):
    make, raw_model, model, firmware, algo = "Goldshell", "CKBox", "CKBox", "Stock", Algo
    expected_hashboards, expected_chips, expected_fans = 1, 18, 1
    def __init__(self, ip): self.ip, self.web, self.rpc = ip, Api(), None
    async def get_data(self, exclude):
        print("noise on stdout")
        if self.ip.endswith(".2"): await asyncio.sleep(60)
        if self.ip.endswith(".3"): os._exit(11)
        if self.ip.endswith(".4"): time.sleep(60)
        if self.ip.endswith(".5"): raise LookupError("canary-secret")
        if self.ip.endswith(".6"): os.write(3, b"x" * (3 << 20))
        assert "config" in exclude
        return Data()
    async def reboot(self): return True
    async def fault_light_on(self): return self.web.pwd == "own"

async def get_miner(ip):
    await asyncio.sleep(0.05)
    if ip.endswith(".9"): return None
    print(settings.seen.append((ip, settings.get("default_goldshell_web_password"))))
    return Miner(ip)
"""
SETTINGS = """
class Settings:
    model_fields = {"default_goldshell_web_password": None, "get_data_retries": None}
_settings = Settings()
_settings.default_goldshell_web_password, _settings.get_data_retries = "factory", 1
seen = []
def get(name): return getattr(_settings, name)
def update(name, value): setattr(_settings, name, value)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    package = tmp_path / "lib" / "pyasic"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STAND_IN)
    (package / "settings.py").write_text(SETTINGS)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    return [sys.executable, "-m", "rigfarm.sentry.asic.readers.pyasic_worker"]


@contextlib.asynccontextmanager
async def working(command: list[str], timeout_s: float = 60.0) -> AsyncIterator[PyasicWorker]:
    worker = PyasicWorker(command, timeout_s)
    try:
        yield worker
    finally:
        await worker.close()


async def test_it_works(stand_in: list[str]) -> None:
    async with working(stand_in) as worker:
        reader = await worker.identify("10.0.0.1", None)
        reading = interpret(await reader.read(Scope.WHOLE), reader.nature, Device(id=1, ip="10.0.0.1"))
        specs = reading.specs
        assert specs is not None
        assert (specs.make, specs.model, specs.firmware, specs.mac) == (
            "Goldshell", "CKBox", "Goldshell Stock", "02:00:00:00:00:01",
        )  # fmt: skip
        assert (reading.workload.hashrate, reading.workload.expected_hashrate) == (2500e9, 2600e9)
        assert (reading.workload.coin, reading.workload.accepted, reading.power_w) == ("LTC", 7, 240)
        (board,) = reading.boards
        assert (board.core_c, board.chip_c, board.chips, board.missing) == (51, 66, 18, False)
        assert specs.supports == ["locate", "restart"], "what its class does more than the base of all"
        await reader.obey(Restart())
        for order in (Pause(), Locate(on=True)):
            with pytest.raises(Refused):
                await reader.obey(order)


async def test_a_login_is_of_one_device_though_the_library_has_one_for_all(stand_in: list[str]) -> None:
    async with working(stand_in) as worker:
        own, other = await asyncio.gather(
            worker.identify("10.0.0.1", Login("op", "own")), worker.identify("10.0.0.7", None)
        )
        await own.obey(Locate(on=True))
        with pytest.raises(Refused):
            await other.obey(Locate(on=True))


async def patiently(call: Callable[[], Awaitable[T]], within_s: float = 60.0) -> T:
    """Again until it succeeds: on a busy machine a process may take longer to start than a reading may take."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return await call()
        except ReadingError:
            assert time.monotonic() < deadline


@pytest.mark.parametrize(("ip", "why"), [("10.0.0.2", "in time"), ("10.0.0.5", "LookupError")])
async def test_one_device_hangs_or_raises(stand_in: list[str], ip: str, why: str) -> None:
    async with working(stand_in, 0.5) as worker:
        bad = await patiently(lambda: worker.identify(ip, None))
        good = await patiently(lambda: worker.identify("10.0.0.1", None))
        with pytest.raises(ReadingError, match=why) as caught:
            await bad.read(Scope.PULSE)
        assert "canary" not in caught.value.message
        assert (await patiently(lambda: good.read(Scope.PULSE))).hashrate == 2500e9


@pytest.mark.parametrize("ip", ["10.0.0.3", "10.0.0.4", "10.0.0.6"])
async def test_the_whole_process_crashes_hangs_or_babbles(
    stand_in: list[str], ip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rigfarm.sentry.asic.readers.pyasic._GRACE_S", 0.3)
    async with working(stand_in, 2.0) as worker:
        bad = await patiently(lambda: worker.identify(ip, None))
        good = await patiently(lambda: worker.identify("10.0.0.1", None))
        before = worker._process
        with pytest.raises(ReadingError):
            await bad.read(Scope.PULSE)
        assert before is not None
        await until(lambda: before.returncode is not None, "the old worker is gone")
        # Its handle went with the old worker.
        assert (await patiently(lambda: good.read(Scope.PULSE))).hashrate == 2500e9


async def test_what_nobody_knows(stand_in: list[str]) -> None:
    async with working(stand_in) as worker:
        with pytest.raises(ReadingError) as caught:
            await worker.identify("10.0.0.9", None)
        assert caught.value.state == "unrecognised"


async def test_without_pyasic_it_says_what_to_install(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit(3)"]
    async with working(command) as worker:
        with pytest.raises(ReadingError, match="asic-more") as caught:
            await worker.identify("10.0.0.1", None)
        assert caught.value.state == "unrecognised"


async def test_it_ends_with_the_sentry(stand_in: list[str]) -> None:
    async with working(stand_in) as worker:
        await worker.identify("10.0.0.1", None)
        process = worker._process
        assert process is not None
        child = psutil.Process(process.pid)
        assert child.nice() > psutil.Process().nice()
        assert process.stdin is not None
        process.stdin.close()  # what the kernel does when the Sentry is killed
        await until(lambda: process.returncode is not None)


async def test_a_device_of_the_list_that_only_pyasic_reads(stand_in: list[str], tmp_path: Path) -> None:
    """Chosen by its operator, and beside devices of the other library."""
    recogniser = Recogniser(PyasicWorker(stand_in, 5.0))
    async with farm_of("luxos") as farm, sentry(tmp_path / "data", QUICK, recogniser=recogniser) as asics:
        token, other = new_token(), new_token()
        await asics.service.add(Entry("127.0.0.1", "box", token, model="pyasic"))
        await asics.add(next(iter(farm.devices)), token=other)
        await asics.reading([token, other])
        assert asics.ear.logs[token][-1].workloads[0].hashrate == 2500e9
        assert asics.service.devices()[0].what == "Goldshell CKBox"


async def test_what_pyasic_rs_knows_is_never_read_by_both(stand_in: list[str], tmp_path: Path) -> None:
    recogniser = Recogniser(PyasicWorker(stand_in, 5.0))
    async with farm_of("luxos", "iceriver") as farm, sentry(tmp_path / "data", QUICK, recogniser=recogniser) as asics:
        tokens = [await asics.add(ip) for ip in farm.devices]
        await asics.reading(tokens)
        assert recogniser._worker._process is None, "it was not even started"


async def test_a_device_nobody_else_knows_gets_a_try(stand_in: list[str], tmp_path: Path) -> None:
    recogniser = Recogniser(PyasicWorker(stand_in, 5.0))
    async with farm_of("luxos") as farm, sentry(tmp_path / "data", QUICK, recogniser=recogniser) as asics:
        (ip,) = farm.devices
        farm[ip].fault = Fault.GARBAGE
        token = await asics.add(ip)
        await asics.reading([token])
        assert asics.ear.all_specs[token][0].make == "Goldshell"


@pytest.mark.skipif(importlib.util.find_spec("pyasic") is None, reason="pyasic is not installed (extra asic-more)")
async def test_the_real_one() -> None:
    async with farm_of("iceriver") as farm, working([]) as worker:
        reader = await worker.identify(next(iter(farm.devices)), None)
        answer = await reader.read(Scope.WHOLE)
        assert answer.hashrate == pytest.approx(12064.11e9)
        assert [board.chips for board in answer.boards] == [18, 18, 18]
