"""Whatever sensors and programs say, no device is lost, no silence is summed, and the columns stay parallel."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.sentry.readings import MinerReading, SensorReading
from rigfarm.sentry.rig.collect import join
from rigfarm.wire.codec import decode_log, encode
from rigfarm.wire.log import Device, Workload

ids = st.none() | st.sampled_from([f"0000:{bus:02x}:00.0" for bus in range(1, 7)])
values = st.none() | st.floats(0, 400)


@st.composite
def sensor_readings(draw: st.DrawFn) -> SensorReading:
    """As `Sensors` makes them: numbers are 0, 1, … per kind, addresses distinct."""
    cpus = [Device(kind="cpu", index=n, power_w=draw(values)) for n in range(draw(st.integers(0, 2)))]
    addresses = draw(st.lists(ids.filter(bool), unique=True, max_size=6))
    gpus = []
    for index, address in enumerate(addresses):
        missing = draw(st.booleans())
        power = None if missing else draw(values)
        gpus.append(Device(kind="gpu", index=index, id=address, power_w=power, missing=missing))
    return SensorReading(devices=cpus + gpus, power_w=draw(values))


@st.composite
def miner_readings(draw: st.DrawFn) -> MinerReading:
    workloads = [Workload() for _ in range(draw(st.integers(0, 3)))]
    devices = draw(
        st.lists(
            st.builds(
                Device,
                kind=st.sampled_from(["cpu", "gpu"]),
                index=st.integers(0, 7),
                id=ids,
                missing=st.booleans(),
                power_w=values,
                hashrates=st.lists(values, min_size=len(workloads), max_size=len(workloads)),
            ),
            max_size=8,
        )
    )
    return MinerReading(workloads=workloads, devices=devices)


miners = st.lists(miner_readings(), max_size=4)


@given(sensor_readings(), miners)
def test_no_device_is_lost_and_none_changes_its_place(sensors: SensorReading, miners: list[MinerReading]) -> None:
    rows = list(join(sensors, miners, 1).devices)
    places = [(row.kind, row.index) for row in rows]
    assert len(set(places)) == len(places)
    for device in sensors.devices:
        [row] = [row for row in rows if (row.kind, row.index) == (device.kind, device.index)]
        assert (row.id, row.missing) == (device.id, device.missing) if device.id else row.missing == device.missing
    known = {row.id for row in rows}
    for miner in miners:
        assert {device.id for device in miner.devices if device.id} <= known
        for kind in ("cpu", "gpu"):
            told = [device for device in miner.devices if device.kind == kind and device.id]
            assert len([row for row in rows if row.kind == kind]) >= len(told)


@given(sensor_readings(), miners)
def test_every_hashrate_is_in_its_own_column_once_at_most_and_certainly_where_addresses_say_whose_it_is(
    sensors: SensorReading, miners: list[MinerReading]
) -> None:
    log = join(sensors, miners, 1)
    rows = list(log.devices)
    column = 0
    for miner in miners:
        for position in range(len(miner.workloads)):
            told = Counter(d.hashrates[position] for d in miner.devices if d.hashrates[position] is not None)
            found = Counter(r.hashrates[column] for r in rows if r.hashrates[column] is not None)
            assert found <= told
            if all(device.id for device in miner.devices):
                assert found == told
            column += 1
    assert len(log.workloads) == column


@given(sensor_readings(), miners)
def test_columns_are_parallel_and_survive_the_wire(sensors: SensorReading, miners: list[MinerReading]) -> None:
    log = join(sensors, miners, 1)
    count = len(log.devices)
    for name in log.devices.__struct_fields__:
        if name != "hashrates":
            assert len(getattr(log.devices, name)) in (0, count)
    assert len(log.devices.hashrates) == (len(log.workloads) if count else 0)
    assert {len(cells) for cells in log.devices.hashrates} <= {count}
    assert decode_log(encode(log)) == log


@given(sensor_readings(), miners)
def test_what_nobody_knows_is_never_summed_as_zero(sensors: SensorReading, miners: list[MinerReading]) -> None:
    log = join(sensors, miners, 1)
    known = [row.power_w for row in log.devices if row.power_w is not None and not row.missing]
    if sensors.power_w is not None:
        assert log.power_w == sensors.power_w
    elif known:
        assert log.power_w == pytest.approx(sum(known))
    else:
        assert log.power_w is None


@given(sensor_readings(), miners)
def test_what_a_sensor_measured_is_what_the_log_says(sensors: SensorReading, miners: list[MinerReading]) -> None:
    rows = {(row.kind, row.index): row for row in join(sensors, miners, 1).devices}
    for device in sensors.devices:
        if device.power_w is not None:
            assert rows[device.kind, device.index].power_w == device.power_w
        if device.missing:
            assert rows[device.kind, device.index].power_w is None


@given(sensor_readings(), miners)
def test_joining_changes_nothing_that_was_handed_in(sensors: SensorReading, miners: list[MinerReading]) -> None:
    before = encode([sensors, miners])
    assert encode(join(sensors, miners, 1)) == encode(join(sensors, miners, 1))
    assert encode([sensors, miners]) == before
