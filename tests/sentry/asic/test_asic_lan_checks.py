"""What anybody on the LAN could do to a device is said in its messages (incidents of RELIABILITY.md)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rigfarm.common.exposures import FACTORY_PASSWORD, WRITE_OPEN
from rigfarm.sentry.asic.checks import exposures
from rigfarm.simulate.asic import FakeAsic, Fault
from support.asic_trial import QUICK, farm_of, sentry
from support.until import until

SOON = dataclasses.replace(QUICK, first_checks_within=0.05)
FIRMWARE = {
    "antminer-stock": "AntMiner Stock", "braiins": "Braiins", "iceriver": "IceRiver Stock", "luxos": "LuxOS",
    "whatsminer": "WhatsMiner Stock", "bitaxe": "Bitaxe Stock", "epic": "UMC OS",
}  # fmt: skip


@pytest.mark.parametrize("make", ["antminer-stock", "braiins", "iceriver"])
async def test_the_factory_password(make: str) -> None:
    async with farm_of(FakeAsic(make), FakeAsic(make, password="own")) as farm:
        factory, own = farm.devices
        assert await exposures(factory, FIRMWARE[make]) == [FACTORY_PASSWORD]
        assert await exposures(own, FIRMWARE[make]) == []


@pytest.mark.parametrize("make", ["antminer-stock", "luxos", "whatsminer"])
async def test_write_access_for_everybody(make: str) -> None:
    async with farm_of(FakeAsic(make, write_open=True, password="own"), FakeAsic(make, password="own")) as farm:
        wide_open, closed = farm.devices
        assert await exposures(wide_open, FIRMWARE[make]) == [WRITE_OPEN]
        assert await exposures(closed, FIRMWARE[make]) == []
        assert farm[wide_open].commands == [], "asking changes nothing"


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.GARBAGE, Fault.HALF, Fault.EMPTY, Fault.HOSTILE, Fault.TLS])
async def test_what_cannot_be_found_out_is_not_said(fault: Fault) -> None:
    async with farm_of(FakeAsic("luxos", write_open=fault is not Fault.HOSTILE, fault=fault)) as farm:
        assert await exposures(next(iter(farm.devices)), "LuxOS") == []


@pytest.mark.parametrize("make", ["bitaxe", "epic"])
async def test_devices_without_cgminer_are_not_asked(make: str) -> None:
    async with farm_of(make) as farm:
        (ip,) = farm.devices
        assert await exposures(ip, FIRMWARE[make]) == []
        assert farm[ip].traffic.total == 0


async def test_it_is_in_the_log(tmp_path: Path) -> None:
    async with farm_of(FakeAsic("antminer-stock", write_open=True)) as farm, sentry(tmp_path, SOON) as asics:
        token = await asics.add(next(iter(farm.devices)))
        await until(lambda: any(log.messages for log in asics.ear.logs[token]))
        assert asics.ear.logs[token][-1].messages == [WRITE_OPEN, FACTORY_PASSWORD]
        assert asics.service.devices()[0].messages == [WRITE_OPEN, FACTORY_PASSWORD]
