"""Row 29, replies of devices: whatever bytes come, the Sentry goes on, and what is reported is printable and possible.

Recorded answers are mangled by seeded dice: through sockets and the library, a reading at a time; and straight into the
reader that is our own. The controls are two bugs that are planted: numbers are taken as they come, and a text where a
number is expected is met without care. They must be found.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promise import record, scaled

from rigfarm.common import plausible
from rigfarm.sentry.asic import clean
from rigfarm.sentry.asic.answer import BoardAnswer, ChipAnswer, DeviceAnswer, Nature, PoolAnswer
from rigfarm.sentry.asic.interpret import AsicReading, interpret
from rigfarm.sentry.asic.model import Device
from rigfarm.sentry.asic.readers import iceriver_panel
from rigfarm.sentry.asic.readers.base import ReadingError, Scope
from rigfarm.sentry.asic.readers.iceriver_panel import NotAPanel, nature_of, parse_panel
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.simulate.asic import FakeAsic, Fault, makes
from rigfarm.simulate.asic.corrupt import mangled, mangled_bytes
from rigfarm.simulate.asic.http import HttpRequest
from rigfarm.simulate.asic.recorded import Json
from rigfarm.wire.codec import MAX_LOG_BYTES, decode_log, encode
from support.asic_trial import LOW_PORTS, farm_of, sentry
from support.until import until

MAKES = ["antminer-stock", "luxos", "whatsminer", "braiins", "bitaxe", "epic", "iceriver"]
DEVICE = Device(id=1, ip="10.0.0.1")
READINGS = scaled(30, 3_000)
"""Of each make, through sockets."""
PANELS = scaled(3_000, 1_000_000)
needs_low_ports = pytest.mark.skipif(not LOW_PORTS, reason="fake ASICs listen on port 80, which needs root here")

anything = st.none() | st.floats() | st.integers() | st.just(10**400) | st.text(max_size=20)
numbers = st.none() | st.floats() | st.integers(-(2**70), 2**70)
words = st.none() | st.text(max_size=300)
flags = st.none() | st.booleans()
chip_answers = st.builds(ChipAnswer, index=st.integers(-5, 300), temperature_c=numbers, hashrate=numbers, working=flags)
board_answers = st.builds(
    BoardAnswer,
    index=st.integers(-5, 50),
    serial=words,
    active=flags,
    hashrate=numbers,
    expected_hashrate=numbers,
    board_c=numbers,
    inlet_c=numbers,
    outlet_c=numbers,
    chips=numbers,
    chips_expected=numbers,
    voltage_v=numbers,
    frequency_mhz=numbers,
    chip_details=st.lists(chip_answers, max_size=4),
)
pool_answers = st.builds(
    PoolAnswer, url=words, user=words, alive=flags, active=flags, accepted=numbers, rejected=numbers
)
answers = st.builds(
    DeviceAnswer,
    identified=st.booleans(),
    mac=words,
    serial=words,
    hostname=words,
    firmware_version=words,
    control_board=words,
    hashrate=numbers,
    expected_hashrate=numbers,
    power_w=numbers,
    power_limit_min_w=numbers,
    power_limit_max_w=numbers,
    uptime_s=numbers,
    mining=flags,
    state=words,
    light=flags,
    fans=st.lists(numbers, max_size=30),
    boards=st.lists(board_answers, max_size=6),
    pools=st.lists(pool_answers, max_size=12),
    messages=st.lists(st.text(max_size=400), max_size=50),
)
natures = st.builds(
    Nature,
    make=words,
    model=words,
    firmware=words,
    algorithm=words,
    boards_expected=st.none() | st.integers(0, 9),
    chips_expected=st.none() | st.integers(0, 9999),
)


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)


def check(reading: AsicReading) -> None:
    """The log goes over the wire unchanged, its text is one printable line each, its numbers are possible."""
    log = reading.log(1, "10.0.0.1")
    raw = encode(log)
    assert len(raw) < MAX_LOG_BYTES
    assert decode_log(raw) == log
    for line in strings(msgspec.to_builtins([log, reading.specs, reading.details])):
        assert len(line) <= 200
        assert not [c for c in line if unicodedata.category(c)[0] == "C"], f"control characters in {line!r}"
    rates = [
        reading.workload.hashrate,
        reading.workload.expected_hashrate,
        *(r for b in reading.boards for r in b.hashrates),
    ]
    assert all(rate is None or 0 <= rate <= plausible.MOST["hashrate"] for rate in rates)
    warm = [t for board in reading.boards for t in (board.core_c, board.chip_c)]
    assert all(t is None or -40 <= t <= 200 for t in warm)
    assert all(fan is None or 0 <= fan <= 60_000 for fan in reading.fans)
    assert reading.power_w is None or 0 <= reading.power_w <= 100_000
    assert reading.uptime_s is None or 0 <= reading.uptime_s < 1e9
    counts = [reading.workload.accepted, reading.workload.rejected, *(pool.accepted for pool in reading.pools)]
    assert all(count is None or 0 <= count <= 2**53 for count in counts)
    assert [board.index for board in reading.boards] == sorted({board.index for board in reading.boards})


@settings(max_examples=120, deadline=None)
@given(answers, natures)
def test_any_answer_makes_a_possible_log(answer: DeviceAnswer, nature: Nature) -> None:
    check(interpret(answer, nature, DEVICE))


@settings(max_examples=120, deadline=None)
@given(anything)
def test_numbers_and_text_are_never_believed(value: object) -> None:
    for judge in (clean.hashrate, clean.temperature, clean.power, clean.rpm, clean.uptime, clean.count, clean.chips):
        number = judge(value)
        assert number is None or (number == number and abs(number) <= 1e18)
    text = clean.text(value)
    assert text is None or (len(text) <= 80 and text.isprintable() and text == text.strip())
    assert clean.mac(value) is None or isinstance(value, str)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("\x1b[2J\x1b]0;owned\x07rig", "[2J]0;ownedrig"),
        ("two\nlines\r\nthree\x00four", "two lines threefour"),
        ("safe\u202egnp.exe\u2066\u200f", "safegnp.exe"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # text is escaped where it is shown
        ("\u200b\u0000", None),
        ("A" * 9000, "A" * 80),
        (17, None),
    ],
)
def test_hostile_text(said: object, meant: str | None) -> None:
    assert clean.text(said) == meant


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 1e308, 10**400, "fast", None, True, [], 1e-300])
def test_nonsense_is_no_hashrate(value: object) -> None:
    assert clean.hashrate(value) is None


@needs_low_ports
@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("fault", [Fault.HOSTILE, Fault.NONSENSE])
async def test_devices_that_lie(make: str, fault: Fault) -> None:
    """The same through sockets and the libraries: such a device is read, or not readable, and never a crash."""
    async with farm_of(make) as farm:
        (ip,) = farm.devices
        reader = await Recogniser().recognise(ip, None)
        for number in range(10):
            farm[ip].number = number  # another nonsense for every number
            farm[ip].fault = fault
            with contextlib.suppress(ReadingError):
                check(interpret(await reader.read(Scope.CHIPS), reader.nature, DEVICE))


def test_control_without_cleaning_the_log_would_carry_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutation: numbers and text are taken as they come."""
    monkeypatch.setattr(clean, "hashrate", lambda value: value)
    with pytest.raises(AssertionError):
        check(interpret(DeviceAnswer(hashrate=1e308), Nature(), DEVICE))
    monkeypatch.setattr(clean, "text", lambda value, limit=80: value)
    with pytest.raises(AssertionError):
        check(interpret(DeviceAnswer(messages=["\x1b[2J"]), Nature(), DEVICE))


