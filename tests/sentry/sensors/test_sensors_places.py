"""A card that falls off the bus keeps its place, and the others keep theirs."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_sensors_apart import Says, gpu

from rigfarm.sentry.sensors import Problem, Sensors, SourceFailed, SourceReading
from rigfarm.sentry.sensors.known import KnownGpu, forget, load, remember, save
from rigfarm.sentry.sensors.merge import merge
from rigfarm.sentry.sensors.source import Outcome
from rigfarm.wire.specs import GpuSpecs

ONE, TWO, THREE = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"


def cards(*addresses: str) -> SourceReading:
    return SourceReading(devices=[gpu(address, core_c=60.0) for address in addresses])


def places(reading: object) -> list[tuple[int, str | None, bool]]:
    return [(device.index, device.id, device.missing) for device in reading.devices]


async def test_a_card_that_falls_off_is_missing_in_its_place() -> None:
    source = Says("nvml", cards(THREE, ONE, TWO))
    sensors = Sensors(sources=[source])
    assert places(await sensors.read()) == [(0, ONE, False), (1, TWO, False), (2, THREE, False)]
    source.answer = cards(ONE, THREE)
    reading = await sensors.read()
    assert places(reading) == [(0, ONE, False), (1, TWO, True), (2, THREE, False)]
    assert reading.devices[1].core_c is None
    assert "GPU 1" in reading.problems[0]
    assert TWO in reading.problems[0]
    source.answer = cards(ONE, TWO, THREE)
    assert places(await sensors.read()) == [(0, ONE, False), (1, TWO, False), (2, THREE, False)]


async def test_a_new_card_comes_last_wherever_it_sits() -> None:
    source = Says("nvml", cards(TWO, THREE))
    sensors = Sensors(sources=[source])
    await sensors.read()
    source.answer = cards(ONE, TWO, THREE)
    assert places(await sensors.read()) == [(0, TWO, False), (1, THREE, False), (2, ONE, False)]


async def test_places_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "gpus.json"
    first = Sensors(sources=[Says("nvml", cards(ONE, TWO))], known_path=path)
    await first.read()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    later = Sensors(sources=[Says("nvml", cards(TWO))], known_path=path)
    assert places(await later.read()) == [(0, ONE, True), (1, TWO, False)]


async def test_a_driver_that_is_gone_says_nothing_of_its_cards() -> None:
    nvidia, amd = Says("nvml", cards(ONE)), Says("amdgpu", cards(TWO))
    sensors = Sensors(sources=[nvidia, amd])
    await sensors.read()
    nvidia.answer = SourceFailed(Problem("NVIDIA cards", "the driver does not answer"))
    amd.answer = cards()
    assert places(await sensors.read()) == [(0, ONE, False), (1, TWO, True)]


async def test_cards_are_forgotten_on_request_only(tmp_path: Path) -> None:
    source = Says("nvml", cards(ONE, TWO))
    sensors = Sensors(sources=[source], known_path=tmp_path / "gpus.json")
    await sensors.read()
    source.answer = cards(TWO)
    for _ in range(10):
        assert places(await sensors.read()) == [(0, ONE, True), (1, TWO, False)]
    assert forget(tmp_path / "gpus.json")
    assert places(await sensors.read()) == [(0, TWO, False)]
    assert [gpu.id for gpu in load(tmp_path / "gpus.json")] == [TWO]
    assert forget(tmp_path / "gpus.json")
    assert not forget(tmp_path / "gpus.json")


async def test_specs_of_a_missing_card_are_kept() -> None:
    source = Says("nvml", cards(ONE, TWO), [GpuSpecs(ONE, "A", memory_bytes=1), GpuSpecs(TWO, "B", memory_bytes=2)])
    sensors = Sensors(sources=[source])
    await sensors.read()
    await sensors.gpu_specs()
    source.answer, source.specs = cards(TWO), source.specs[1:]
    await sensors.read()
    assert [(specs.id, specs.memory_bytes) for specs in await sensors.gpu_specs()] == [(ONE, 1), (TWO, 2)]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b'[{"id": 3}]', b"\xff\xfe", b'["x"]'])
async def test_a_damaged_file_costs_nothing_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gpus.json"
    path.write_bytes(content)
    sensors = Sensors(sources=[Says("nvml", cards(ONE))], known_path=path)
    assert places(await sensors.read()) == [(0, ONE, False)]
    assert [gpu.id for gpu in load(path)] == [ONE]


async def test_a_folder_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    sensors = Sensors(sources=[Says("nvml", cards(ONE))], known_path=tmp_path / "no-such-folder" / "gpus.json")
    assert places(await sensors.read()) == [(0, ONE, False)]


def test_saving_and_loading(tmp_path: Path) -> None:
    known = (KnownGpu(TWO, "nvml", "B"), KnownGpu(ONE, "amdgpu"))
    save(tmp_path / "gpus.json", known)
    assert load(tmp_path / "gpus.json") == known
    assert [path.name for path in tmp_path.iterdir()] == ["gpus.json"]


ADDRESSES = [f"0000:{bus:02x}:00.0" for bus in range(1, 9)]


@given(st.lists(st.one_of(st.none(), st.sets(st.sampled_from(ADDRESSES))), max_size=12))
def test_no_card_ever_changes_its_place(looks: list[set[str] | None]) -> None:
    """Whatever comes, goes and hangs (None), in whatever order."""
    known: tuple[KnownGpu, ...] = ()
    place: dict[str, int] = {}
    for look in looks:
        outcome = Outcome("nvml", "", 0.0, None if look is None else cards(*sorted(look, reverse=True)))
        known = remember(known, [outcome])
        reading = merge([outcome], known)
        assert [device.index for device in reading.devices] == list(range(len(reading.devices)))
        assert place.keys() <= {device.id for device in reading.devices}
        for device in reading.devices:
            assert place.setdefault(device.id, device.index) == device.index
            assert device.missing == (look is not None and device.id not in look)
