"""A scan finds who is there, says who is known, goes on while it is watched, and ends when it is told to."""

from __future__ import annotations

import asyncio

import pytest

from rigfarm.sentry.asic import scan as scan_module
from rigfarm.sentry.asic.addresses import MAX_ADDRESSES, lan_address, parse_range
from rigfarm.sentry.asic.diagnose import Knock
from rigfarm.sentry.asic.model import InputError
from rigfarm.sentry.asic.scan import ScanProgress
from rigfarm.simulate.asic import FakeAsic, FakeAsicFarm, Fault
from support.asic_trial import Sentry, farm_of
from support.until import until

MAKES = ["antminer-stock", "luxos", "whatsminer", "braiins", "bitaxe", "epic", "iceriver"]


def around(farm: FakeAsicFarm) -> str:
    return next(iter(farm.devices)).rpartition(".")[0] + ".0/26"


async def scanned(asics: Sentry, text: str) -> ScanProgress:
    asics.service.start_scan(text)
    await until(lambda: asics.service.scan and asics.service.scan.state != "running", "the end of the scan")
    progress = asics.service.scan
    assert progress is not None
    return progress


async def test_every_make_is_found(asics: Sentry) -> None:
    async with farm_of(*MAKES, steady=False) as farm:
        progress = await scanned(asics, around(farm))
        assert (progress.state, progress.done, progress.total, progress.share) == ("done", 62, 62, 1.0)
        assert [find.ip for find in progress.finds] == sorted(farm.devices, key=lambda ip: int(ip.split(".")[-1]))
        found = {(find.make, find.model) for find in progress.finds}
        assert found == {
            ("Antminer", "S19Pro"), ("Antminer", "S19KPro"), ("Whatsminer", "M50SVH20"), ("Antminer", "S21Pro"),
            ("Bitaxe", "Supra"), ("Antminer", "S19XP"), ("IceRiver", "KS5L"),
        }  # fmt: skip
        assert all(find.hashrate and find.identity.mac and find.known is None for find in progress.finds)


async def test_known_ones_are_marked_and_not_asked_again(asics: Sentry) -> None:
    async with farm_of("luxos", "whatsminer", steady=False) as farm:
        known, new = farm.devices
        token = await asics.add(known, "rig-1")
        await asics.reading([token])
        progress = await scanned(asics, f"{known}, {new}")
        assert [find.known for find in progress.finds] == [asics.by(token).device.id, None]


async def test_a_device_that_wants_a_login_is_found_all_the_same(asics: Sentry) -> None:
    async with farm_of(FakeAsic("antminer-stock", password="own"), FakeAsic("iceriver", password="own")) as farm:
        progress = await scanned(asics, around(farm))
        assert [find.state for find in progress.finds] == ["wrong-credentials"] * 2


async def test_what_is_no_asic_is_not_shown(asics: Sentry) -> None:
    async with farm_of("luxos", "bitaxe") as farm:
        for device in farm.devices.values():
            device.fault = Fault.GARBAGE
        assert (await scanned(asics, around(farm))).finds == []


