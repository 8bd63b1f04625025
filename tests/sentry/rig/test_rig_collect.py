"""Sensors and mining programs speak of the same devices, and one log comes of it."""

from __future__ import annotations

from rigfarm.sentry.readings import MinerReading, SensorReading
from rigfarm.sentry.rig.collect import join
from rigfarm.wire.log import Device, Workload

PCI = [f"0000:{bus:02x}:00.0" for bus in range(1, 7)]


def sensed(*gpus: Device, **values: object) -> SensorReading:
    cpu = Device(kind="cpu", index=0, name="Ryzen", core_c=70.0, power_w=90.0)
    return SensorReading(devices=[cpu, *gpus], **values)


def card(index: int, **values: object) -> Device:
    return Device(kind="gpu", index=index, id=PCI[index], **{"core_c": 60.0, "power_w": 120.0, **values})


def mined(*rates: float | None, **values: object) -> Device:
    return Device(**{"kind": "gpu", "index": 0, "hashrates": list(rates), **values})


def rows(sensors: SensorReading, *miners: MinerReading) -> list[Device]:
    return list(join(sensors, list(miners), 1_000).devices)


def test_a_cpu_program_and_a_dual_program_on_six_cards() -> None:
    xmrig = MinerReading([Workload(software="XMRig", coin="XMR", hashrate=9_000.0)], [mined(9_000.0, kind="cpu")])
    lolminer = MinerReading(
        [Workload(software="lolMiner", coin="ETC", hashrate=360e6), Workload(software="lolMiner", coin="KAS")],
        [mined(60e6 + n, 300e6 + n, index=n, id=PCI[n]) for n in range(6)],
    )
    log = join(sensed(*(card(n) for n in range(6))), [xmrig, lolminer], 1_700, 99.5, "10.0.0.5")
    assert (log.t, log.uptime_s, log.lan_ip) == (1_700, 99.5, "10.0.0.5")
    assert [workload.coin for workload in log.workloads] == ["XMR", "ETC", "KAS"]
    found = list(log.devices)
    assert [(device.kind, device.index) for device in found] == [("cpu", 0)] + [("gpu", n) for n in range(6)]
    assert found[0].hashrates == [9_000.0, None, None]
    assert [device.hashrates for device in found[1:]] == [[None, 60e6 + n, 300e6 + n] for n in range(6)]
    assert log.power_w == 90 + 6 * 120


def test_cards_are_joined_by_address_whatever_the_program_counts() -> None:
    program = MinerReading([Workload()], [mined(1.0, index=0, id=PCI[1]), mined(2.0, index=1, id=PCI[0])])
    found = rows(sensed(card(0), card(1)), program)
    assert [(device.id, device.hashrates) for device in found[1:]] == [(PCI[0], [2.0]), (PCI[1], [1.0])]


def test_without_addresses_the_number_counts() -> None:
    program = MinerReading([Workload()], [mined(1.0, index=1), mined(2.0, index=0)])
    assert [device.hashrates for device in rows(sensed(card(0), card(1)), program)[1:]] == [[2.0], [1.0]]


def test_the_sensor_is_believed_and_the_program_fills_in() -> None:
    program = MinerReading(
        [Workload()],
        [mined(1.0, id=PCI[0], name="RTX", core_c=99.0, power_w=1.0, memory_c=88.0, fan_percent=70.0, core_mhz=1500.0)],
    )
    found = rows(sensed(card(0, core_mhz=1400.0)), program)[1]
    assert (found.core_c, found.power_w, found.core_mhz) == (60.0, 120.0, 1400.0)
    assert (found.name, found.memory_c, found.fan_percent) == ("RTX", 88.0, 70.0)


def test_the_place_is_the_sensors() -> None:
    program = MinerReading([Workload()], [mined(1.0, index=0, id=PCI[3])])
    assert rows(sensed(card(3)), program)[1].index == 3


def test_a_device_that_only_the_program_knows_is_added_where_there_is_room() -> None:
    program = MinerReading([Workload()], [mined(1.0, index=0, id=PCI[4], power_w=100.0), mined(2.0, index=7)])
    log = join(sensed(card(0)), [program], 1)
    found = list(log.devices)
    assert [(device.index, device.id, device.hashrates) for device in found[1:]] == [
        (0, PCI[0], [None]),
        (1, PCI[4], [1.0]),
        (7, None, [2.0]),
    ]
    assert log.power_w == 90 + 120 + 100