# Mangled by dice


class Outcome:
    """What became of so many mangled replies."""

    def __init__(self) -> None:
        self.read = 0
        self.refused = 0
        """Not readable, which is said in words."""
        self.wrong: list[str] = []
        """Crashes, and logs that cannot be."""

    @property
    def all(self) -> int:
        return self.read + self.refused + len(self.wrong)

    def judge(self, answer: DeviceAnswer, nature: Nature) -> None:
        try:
            check(interpret(answer, nature, DEVICE))
            self.read += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what this looks for
            self.wrong.append(repr(error)[:200])


async def through_sockets(make: str, readings: int, seed: int) -> Outcome:
    """As the Sentry reads it; the device is well when it is recognised."""
    outcome = Outcome()
    async with farm_of(FakeAsic(make, dice=Random(seed))) as farm:
        (ip,) = farm.devices
        reader = await Recogniser().recognise(ip, None)
        farm[ip].fault = Fault.MANGLED
        for number in range(readings):
            scope = Scope.CHIPS if number % 3 == 0 else Scope.WHOLE
            try:
                async with asyncio.timeout(2.0):
                    answer = await reader.read(scope)
            except (ReadingError, TimeoutError):
                outcome.refused += 1
            except Exception as error:  # noqa: BLE001 - as above
                outcome.wrong.append(repr(error)[:200])
            else:
                outcome.judge(answer, reader.nature)
    return outcome


