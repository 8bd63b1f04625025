"""A log is of the device whose token it carries: a swapped device is noticed before anything is reported, and one whose
address changed is followed."""

from __future__ import annotations

import asyncio

import pytest

from rigfarm.sentry.asic import follow
from rigfarm.sentry.asic.answer import DeviceAnswer
from rigfarm.sentry.asic.happenings import Happenings
from rigfarm.sentry.asic.model import Device, Identity
from rigfarm.sentry.asic.neighbours import neighbours
from rigfarm.sentry.asic.readers.base import Reader, ReadingError, Scope
from rigfarm.sentry.asic.unit import Unit
from rigfarm.simulate.asic import FakeAsic
from rigfarm.wire.commands import Command
from support.asic_trial import Sentry, farm_of
from support.until import until

MAKES = ["antminer-stock", "luxos", "whatsminer", "braiins", "bitaxe", "epic", "iceriver"]


def macs(asics: Sentry, token: str) -> set[str | None]:
    return {specs.mac for specs in asics.ear.all_specs[token]}


@pytest.mark.parametrize("make", MAKES)
async def test_another_device_at_the_same_address(asics: Sentry, make: str) -> None:
    """The same make and model: only its names tell it apart. Its hashrate is a tenth, so that a mix-up would show."""
    async with farm_of(make, steady=False) as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        await until(lambda: asics.by(token).device.identity)
        mine = asics.by(token).device.identity
        farm.unplug(ip)
        other = FakeAsic(make, ip=ip)
        other.settle(77)
        del farm.devices[ip]
        await farm.add(other)
        other._share = 0.1
        unit = await asics.state(token, "id-mismatch")
        assert mine.mac is not None
        assert mine.mac in unit.detail
        assert other.mac is not None
        assert other.mac in unit.detail
        rates = [log.workloads[0].hashrate for log in asics.ear.logs[token]]
        known = [rate for rate in rates if rate is not None]
        assert min(known) > max(known) / 2, "none of the other's"
        assert macs(asics, token) == {mine.mac}


class SwappedAfterItsFirstStep:
    """The reader of a device that another takes the address of in the middle of the next reading."""

    def __init__(self, reader: Reader, asic: FakeAsic) -> None:
        self.nature, self._reader, self._asic = reader.nature, reader, asic

    async def read(self, scope: Scope) -> DeviceAnswer:
        if scope in (Scope.WHOLE, Scope.CHIPS):
            self._asic.mac, self._asic.serial = "02:a5:1c:00:00:4d", "FAKE00000077"
        answer = await self._reader.read(scope)
        assert answer.hashrate is not None
        answer.hashrate *= 0.1
        return answer

    async def obey(self, command: Command) -> None:
        await self._reader.obey(command)

    def close(self) -> None:
        self._reader.close()


async def test_another_device_takes_its_address_in_the_middle_of_a_reading(asics: Sentry) -> None:
    """The uptime is the first one's still, the hashrate the other's."""
    async with farm_of("braiins", steady=False) as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        unit = asics.by(token)
        await until(lambda: unit.device.identity and unit.reader)
        assert unit.reader is not None
        unit.reader = SwappedAfterItsFirstStep(unit.reader, farm[ip])
        await asics.state(token, "id-mismatch")
        known = [rate for log in asics.ear.logs[token] if (rate := log.workloads[0].hashrate) is not None]
        assert min(known) > max(known) / 2, "none of the other's"


async def test_it_is_accepted_when_the_operator_says_so(asics: Sentry) -> None:
    async with farm_of("luxos", steady=False) as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        farm[ip].settle(99)
        farm[ip].mac, farm[ip].serial = "02:a5:1c:00:00:63", "FAKE00000099"
        unit = await asics.state(token, "id-mismatch")
        await asics.service.accept(unit.device.id)
        await asics.reading([token])
        assert asics.by(token).device.identity.mac == "02:a5:1c:00:00:63"


async def test_two_devices_that_swapped_their_addresses(asics: Sentry) -> None:
    async with farm_of("luxos", "luxos", steady=False) as farm:
        one, other = farm.devices
        tokens = [await asics.add(one, "one"), await asics.add(other, "other")]
        await asics.reading(tokens)
        before = [asics.by(token).device.identity for token in tokens]
        await farm.swap(one, other)
        await until(lambda: [asics.by(token).ip for token in tokens] == [other, one], "each follows its device")
        await asics.reading(tokens)
        assert [asics.by(token).device.identity for token in tokens] == before
        assert [macs(asics, token) for token in tokens] == [{identity.mac} for identity in before]


async def test_two_that_swapped_their_addresses_while_they_were_away(asics: Sentry) -> None:
    """Only one meets the other: it moves there, and nobody would ask at the address that it left."""
    async with farm_of("luxos", "luxos", steady=False) as farm:
        one, other = farm.devices
        tokens = [await asics.add(one, "one"), await asics.add(other, "other")]
        await asics.reading(tokens)
        for ip in (one, other):
            farm.unplug(ip)
        for token in tokens:
            await asics.state(token, "unreachable")
        await farm.swap(one, other)
        await until(lambda: [asics.by(token).ip for token in tokens] == [other, one], "each follows its device")
        await asics.reading(tokens)