async def test_a_device_that_was_too_busy_for_the_first_knock_is_found(
    asics: Sentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    knocked: list[str] = []
    real = scan_module.knock

    async def knock(ip: str, timeout_s: float) -> Knock:
        knocked.append(ip)
        return await real(ip, timeout_s) if knocked.count(ip) > 1 else Knock(None, silent=True)

    monkeypatch.setattr(scan_module, "knock", knock)
    async with farm_of("luxos", "bitaxe") as farm:
        progress = await scanned(asics, around(farm))
        assert [find.ip for find in progress.finds] == sorted(farm.devices)
        assert (progress.done, progress.total, progress.late) == (62, 62, ())


async def test_who_takes_connections_and_says_nothing_is_named(asics: Sentry) -> None:
    async with farm_of("luxos", "bitaxe") as farm:
        silent = sorted(farm.devices)[1]
        farm[silent].fault = Fault.SILENT
        progress = await scanned(asics, around(farm))
        assert [find.ip for find in progress.finds] == sorted(farm.devices)[:1]
        assert progress.late == (silent,)


async def test_it_can_be_cancelled_and_keeps_what_it_found(asics: Sentry) -> None:
    async with farm_of("luxos", *["bitaxe"] * 3) as farm:
        first, *others = farm.devices
        for ip in others:
            farm[ip].fault = Fault.SILENT
        asics.service.start_scan(around(farm))
        await until(lambda: asics.service.scan and asics.service.scan.finds and asics.service.scan.done > 50)
        progress = asics.service.scan
        assert progress is not None
        assert progress.state == "running"
        assert 0 < progress.share < 1
        await asics.service.cancel_scan()
        progress = asics.service.scan
        assert progress is not None
        assert (progress.state, [find.ip for find in progress.finds]) == ("cancelled", [first])
        assert (await scanned(asics, first)).state == "done", "and another can be started"


async def test_one_at_a_time(asics: Sentry) -> None:
    async with farm_of("bitaxe") as farm:
        farm[next(iter(farm.devices))].fault = Fault.SILENT
        asics.service.start_scan(around(farm))
        with pytest.raises(InputError, match="already running"):
            asics.service.start_scan(around(farm))


async def test_so_many_doors_at_once_and_no_more(asics: Sentry, monkeypatch: pytest.MonkeyPatch) -> None:
    now, peak = 0, 0

    async def knock(ip: str, timeout_s: float) -> Knock:
        nonlocal now, peak
        now += 1
        peak = max(peak, now)
        await asyncio.sleep(0.001)
        now -= 1
        return Knock(None, silent=False)

    monkeypatch.setattr(scan_module, "knock", knock)
    progress = await scanned(asics, "10.9.0.0/22")
    assert (progress.done, progress.finds) == (1022, [])
    assert peak == scan_module._KNOCKING_AT_ONCE


@pytest.mark.parametrize(
    ("text", "count", "first", "last"),
    [
        ("192.168.1.0/24", 254, "192.168.1.1", "192.168.1.254"),
        ("192.168.1.7/24", 254, "192.168.1.1", "192.168.1.254"),
        ("10.0.0.0/22", 1022, "10.0.0.1", "10.0.3.254"),
        ("192.168.1.10-192.168.1.99", 90, "192.168.1.10", "192.168.1.99"),
        ("192.168.1.250-192.168.2.9", 16, "192.168.1.250", "192.168.2.9"),
        ("192.168.1.10-99", 90, "192.168.1.10", "192.168.1.99"),
        ("192.168.1.10", 1, "192.168.1.10", "192.168.1.10"),
        ("192.168.1.10/32", 1, "192.168.1.10", "192.168.1.10"),
        ("10.0.0.1, 10.0.0.1-3  10.0.0.9", 4, "10.0.0.1", "10.0.0.9"),
        ("127.0.2.1-2", 2, "127.0.2.1", "127.0.2.2"),
    ],
)
def test_ranges(text: str, count: int, first: str, last: str) -> None:
    addresses = parse_range(text)
    assert (len(addresses), addresses[0], addresses[-1]) == (count, first, last)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Enter what to scan"),
        ("my farm", "not a range of addresses"),
        ("192.168.1.0/33", "not a range"),
        ("192.168.1.9-3", "not a range"),
        ("8.8.8.0/24", "only private addresses"),
        ("192.168.1.1-8.8.8.8", "not a range"),
        ("10.0.0.1-11.0.0.1", "only private addresses"),
        ("0.0.0.0/0", "only private addresses"),
        ("10.0.0.0/8", "at most 4,096"),
        ("fe80::1", "not a range"),
        ("<script>", "not a range"),
    ],
)
def test_what_is_not_scanned(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        parse_range(text)


def test_the_largest_scan() -> None:
    assert len(parse_range("10.0.0.0-10.0.15.255")) == MAX_ADDRESSES


@pytest.mark.parametrize("text", ["8.8.8.8", "localhost", "", "10.0.0.256", "fe80::1", "0.0.0.0"])
def test_a_device_has_an_address_of_the_lan(text: str) -> None:
    with pytest.raises(InputError):
        lan_address(text)


async def test_one_that_makes_a_reader_fail_hides_no_other(asics: Sentry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scan would end without an end, and show nothing of a LAN in which one device answers strangely."""
    meet = scan_module.Scan._meet

    async with farm_of("luxos", "whatsminer", steady=False) as farm:
        strange, other = farm.devices

        async def fails(scan: scan_module.Scan, ip: str) -> scan_module.Find:
            if ip == strange:
                raise ZeroDivisionError("nobody foresaw this")
            return await meet(scan, ip)

        monkeypatch.setattr(scan_module.Scan, "_meet", fails)
        progress = await scanned(asics, around(farm))
        assert (progress.state, progress.share) == ("done", 1.0)
        assert [find.ip for find in progress.finds] == [other]