def test_two_programs_on_a_card_no_sensor_knows_speak_of_one_card_if_its_address_says_so() -> None:
    first = MinerReading([Workload()], [mined(1.0, index=2, id=PCI[2])])
    second = MinerReading([Workload()], [mined(2.0, index=0, id=PCI[2])])
    [found] = rows(SensorReading(), first, second)
    assert (found.id, found.hashrates) == (PCI[2], [1.0, 2.0])


def test_two_programs_that_both_count_from_zero_are_not_put_on_one_card() -> None:
    """Each sees only its own cards; which those are, nobody tells."""
    first = MinerReading([Workload(hashrate=1.0)], [mined(1.0, core_c=50.0)])
    second = MinerReading([Workload(hashrate=2.0)], [mined(2.0, core_c=51.0)])
    log = join(sensed(card(0), card(1)), [first, second], 1)
    assert [device.hashrates for device in log.devices][1:] == [[None, None], [None, None]]
    assert [workload.hashrate for workload in log.workloads] == [1.0, 2.0]
    assert [device.hashrates for device in rows(SensorReading(), first, second)] == [[1.0, None], [None, 2.0]]


def test_a_program_that_tells_of_some_cards_only_is_not_guessed_at() -> None:
    program = MinerReading([Workload(hashrate=3.0)], [mined(1.0, index=0), mined(2.0, index=1)])
    assert [device.hashrates for device in rows(sensed(card(0), card(1), card(2)), program)[1:]] == [[None]] * 3


def test_a_gap_in_its_numbers_shows_that_a_program_counts_all_cards() -> None:
    program = MinerReading([Workload(hashrate=3.0)], [mined(1.0, index=0), mined(2.0, index=2)])
    found = rows(sensed(card(0), card(1), card(2)), program)[1:]
    assert [device.hashrates for device in found] == [[1.0], [None], [2.0]]


def test_a_program_counts_by_address_whatever_place_a_card_has_here() -> None:
    """A card that was added later keeps the last place, and its slot may come first."""
    late = Device(kind="gpu", index=2, id="0000:00:1c.0")
    program = MinerReading([Workload()], [mined(float(n), index=n) for n in range(3)])
    found = rows(sensed(card(0), card(1), late), program)[1:]
    assert [(device.id, device.hashrates) for device in found] == [(PCI[0], [1.0]), (PCI[1], [2.0]), (late.id, [0.0])]


def test_what_is_told_of_one_cpu_is_not_put_on_one_of_two() -> None:
    two = SensorReading(devices=[Device(kind="cpu", index=n, core_c=60.0) for n in range(2)])
    program = MinerReading([Workload(hashrate=9.0)], [mined(9.0, kind="cpu")])
    each = MinerReading([Workload(hashrate=9.0)], [mined(4.0, kind="cpu"), mined(5.0, kind="cpu", index=1)])
    assert [device.hashrates for device in rows(two, program)] == [[None], [None]]
    assert [device.hashrates for device in rows(two, each)] == [[4.0], [5.0]]


def test_a_program_fills_in_no_power_beyond_what_the_cards_limit_allows() -> None:
    program = MinerReading([Workload()], [mined(1.0, id=PCI[0], power_w=520.0), mined(1.0, id=PCI[1], power_w=320.0)])
    cards = [card(n, power_w=None, power_limit_w=220.0) for n in range(2)]
    log = join(sensed(*cards), [program], 1)
    assert [device.power_w for device in log.devices][1:] == [None, 320.0]
    assert log.messages == ["Mining program: the power reported for GPU 0 is impossible; it counts as unknown."]


def test_a_processor_and_its_own_graphics_are_one_chip() -> None:
    program = MinerReading([Workload()], [mined(1.0, id=PCI[0], power_w=91.0)])
    for own in (card(0, power_w=90.0), card(0, power_w=None)):
        reading = sensed(own, card(1), within_cpu=[PCI[0]])
        log = join(reading, [program], 1)
        assert log.power_w == 90.0 + 120.0
        assert [device.power_w for device in log.devices] == [90.0, None, 120.0]
    unknown = SensorReading(devices=[Device(kind="cpu", index=0), card(0, power_w=65.0)], within_cpu=[PCI[0]])
    assert join(unknown, [], 1).power_w == 65.0, "where only the graphics tell it, it is the chip's"