def test_who_takes_an_address_leaves_its_own_to_the_one_that_lost_it() -> None:
    one, other = a_unit("192.168.1.17", "02:a5:1c:00:00:01"), a_unit("192.168.1.18", "02:a5:1c:00:00:02")
    follower = follow.Follower(lambda: [one, other], lambda device: None, Happenings())
    assert follower.met(other.device.identity, one.ip, one)
    follower.lost(one)
    assert (one.ip, other.ip) == ("192.168.1.18", "192.168.1.17")


async def test_a_device_at_a_new_address_is_followed_by_a_scan(asics: Sentry) -> None:
    async with farm_of("whatsminer", steady=False) as farm:
        (old,) = farm.devices
        new = old.rpartition(".")[0] + ".77"
        token = await asics.add(old, "rig-1")
        await asics.reading([token])
        await farm.move(old, new)
        await asics.state(token, "unreachable")
        asics.service.start_scan(new)
        await until(lambda: asics.by(token).ip == new)
        await asics.reading([token])
        assert any(f"moved from {old} to {new}" in line for line in asics.told)
        reloaded = await asyncio.to_thread((await asics.service.roster.open()).all)
        await until(lambda: True)
        assert [device.id for device in reloaded] == [asics.by(token).device.id]


async def test_a_device_that_is_read_is_never_moved(asics: Sentry) -> None:
    """A second device that claims the same name (cloned firmware) takes nobody's address away."""
    async with farm_of("luxos", "luxos", steady=False) as farm:
        one, other = farm.devices
        farm[other].mac, farm[other].serial = farm[one].mac, farm[one].serial
        token = await asics.add(one)
        await asics.reading([token])
        asics.service.start_scan(other)
        await until(lambda: asics.service.scan and asics.service.scan.state == "done")
        assert asics.by(token).ip == one


async def test_control_names_that_are_not_compared_report_the_wrong_device(
    asics: Sentry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation: any device will do."""
    monkeypatch.setattr(Identity, "differs_from", lambda self, other: False)
    async with farm_of("luxos", steady=False) as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        farm[ip].settle(99)
        farm[ip].mac, farm[ip].serial = "02:a5:1c:00:00:63", "FAKE00000099"
        await until(lambda: len(macs(asics, token)) == 2, "the wrong device is reported")


def test_a_name_is_compared_with_its_like() -> None:
    full = Identity("02:00:00:00:00:01", "S1")
    assert full.is_same_as(Identity("02:00:00:00:00:01"))
    assert full.differs_from(Identity("02:00:00:00:00:02", "S1")), "the address decides"
    assert full.differs_from(Identity(None, "S2"))
    assert not full.differs_from(Identity())
    assert not full.is_same_as(Identity())


ARP = """IP address       HW type     Flags       HW address            Mask     Device
192.168.1.17     0x1         0x2         02:A5:1C:00:00:01     *        eth0
192.168.1.18     0x1         0x0         00:00:00:00:00:00     *        eth0
garbage
"""


def test_the_kernel_knows_neighbours(tmp_path) -> None:  # type: ignore[no-untyped-def]
    table = tmp_path / "arp"
    table.write_text(ARP)
    assert neighbours(table) == {"192.168.1.17": "02:a5:1c:00:00:01"}
    assert neighbours(tmp_path / "none") == {}


def a_unit(ip: str, mac: str) -> Unit:
    return Unit(Device(id=1, ip=ip, identity=Identity(mac)))


async def test_a_lost_device_is_found_among_the_neighbours() -> None:
    unit = a_unit("192.168.1.17", "02:a5:1c:00:00:01")
    saved: list[Device] = []
    table = {"192.168.1.30": "02:a5:1c:00:00:01"}
    follower = follow.Follower(lambda: [unit], saved.append, Happenings(), lambda: table)
    task = asyncio.create_task(follower.run())
    try:
        await asyncio.sleep(0.05)
        assert unit.ip == "192.168.1.17", "it is not lost yet"
    finally:
        task.cancel()
    unit.failures = 2
    follower._find_by_neighbours()
    assert unit.ip == "192.168.1.30"
    assert saved[-1].ip == "192.168.1.30"


def test_a_stranger_at_its_address_gets_no_login_of_it() -> None:
    """Known without asking anybody: the kernel names another at the address."""
    unit = a_unit("192.168.1.17", "02:a5:1c:00:00:01")
    unit.neighbour_confirmed = True
    follower = follow.Follower(lambda: [unit], lambda device: None, Happenings())
    follower._neighbours = {"192.168.1.17": "02:a5:1c:00:00:99"}
    with pytest.raises(ReadingError, match="02:a5:1c:00:00:99"):
        follower.check_neighbour(unit)
    follower._neighbours = {"192.168.1.17": "02:a5:1c:00:00:01"}
    follower.check_neighbour(unit)
