"""Whatever a device says, what is reported is printable and possible; the rest is unknown (RELIABILITY row 29)."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterator

import msgspec
import pytest
from asic_helpers import farm_of
from hypothesis import given, settings
from hypothesis import strategies as st

from rigfarm.sentry.asic import clean
from rigfarm.sentry.asic.answer import BoardAnswer, ChipAnswer, DeviceAnswer, Nature, PoolAnswer
from rigfarm.sentry.asic.interpret import AsicReading, interpret
from rigfarm.sentry.asic.model import Device
from rigfarm.sentry.asic.readers.base import ReadingError, Scope
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.simulate.asic import Fault
from rigfarm.wire.codec import MAX_LOG_BYTES, decode_log, encode

MAKES = ["antminer-stock", "luxos", "whatsminer", "braiins", "bitaxe", "epic", "iceriver"]
DEVICE = Device(id=1, ip="10.0.0.1")

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
    assert all(rate is None or 0 <= rate <= clean.MAX_HASHRATE for rate in rates)
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
        assert number is None or (number == number and abs(number) < 1e18)
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
