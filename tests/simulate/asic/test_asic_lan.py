"""The demo's LAN of ASICs: one real Sentry reads fakes of all makes, and things happen to them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from rigfarm.sentry.asic.service import AsicService
from rigfarm.simulate import asic_lan
from rigfarm.simulate.asic import farm
from rigfarm.simulate.asic_lan import UNLISTED, AsicLan
from rigfarm.wire.tokens import new_token
from support.until import until

NOBODY = "http://127.0.0.1:9"


def service(lan: AsicLan) -> AsicService:
    assert lan._asics.part is not None
    return lan._asics.part.service


async def test_all_are_read_and_its_page_is_there(tmp_path: Path) -> None:
    lan = AsicLan(12, tmp_path)
    async with lan, lan.read(NOBODY, [new_token() for _ in range(12)]):
        await until(lambda: all(view.state == "reading" for view in service(lan).devices()))
        assert [view.name for view in service(lan).devices()] == lan.names
        async with httpx.AsyncClient() as client:
            assert (await client.get(lan.url)).headers["Location"].startswith("/login")
        service(lan).start_scan(lan.network)
        await until(lambda: service(lan).scan and service(lan).scan.state == "done")  # type: ignore[union-attr]
        new = [find for find, unit in service(lan).finds() if unit is None]
        assert len(new) == UNLISTED, "a scan finds a few more"
    assert asyncio.all_tasks() == {asyncio.current_task()}, "nothing of it is left"


async def test_two_demos_do_not_meet(tmp_path: Path) -> None:
    async with AsicLan(2, tmp_path / "one") as one, AsicLan(2, tmp_path / "two") as two:
        assert one.network != two.network


async def test_without_ports_below_1024(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm, "can_bind_low_ports", lambda: False)
    lan = AsicLan(5, tmp_path)
    assert "need root" in lan.left_out
    assert lan.left_out.count("Bitaxe") == 1
    async with lan:
        assert len(lan.names) == 5
        assert {device.make for device in lan._farm.devices.values()} == {"luxos", "whatsminer"}


async def test_things_happen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DIES_AFTER_S", "HEATS_AFTER_S", "LEAVES_AFTER_S"):
        monkeypatch.setattr(asic_lan, name, 0.01)
    async with AsicLan(12, tmp_path) as lan:
        mishaps = asyncio.create_task(lan._mishaps())
        devices = lan._farm.devices
        await until(lambda: any(device.dead_boards for device in devices.values()))
        await until(lambda: any(device.hotter_c for device in devices.values()))
        await until(lambda: len(lan._farm._servers) < len(devices), "one has lost its cable")
        mishaps.cancel()
        await asyncio.gather(mishaps, return_exceptions=True)
