"""What goes wrong with a device costs its own reading and nothing else, is said in words, and ends when it ends."""

from __future__ import annotations

import dataclasses

import pytest

from rigfarm.sentry.asic import poller as poller_module
from rigfarm.sentry.asic import roster as roster_module
from rigfarm.sentry.asic.model import Device
from rigfarm.sentry.asic.readers import library
from rigfarm.sentry.asic.readers.base import ReadingError
from rigfarm.sentry.asic.store import DeviceStore
from rigfarm.sentry.asic.unit import Unit
from rigfarm.simulate.asic import Fault
from support.asic_trial import QUICK, Sentry, farm_of, sentry
from support.until import until

IMPATIENT = dataclasses.replace(QUICK, reading=0.4, recognising=1.0)
MAKES = ["antminer-stock", "luxos", "whatsminer", "braiins", "bitaxe", "epic", "iceriver"]
BROKEN = [Fault.SILENT, Fault.RESET, Fault.GARBAGE, Fault.HALF, Fault.DRIP, Fault.TLS, Fault.EMPTY]


@pytest.mark.parametrize("fault", BROKEN)
async def test_every_fault_of_every_make(fault: Fault, tmp_path) -> None:  # type: ignore[no-untyped-def]
    async with farm_of(*MAKES) as farm, sentry(tmp_path, IMPATIENT) as asics:
        tokens = [await asics.add(ip) for ip in farm.devices]
        await asics.reading(tokens)
        for device in farm.devices.values():
            device.fault = fault
        for token in tokens:
            unit = asics.by(token)
            # One of which enough readings failed is looked for again: something else may answer there.
            await until(lambda: unit.shown_state in ("unreachable", "unrecognised") and unit.detail)  # noqa: B023
            logs = len(asics.ear.logs[token])
            assert unit.read_at_ms is not None, "the last reading stays, with its age"
            assert len(asics.ear.logs[token]) == logs, "and is not sent again as if it were new"
        for device in farm.devices.values():
            device.fault = Fault.NONE
        await asics.reading(tokens)


async def test_a_device_off_the_network_comes_back(asics: Sentry) -> None:
    async with farm_of("luxos") as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        farm.unplug(ip)
        unit = await asics.state(token, "unreachable")
        await until(lambda: "on ports" in unit.detail, "the reason in words")
        await farm.plug_in(ip)
        await asics.reading([token])
        assert [line for line in asics.told if "reading Antminer S19KPro" in line][1:], "it is told that it is back"


async def test_something_else_answers(asics: Sentry) -> None:
    async with farm_of("luxos") as farm:
        (ip,) = farm.devices
        farm[ip].fault = Fault.GARBAGE
        token = await asics.add(ip)
        unit = await asics.state(token, "unrecognised")
        assert "choose its model" in unit.detail


async def test_one_lost_answer_is_simply_asked_again(asics: Sentry) -> None:
    async with farm_of("whatsminer") as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        unit, handle = asics.by(token), asics.by(token).reader
        farm[ip].fault = Fault.EMPTY
        await until(lambda: unit.failures == 1)
        farm[ip].fault = Fault.NONE
        await asics.reading([token])
        assert unit.reader is handle, "the handle is kept: making a new one costs twenty times as much"


async def test_new_firmware_is_recognised_anew(asics: Sentry) -> None:
    async with farm_of("luxos") as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        handle = asics.by(token).reader
        farm[ip].firmware = "2026.1.1.000000"
        await until(lambda: asics.by(token).reader not in (None, handle), "a new handle")
        await until(lambda: asics.ear.all_specs[token][-1].firmware_version == "2026.1.1.000000")
        assert any("became 2026.1.1.000000" in line for line in asics.told)


