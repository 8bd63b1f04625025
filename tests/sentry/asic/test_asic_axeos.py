"""AxeOS, whole answers: one chip and several, shares that are the device's, pools that nobody entered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from rigfarm.sentry.asic.interpret import AsicReading, interpret
from rigfarm.sentry.asic.model import Device
from rigfarm.sentry.asic.readers.axeos import read_info
from rigfarm.sentry.asic.readers.base import Scope
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.wire.log import Device as Board
from rigfarm.wire.log import Pool, Workload
from rigfarm.wire.specs import BoardDetail
from support.asic_trial import LOW_PORTS

pytestmark = pytest.mark.skipif(not LOW_PORTS, reason="listens on port 80")

FRONT = b"<!doctype html><html><head><title>AxeOS</title></head><body></body></html>"
GAMMA: dict[str, Any] = {
    "power": 17.4, "voltage": 5093.75, "current": 3406, "temp": 57.25, "temp2": -1, "vrTemp": 61, "hashRate": 1099.5,
    "coreVoltage": 1150, "coreVoltageActual": 1143, "frequency": 540, "macAddr": "02:00:00:00:0A:01",
    "hostname": "shelf-axe", "sharesAccepted": 412, "sharesRejected": 3, "uptimeSeconds": 86_400,
    "asicCount": 1, "smallCoreCount": 2040, "expectedHashrate": 1101.6,
    "ASICModel": "BM1370", "stratumURL": "solo.pool.example",
    "stratumPort": 3333, "stratumUser": "bc1qexample.axe", "fallbackStratumURL": "other.pool.example",
    "fallbackStratumPort": 21496, "fallbackStratumUser": "bc1qexample.axe", "isUsingFallbackStratum": 0,
    "version": "v2.10.1", "boardVersion": "601", "fanspeed": 46, "fanrpm": 4188, "fan2rpm": 0,
}  # fmt: skip
TURBO: dict[str, Any] = GAMMA | {
    "hashRate": 2150.5, "asicCount": 2, "expectedHashrate": 2142.0,
    "boardVersion": "801", "temp2": 63.5, "fan2rpm": 3900, "frequency": 525,
    "isUsingFallbackStratum": 1,
    "hashrateMonitor": {"asics": [{"total": 1070.0, "errorCount": 0}, {"total": 1080.5, "errorCount": 4}]},
}  # fmt: skip
HEX: dict[str, Any] = GAMMA | {
    "hashRate": 2481.0, "asicCount": 6, "expectedHashrate": 2601.54,
    "ASICModel": "BM1366", "smallCoreCount": 894, "boardVersion": "302",
    "frequency": 485, "fallbackStratumURL": "", "fallbackStratumPort": 0, "fallbackStratumUser": "",
    "hashrateMonitor": {"asics": [{"total": rate} for rate in (500.0, 490.0, 0, 495.0, 496.0, 500.0)]},
}  # fmt: skip


async def read(ip: str, info: dict[str, Any], scope: Scope = Scope.CHIPS) -> AsicReading:
    asic = {"ASICModel": info["ASICModel"], "asicCount": info["asicCount"]}
    pages = {"/": FRONT, "/api/system/info": json.dumps(info).encode(), "/api/system/asic": json.dumps(asic).encode()}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            body = pages.get(path)
            head = (
                f"HTTP/1.1 {200 if body else 404} x\r\nContent-Length: {len(body or b'')}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + (body or b""))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, ip, 80)
    async with server:
        reader = await Recogniser().recognise(ip, None)
        return interpret(await reader.read(scope), reader.nature, Device(id=1, ip=ip))


async def test_one_chip_and_a_fallback_pool() -> None:
    reading = await read("127.0.0.61", GAMMA)
    assert reading.workload == Workload(
        software="Bitaxe Stock",
        version="v2.10.1",
        coin="BTC",
        algorithm="sha256",
        hashrate=pytest.approx(1099.5e9),
        accepted=412,
        rejected=3,
        pool="stratum+tcp://solo.pool.example:3333",
        wallet="bc1qexample",
        worker="axe",
        state="mining",
        uptime_s=86_400.0,
        expected_hashrate=pytest.approx(540e6 * 2040),
    )
    assert reading.pools == [
        Pool("stratum+tcp://solo.pool.example:3333", "bc1qexample.axe", None, True),
        Pool("stratum+tcp://other.pool.example:21496", "bc1qexample.axe", None, False),
    ]
    assert reading.boards == [
        Board(
            kind="hashboard",
            index=0,
            hashrates=[pytest.approx(1099.5e9)],
            core_c=61.0,  # vrTemp
            chip_c=57.25,
            core_mhz=540.0,
            chips=1,
            chips_expected=1,
        )
    ]
    assert (reading.fans, reading.power_w, reading.messages) == ([4188.0], 17.4, [])
    assert reading.specs is not None
    assert (reading.specs.model, reading.specs.chips_expected, reading.specs.mac) == ("Gamma", 1, "02:00:00:00:0a:01")


async def test_two_chips_two_sensors_two_fans_on_the_fallback_pool() -> None:
    reading = await read("127.0.0.62", TURBO)
    assert (reading.workload.accepted, reading.workload.rejected) == (412, 3)
    assert reading.workload.pool == "stratum+tcp://other.pool.example:21496"
    assert [(pool.url, pool.active, pool.accepted) for pool in reading.pools] == [
        ("stratum+tcp://solo.pool.example:3333", False, None),
        ("stratum+tcp://other.pool.example:21496", True, None),
    ]
    (board,) = reading.boards
    assert (board.chips, board.chips_expected, board.chip_c) == (2, 2, 63.5)
    assert reading.fans == [4188.0, 3900.0]
    assert reading.details == [
        BoardDetail(
            index=0,
            chip_hashrates=[1070.0e9, 1080.5e9],
            inlet_c=57.25,
            outlet_c=63.5,
            voltage_v=5.09375,
            frequency_mhz=525.0,
        )
    ]
    assert reading.specs is not None
    assert (reading.specs.model, reading.specs.chips_expected) == ("GammaTurbo", 2)
    assert reading.workload.expected_hashrate == pytest.approx(2 * 525e6 * 2040)


async def test_a_chip_of_six_that_does_not_hash_is_missed() -> None:
    reading = await read("127.0.0.63", HEX)
    (board,) = reading.boards
    assert (board.chips, board.chips_expected, board.missing) == (5, 6, False)
    assert reading.details[0].chips_dead == [2]
    assert [pool.url for pool in reading.pools] == ["stratum+tcp://solo.pool.example:3333"]
    assert reading.specs is not None
    assert (reading.specs.model, reading.specs.chips_expected) == ("UltraHex", 6)


async def test_a_firmware_that_tells_nothing_of_its_chips_makes_none_up() -> None:
    info = {name: value for name, value in TURBO.items() if name != "hashrateMonitor"}
    reading = await read("127.0.0.64", info)
    assert (reading.boards[0].chips, reading.boards[0].chips_expected) == (2, 2)
    assert reading.details == []


@pytest.mark.parametrize(
    ("ip", "info", "hottest"),
    [
        ("127.0.0.65", GAMMA | {"temp": 127}, None),
        ("127.0.0.66", GAMMA | {"temp": 126.9}, 126.9),
        ("127.0.0.67", GAMMA | {"temp": -1}, None),
        ("127.0.0.68", TURBO | {"temp": 127.875}, 63.5),
        ("127.0.0.69", TURBO | {"temp2": 127}, 57.25),
    ],
)
async def test_a_chip_without_a_diode_is_not_127_degrees_hot(ip: str, info: dict[str, Any], hottest: float) -> None:
    """Somebody would be called out for it every night."""
    reading = await read(ip, info)
    assert (reading.boards[0].chip_c, reading.boards[0].core_c) == (hottest, 61.0)
    assert reading.messages == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_such_page(body: bytes) -> None:
    assert read_info(body) is None