def test_a_program_that_tells_two_devices_of_one_number_loses_none() -> None:
    program = MinerReading([Workload()], [mined(1.0, index=0), mined(2.0, index=0)])
    assert [device.hashrates for device in rows(SensorReading(), program)] == [[1.0], [2.0]]


def test_a_missing_card_stays_missing_and_keeps_no_old_news() -> None:
    gone = Device(kind="gpu", index=0, id=PCI[0], name="RTX", missing=True)
    program = MinerReading([Workload()], [mined(0.0, id=PCI[0], core_c=61.0, power_w=118.0)])
    log = join(sensed(gone, card(1)), [program], 1)
    found = list(log.devices)[1]
    assert (found.missing, found.core_c, found.power_w, found.hashrates) == (True, None, None, [0.0])
    assert log.power_w == 90 + 120


def test_a_program_started_after_a_card_fell_off_counts_only_those_left() -> None:
    gone = Device(kind="gpu", index=1, id=PCI[1], missing=True)
    program = MinerReading([Workload()], [mined(1.0, index=0), mined(2.0, index=1)])
    found = rows(sensed(card(0), gone, card(2)), program)
    assert [device.hashrates for device in found[1:]] == [[1.0], [None], [2.0]]


def test_a_program_that_still_counts_the_lost_card_keeps_its_numbers() -> None:
    gone = Device(kind="gpu", index=1, id=PCI[1], missing=True)
    program = MinerReading([Workload()], [mined(1.0, index=0), mined(0.0, index=1), mined(2.0, index=2)])
    found = rows(sensed(card(0), gone, card(2)), program)
    assert [device.hashrates for device in found[1:]] == [[1.0], [0.0], [2.0]]


def test_power_is_the_machines_where_a_sensor_measures_that() -> None:
    assert join(sensed(card(0), power_w=812.5), [], 1).power_w == 812.5


def test_power_is_unknown_where_nobody_tells() -> None:
    silent = SensorReading(devices=[Device(kind="gpu", index=0, id=PCI[0])])
    assert join(silent, [], 1).power_w is None
    assert join(SensorReading(), [], 1).power_w is None


def test_a_program_that_cannot_be_reached_keeps_its_column() -> None:
    silent = MinerReading([Workload(state="unreachable")], problems=["T-Rex on port 1: refused"])
    program = MinerReading([Workload(state="mining")], [mined(5.0, id=PCI[0])])
    log = join(sensed(card(0)), [silent, program], 1)
    assert [workload.state for workload in log.workloads] == ["unreachable", "mining"]
    assert list(log.devices)[1].hashrates == [None, 5.0]
    assert log.messages == ["T-Rex on port 1: refused"]


def test_each_problem_is_told_once_and_not_without_end() -> None:
    noisy = SensorReading(problems=["same", "same", *(f"{n}" * 900 for n in range(99))])
    messages = join(noisy, [MinerReading(problems=["same"])], 1).messages
    assert messages[0] == "same"
    assert messages.count("same") == 1
    assert len(messages) == 32
    assert max(map(len, messages)) == 500


def test_rates_beyond_the_programs_workloads_do_not_touch_the_next_ones() -> None:
    greedy = MinerReading([Workload()], [mined(1.0, 666.0, id=PCI[0])])
    other = MinerReading([Workload()], [mined(2.0, id=PCI[0])])
    assert rows(sensed(card(0)), greedy, other)[1].hashrates == [1.0, 2.0]


def test_a_program_that_tells_no_pci_domain_means_the_only_card_at_that_place() -> None:
    far = [Device(kind="gpu", index=n, id=f"{domain}:0a:00.0") for n, domain in enumerate(("0001", "0002"))]
    one = Device(kind="gpu", index=2, id="10000:0b:00.0")
    program = MinerReading([Workload()], [mined(1.0, id="0000:0b:00.0"), mined(2.0, index=1, id="0000:0a:00.0")])
    found = rows(SensorReading(devices=[*far, one]), program)
    assert [(device.id, device.hashrates) for device in found] == [
        ("0001:0a:00.0", [None]),
        ("0002:0a:00.0", [None]),
        ("10000:0b:00.0", [1.0]),
        ("0000:0a:00.0", [2.0]),  # either of two: neither is guessed
    ]