async def test_another_firmware_altogether(asics: Sentry) -> None:
    """From LuxOS to the stock firmware, on the same control board."""
    async with farm_of("luxos") as farm:
        (ip,) = farm.devices
        farm[ip].mac = "02:00:00:00:00:77"
        token = await asics.add(ip)
        await asics.reading([token])
        farm.unplug(ip)
        await asics.state(token, "unreachable")
        farm[ip].make = "antminer-stock"
        farm[ip].serial = "JYZZB0UBDJABF06RB"
        await farm.plug_in(ip)
        await until(lambda: asics.ear.all_specs[token][-1].firmware == "AntMiner Stock")


async def test_a_panic_of_the_library_is_one_failed_reading(asics: Sentry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rust's panics arrive as a BaseException of their own, past every `except Exception`."""
    panic = type("PanicException", (BaseException,), {})

    class Panicking:
        firmware = "LuxOS"

        async def get_data(self, exclude: object) -> None:
            raise panic("called `Option::unwrap()` on a `None` value")

    async with farm_of("luxos", "bitaxe") as farm:
        first, second = farm.devices
        tokens = [await asics.add(first), await asics.add(second)]
        await asics.reading(tokens)
        unit = asics.by(tokens[0])
        assert isinstance(unit.reader, library.LibraryReader)
        monkeypatch.setattr(unit.reader, "_miner", Panicking())
        await until(lambda: any("breaks its reader" in line for line in asics.told))
        await asics.reading(tokens)


async def test_a_bug_of_ours_met_by_one_device_ends_no_other(asics: Sentry, monkeypatch: pytest.MonkeyPatch) -> None:
    async with farm_of("luxos", "bitaxe") as farm:
        first, second = farm.devices
        tokens = [await asics.add(first), await asics.add(second)]
        await asics.reading(tokens)
        real = poller_module.interpret

        def broken(answer, nature, device):  # type: ignore[no-untyped-def]
            if device.ip == first:
                raise ZeroDivisionError
            return real(answer, nature, device)

        monkeypatch.setattr(poller_module, "interpret", broken)
        unit = await asics.state(tokens[0], "unreachable")
        assert "ZeroDivisionError" in unit.detail
        cycles = asics.by(tokens[1]).cycles
        await until(lambda: asics.by(tokens[1]).cycles > cycles + 3)
        monkeypatch.setattr(poller_module, "interpret", real)
        await asics.reading(tokens)


def test_reasons_are_for_people() -> None:
    assert ReadingError("unreachable", "It did not answer.").message == "It did not answer."


async def test_a_mistake_at_the_end_of_a_turn_costs_that_turn(asics: Sentry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device would never be asked again, and look offline until the Sentry is restarted."""
    rest, failures = poller_module.Poller._rest, 0

    def fails_once(poller: poller_module.Poller, unit: Unit) -> float:
        nonlocal failures
        failures += 1
        if failures == 1:
            raise ZeroDivisionError("nobody foresaw this")
        return rest(poller, unit)

    async with farm_of("luxos") as farm:
        monkeypatch.setattr(poller_module.Poller, "_rest", fails_once)
        token = await asics.add(*farm.devices)
        await asics.reading([token])
        logs = len(asics.ear.logs[token])
        await until(lambda: failures > 2 and len(asics.ear.logs[token]) > logs)


async def test_a_list_that_cannot_be_saved_stops_no_reading(asics: Sentry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: what devices tell about themselves is saved once there is room."""
    monkeypatch.setattr(roster_module, "_SAVE_AGAIN_S", 0.05)
    full, put, refused = True, DeviceStore.put, 0

    def no_room(store: DeviceStore, *devices: Device) -> None:
        nonlocal refused
        if full and any(device.identity for device in devices):
            refused += 1
            raise OSError(28, "No space left on device")
        put(store, *devices)

    monkeypatch.setattr(DeviceStore, "put", no_room)
    async with farm_of("luxos") as farm:
        token = await asics.add(*farm.devices)
        await asics.reading([token])
        await until(lambda: refused > 2)
        logs = len(asics.ear.logs[token])
        await until(lambda: len(asics.ear.logs[token]) > logs + 1)
        full = False
        await until(lambda: not asics.service.roster._unsaved and asics.by(token).device.identity)