def healthy_panel() -> Json:
    """What an IceRiver that is well says."""
    asked = HttpRequest("POST", "/user/userpanel", {}, {}, b"post=4")
    answer = makes()["iceriver"].http(FakeAsic("iceriver", steady=True), asked)
    assert not isinstance(answer.body, bytes)
    return answer.body


def into_the_panel(count: int, seed: int, enough: int = 1 << 60) -> Outcome:
    """Straight into the reader of an IceRiver's panel; ends early with so many that went wrong."""
    dice, outcome, healthy = Random(seed), Outcome(), healthy_panel()
    for _ in range(count):
        if len(outcome.wrong) >= enough:
            break
        body = msgspec.json.encode(mangled(healthy, dice))
        if dice.random() < 0.3:
            body = mangled_bytes(body, dice)
        try:
            answer = parse_panel(body)
        except NotAPanel:
            outcome.refused += 1
        except Exception as error:  # noqa: BLE001 - as above
            outcome.wrong.append(repr(error)[:200])
        else:
            outcome.judge(answer, nature_of(answer))
    return outcome


@pytest.mark.timeout(3600)
@needs_low_ports
async def test_mangled_replies_of_every_make(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = {make: await through_sockets(make, READINGS, seed) for seed, make in enumerate(MAKES)}
    with monkeypatch.context() as patch:
        patch.setattr(clean, "hashrate", lambda value: value)  # the planted bug
        patch.setattr(clean, "temperature", lambda value: value)
        control = [await through_sockets(make, READINGS, seed) for seed, make in enumerate(MAKES)]
    n, found = sum(one.all for one in outcomes.values()), sum(len(one.wrong) for one in control)
    wrong = [f"{make}: {text}" for make, one in outcomes.items() for text in one.wrong]
    read = sum(one.read for one in outcomes.values())
    record(
        29,
        f"mangled replies of {len(MAKES)} makes through sockets: {read} read, the others refused in words",
        n=n,
        bad=len(wrong),
        control="hashrates and temperatures are taken as they come",
        control_bad=f"{found} of {sum(one.all for one in control)} logs that cannot be",
        unit="readings",
    )
    assert wrong == []
    assert read > n / 10, "enough of them get far enough"
    assert found, "the control must be seen"


@pytest.mark.timeout(3600)
def test_mangled_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    outcome = into_the_panel(PANELS, seed=29)
    took = time.monotonic() - began
    with monkeypatch.context() as patch:
        patch.setattr(iceriver_panel, "_number", float)  # the planted bug: what is no number raises
        control = into_the_panel(PANELS, seed=29, enough=1)
    record(
        29,
        f"mangled panels of an IceRiver, {took / outcome.all * 1e6:.0f} µs each: {outcome.read} read",
        n=outcome.all,
        bad=len(outcome.wrong),
        control="a text where a number is expected is met without care",
        control_bad=f"found after {control.all}",
        unit="replies",
    )
    assert outcome.wrong == []
    assert outcome.read > outcome.all / 10
    assert control.wrong, "the control must be seen"


@pytest.mark.timeout(3600)
@needs_low_ports
async def test_one_that_talks_nonsense_costs_the_others_nothing(tmp_path: Path) -> None:
    """The whole Sentry, with a mangling device of every make beside one that is well."""
    devices = [FakeAsic(make, dice=Random(seed)) for seed, make in enumerate(MAKES)]
    async with farm_of("luxos", *devices) as farm, sentry(tmp_path) as asics:
        well, *others = [await asics.add(ip) for ip in farm.devices]
        await asics.reading([well, *others])
        for device in devices:
            device.fault = Fault.MANGLED
        cycles = asics.by(well).cycles
        await until(
            lambda: asics.by(well).cycles >= cycles + scaled(20, 500),
            "the one that is well is read on",
            within_s=scaled(60, 1_200),
        )
        for device in devices:
            device.fault = Fault.NONE
        await asics.reading([well, *others])
        for token in others:
            for log in asics.ear.logs[token]:
                assert decode_log(encode(log)) == log
