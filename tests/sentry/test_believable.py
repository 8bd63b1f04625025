"""What cannot be true is unknown, whoever tells it, and is said."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from rigfarm.commander.stats import marks
from rigfarm.commander.stats.contribution import contribution_of
from rigfarm.common import plausible
from rigfarm.common.plausible import Measure, is_celsius, is_watts
from rigfarm.sentry.asic.answer import BoardAnswer, DeviceAnswer, Nature
from rigfarm.sentry.asic.interpret import interpret as asic_interpret
from rigfarm.sentry.asic.model import Device as AsicDevice
from rigfarm.sentry.miners import adapters, interpret
from rigfarm.sentry.miners.finish import finish
from rigfarm.sentry.readings import MinerReading, WorkloadSource
from rigfarm.sentry.readings.believable import believable
from rigfarm.sentry.sensors import sane
from rigfarm.sentry.sensors.merge import merge
from rigfarm.sentry.sensors.source import Outcome, SourceReading
from rigfarm.wire.log import Device, OperationalLog, Workload


@pytest.mark.parametrize(
    ("celsius", "possible"), [(0.0, False), (-5.0, False), (0.5, True), (105.0, True), (129.9, True), (130.0, False)]
)
def test_temperatures(celsius: float, *, possible: bool) -> None:
    assert is_celsius(celsius) is possible


@pytest.mark.parametrize(
    ("watts", "kind", "limit", "possible"),
    [
        (218.0, "gpu", None, True),
        (2180.0, "gpu", None, False),
        (2180.0, "gpu", 300.0, False),
        (329.0, "gpu", 220.0, True),
        (331.0, "gpu", 220.0, False),
        (1200.0, "gpu", 1000.0, True),
        (3500.0, "hashboard", None, True),
        (-1.0, "gpu", None, False),
    ],
)
def test_watts(watts: float, kind: str, limit: float | None, *, possible: bool) -> None:
    assert is_watts(watts, kind, limit) is possible


def test_the_other_values_stay() -> None:
    told = Device(kind="gpu", index=3, core_c=61.0, memory_c=180.0, power_w=2180.0, fan_percent=70.0)
    device, problems = believable(told, "WildRig")
    assert device == Device(kind="gpu", index=3, core_c=61.0, fan_percent=70.0)
    assert problems == [
        "WildRig: the memory temperature reported for GPU 3 is impossible; it counts as unknown.",
        "WildRig: the power reported for GPU 3 is impossible; it counts as unknown.",
    ]
    assert believable(device, "WildRig") == (device, [])


@pytest.mark.parametrize("power", [2180, 429496736])
def test_of_a_mining_program(power: int) -> None:
    sensors = {"busID": [8], "temp": [142], "fan": [42], "power": [power]}
    page = {
        "version": "0.47.4",
        "algo": "sha512256d",
        "hashrate": {"total": [6e8], "threads": [[6e8]]},
        "hwmon": sensors,
    }
    source = WorkloadSource(adapter="wildrig", port=7)
    reading = interpret({"summary": json.dumps(page).encode()}, source, adapters()["wildrig"])
    assert [(card.core_c, card.power_w, card.fan_percent) for card in reading.devices] == [(None, None, 42.0)]
    assert reading.problems == [
        "WildRig Multi on port 7: the temperature reported for GPU 0 is impossible; it counts as unknown.",
        "WildRig Multi on port 7: the power reported for GPU 0 is impossible; it counts as unknown.",
    ]


@pytest.mark.parametrize("name", ["phoenixminer", "ttminer"])
@pytest.mark.parametrize(
    ("sensors", "told"),
    [
        ("61;33;62;35", [(61.0, 33.0), (62.0, 35.0)]),
        ("61;62", [(None, None)] * 2),  # temperatures only: the second is no fan
        ("61;33;62", [(None, None)] * 2),
        ("61;33;62;35;63;40", [(61.0, 33.0), (62.0, 35.0)]),  # a card more than mines
        ("", [(None, None)] * 2),
    ],
)
def test_temperatures_and_fans_that_do_not_pair_up(
    name: str, sensors: str, told: list[tuple[float | None, float | None]]
) -> None:
    answer = {
        "result": ["6.2c - ETC", "30", "60000;10;0", "30000;30000", "0;0;0", "off;off", sensors, "p:1", "0;0;0;0"]
    }
    source = WorkloadSource(adapter=name, port=7)
    reading = interpret({"getstat1": json.dumps(answer).encode()}, source, adapters()[name])
    assert [(card.core_c, card.fan_percent) for card in reading.devices] == told


def test_sensors_of_the_cards_that_are_not_off() -> None:
    answer = {
        "result": ["6.2c - ETC", "30", "60;10;0", "off;30000;30000", "0;0;0", "off;off;off", "61;33;62;35", "p:1"]
    }
    source = WorkloadSource(adapter="phoenixminer", port=7)
    reading = interpret({"getstat1": json.dumps(answer).encode()}, source, adapters()["phoenixminer"])
    assert [(card.core_c, card.fan_percent) for card in reading.devices] == [(None, None), (61.0, 33.0), (62.0, 35.0)]


def test_of_a_sensor() -> None:
    gpu = Device(kind="gpu", index=0, id="0000:01:00.0", core_c=61.0, power_w=900.0, power_limit_w=250.0)
    reading = merge([Outcome("nvml", "NVIDIA cards", 0.1, SourceReading(devices=[gpu]))], ())
    assert [(card.core_c, card.power_w, card.power_limit_w) for card in reading.devices] == [(61.0, None, 250.0)]
    assert reading.problems == ["Sensors: the power reported for GPU 0 is impossible; it counts as unknown."]


def test_one_rule_for_all() -> None:
    """The Commander colours no temperature that a Sentry would not report."""
    edges = (plausible.COLDEST_C, 0.01, 129.9, plausible.HOTTEST_C)
    assert [marks.plausible(celsius) for celsius in edges] == [None, 0.01, 129.9, None]


EDGES = {measure: (most, most * 1.001) for measure, most in plausible.MOST.items() if measure != "celsius"}


def of_a_sensor(measure: Measure, value: float) -> tuple[object, int]:
    clean, field = {
        "mhz": (sane.megahertz, "core_mhz"),
        "rpm": (sane.rpm, "fan_rpm"),
        "fan_percent": (sane.percent, "fan_percent"),
    }[measure]
    device, problems = believable(Device(kind="gpu", index=0, **{field: clean(value)}), "Sensors")
    return getattr(device, field), len(problems)


def of_a_program(measure: Measure, value: float) -> tuple[object, int]:
    adapter = adapters()["xmrig"]
    source = WorkloadSource("xmrig", 1)
    if measure == "hashrate":
        found = finish(MinerReading([Workload(coin="XMR", hashrate=value)]), source, adapter)
        return found.workloads[0].hashrate, len(found.problems)
    field = {"mhz": "core_mhz", "rpm": "fan_rpm", "fan_percent": "fan_percent"}[measure]
    found = finish(MinerReading([], [Device(kind="gpu", index=0, **{field: value})]), source, adapter)
    return getattr(found.devices[0], field), len(found.problems)


def of_an_asic(measure: Measure, value: float) -> tuple[object, int]:
    answer = DeviceAnswer(
        power_w=value if measure == "machine_w" else None,
        hashrate=value if measure == "hashrate" else None,
        fans=[value] if measure == "rpm" else [],
        boards=[BoardAnswer(index=0, frequency_mhz=value)] if measure == "mhz" else [],
    )
    reading = asic_interpret(answer, Nature(), AsicDevice(id=1, ip="10.0.0.7"))
    found = {
        "machine_w": reading.power_w,
        "hashrate": reading.workload.hashrate,
        "rpm": next(iter(reading.fans), None),
        "mhz": reading.boards[0].core_mhz if reading.boards else None,
    }[measure]
    return found, len(reading.messages)


@pytest.mark.parametrize(
    ("who", "measure"),
    [
        *((of_a_sensor, one) for one in ("mhz", "rpm", "fan_percent")),
        *((of_a_program, one) for one in ("mhz", "rpm", "fan_percent", "hashrate")),
        *((of_an_asic, one) for one in ("mhz", "rpm", "hashrate", "machine_w")),
    ],
)
def test_every_reader_has_the_same_bounds_and_says_what_is_beyond(
    who: Callable[[Measure, float], tuple[object, int]], measure: Measure
) -> None:
    most, beyond = EDGES[measure]
    assert who(measure, most) == (most, 0)
    assert who(measure, beyond) == (None, 1), "unknown, and told"
    for nothing in (-1.0, float("nan"), float("inf")):
        assert who(measure, nothing) == (None, 0), "a source without the sensor"


@pytest.mark.parametrize(("measure", "unwritten"), [("rpm", 65_535.0), ("mhz", 65_535.0), ("fan_percent", 255.0)])
def test_a_register_that_was_never_written_is_no_message(measure: Measure, unwritten: float) -> None:
    assert of_a_sensor(measure, unwritten) == of_a_program(measure, unwritten) == (None, 0)


def test_the_commander_has_the_same_bounds() -> None:
    """An older Sentry, or one that is not ours, sends what it likes."""
    for rate, watts in ((EDGES["hashrate"][0], EDGES["machine_w"][0]), (1.0, 1.0)):
        share = contribution_of(OperationalLog(t=1, power_w=watts, workloads=[Workload(coin="XMR", hashrate=rate)]))
        assert (share.coins[0].millihashes, share.milliwatts) == (round(rate * 1000), round(watts * 1000))
    beyond = [Workload(coin="XMR", hashrate=EDGES["hashrate"][1])]
    share = contribution_of(OperationalLog(t=1, power_w=EDGES["machine_w"][1], workloads=beyond))
    assert (share.coins, share.milliwatts) == ((), None)
