"""Whatever a frame holds is within its limits once it is decoded: a number beyond them would end or poison what comes
after (the journal's marks, a database's integers, a date), a list or text beyond them would take its time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from rigfarm.wire.codec import (
    FrameError,
    IgnoredFrameError,
    UnknownFrameError,
    decode_down,
    decode_log,
    decode_up,
    encode,
    encode_log,
    encode_up,
)
from rigfarm.wire.frames import Console, Hello, RigSpecs
from rigfarm.wire.limits import MAX_DEVICES, MAX_LOG_BYTES, MAX_SEQUENCE, MAX_WORKLOADS
from rigfarm.wire.log import Devices, OperationalLog, Pool, Workload
from rigfarm.wire.specs import GpuSpecs, Specs
from support.whole_log import a_whole_log

SPOOL = bytes(16)
BEYOND = [-1, 1 << 53, (1 << 62) - 1, (1 << 63) - 1, (1 << 64) - 1, -(1 << 63)]
STATUS = {"id": 1, "revision": 1, "state": "mining"}

UP: dict[str, Callable[[int], list[object]]] = {
    "Hello.protocol": lambda n: [1, n, "1", SPOOL, ["t"]],
    "Logs.first": lambda n: [3, n, [0], [encode(OperationalLog(t=1))]],
    "Logs.slots": lambda n: [3, 1, [n], [encode(OperationalLog(t=1))]],
    "Gap.first": lambda n: [4, n, n],
    "Gap.last": lambda n: [4, 1, n],
    "Gap.dropped slot": lambda n: [4, 1, 1, True, [[n, 1, 1]]],
    "Gap.dropped total": lambda n: [4, 1, 1, True, [[0, n, 1]]],
    "Gap.dropped told": lambda n: [4, 1, 1, True, [[0, 1, n]]],
}
BESIDE: dict[str, Callable[[int], list[object]]] = {
    "RigSpecs.slot": lambda n: [2, n, {"sentry_version": "1"}],
    "RigSpecs.ram_bytes": lambda n: [2, 0, {"sentry_version": "1", "ram_bytes": n}],
    "RigBoards.slot": lambda n: [5, n, []],
    "RigBoards.index": lambda n: [5, 0, [[n]]],
    "RigBoards.chips_dead": lambda n: [5, 0, [[0, [], [], [n]]]],
    "RigPlaybooks.slot": lambda n: [6, n, []],
    "RigPlaybooks.id": lambda n: [6, 0, [STATUS | {"id": n}]],
    "RigPlaybooks.revision": lambda n: [6, 0, [STATUS | {"revision": n}]],
    "RigPlaybooks.since_ms": lambda n: [6, 0, [STATUS | {"since_ms": n}]],
    "RigPlaybooks.pid": lambda n: [6, 0, [STATUS | {"pid": n}]],
    "RigPlaybooks.restarts": lambda n: [6, 0, [STATUS | {"restarts": n}]],
    "Console.slot": lambda n: [7, n, 1, 0, []],
    "RigTrouble.slot": lambda n: [10, n, "unreachable"],
    "Console.playbook": lambda n: [7, 0, n, 0, []],
    "Console.first": lambda n: [7, 0, 1, n, []],
    "CommandResult.slot": lambda n: [8, "id", n, "done"],
}
DOWN: dict[str, Callable[[int], list[object]]] = {
    "Welcome.now_ms": lambda n: [101, n, 5.0, [], "1"],
    "Welcome.highest": lambda n: [101, 1, 5.0, [], "1", n],
    "Welcome.rig": lambda n: [101, 1, 5.0, [["ok", n]], "1"],
    "Acks first": lambda n: [102, [[n, 1]]],
    "Acks last": lambda n: [102, [[1, n]]],
    "Verdicts.slot": lambda n: [103, [[n, ["unknown"]]]],
    "Playbooks.slot": lambda n: [104, n, 1, []],
    "Command.slot": lambda n: [105, "id", n, {"type": "reboot"}],
    "Command.playbook": lambda n: [105, "id", 0, {"type": "restart-miner", "playbook": n}],
    "ConsoleWatch.slot": lambda n: [106, n, 1, True],
    "ConsoleWatch.playbook": lambda n: [106, 0, n, True],
}


def _packed(frame: list[object]) -> bytes:
    return encode([msgspec.Raw(one) if isinstance(one, bytes) and len(one) != 16 else one for one in _raw(frame)])


def _raw(frame: list[object]) -> list[object]:
    """Encoded logs stay as they are inside a frame."""
    if frame[0] == 3:
        logs = frame[3]
        assert isinstance(logs, list)
        return [*frame[:3], [msgspec.Raw(log) for log in logs]]
    return frame


@pytest.mark.parametrize("field", UP)
@pytest.mark.parametrize("number", BEYOND)
def test_a_number_beyond_its_range_is_no_frame(field: str, number: int) -> None:
    with pytest.raises(FrameError) as raised:
        decode_up(_packed(UP[field](number)))
    assert not isinstance(raised.value, IgnoredFrameError), "its link is closed"
    decode_up(_packed(UP[field](1)))


@pytest.mark.parametrize("field", BESIDE)
@pytest.mark.parametrize("number", [(1 << 64) - 1, -(1 << 63)])
def test_a_number_beyond_its_range_beside_the_logs_is_passed_over(field: str, number: int) -> None:
    """A Sentry would send the same after every reconnect: to close its link would keep its logs out, too."""
    with pytest.raises(IgnoredFrameError):
        decode_up(_packed(BESIDE[field](number)))
    decode_up(_packed(BESIDE[field](1)))


@pytest.mark.parametrize("field", DOWN)
@pytest.mark.parametrize("number", BEYOND)
def test_a_commander_can_send_no_number_beyond_its_range(field: str, number: int) -> None:
    with pytest.raises(FrameError):
        decode_down(_packed(DOWN[field](number)))
    decode_down(_packed(DOWN[field](1)))


@pytest.mark.parametrize("interval", [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e300])
def test_an_interval_is_a_time(interval: float) -> None:
    for frame in ([107, interval], [101, 1, interval, [], "1"]):
        with pytest.raises(FrameError):
            decode_down(encode(frame))


def test_the_last_number_of_a_spool_can_be_acknowledged() -> None:
    decode_down(encode([102, [[0, MAX_SEQUENCE]]]))


@pytest.mark.parametrize(
    "frame",
    [
        [1, 1, "1", SPOOL, []],
        [1, 1, "1", SPOOL[1:], ["t"]],
        [1, 1, "1", SPOOL, ["t"] * 5_001],
        [1, 1, "1", SPOOL, ["t" * 1_000]],
        [1, 1, "1" * 65, SPOOL, ["t"]],
        [3, 1, [], []],
        [3, 1, [0] * 501, [1] * 501],
        [4, 1, 1, True, [[0, 0, 0]] * 5_001],
    ],
)
def test_a_list_or_text_beyond_its_length_is_no_frame(frame: list[object]) -> None:
    with pytest.raises(FrameError):
        decode_up(encode(frame))


def test_a_reason_quotes_no_more_than_fits_a_line() -> None:
    """Whatever is found wrong goes into the log: a rig must not write megabytes there."""
    with pytest.raises(FrameError) as raised:
        decode_up(encode([8, "id", 0, "x" * 900_000]))
    assert len(str(raised.value)) < 300


# Logs


def _columns(devices: int, workloads: int, columns: int, cells: int) -> bytes:
    """A log with so many devices, and columns of hashrates of so many cells."""
    log: Any = [1, None, None, None, None, [["x"]] * workloads]
    log.append([["gpu"] * devices, [], [], [], [], [[1.0] * cells] * columns])
    return encode(log)


@pytest.mark.parametrize(
    "log",
    [
        _columns(MAX_DEVICES + 1, 0, 0, 0),
        _columns(4_000, 0, 16_000, 0),
        _columns(1, 1, 2, 1),
        _columns(1, MAX_WORKLOADS + 1, 0, 0),
        _columns(1, 1, 1, MAX_DEVICES + 1),
        encode([1, None, None, None, None, [], [], [1.0] * 65]),
        encode([1, None, None, None, None, [], [], [], [["url"]] * 17]),
        encode([1, None, None, None, None, [], [], [], [], ["m"] * 65]),
        encode([1, None, None, "1" * 65]),
        encode([-1]),
        encode([1 << 62]),
        encode([4_102_444_800_000]),
    ],
)
def test_a_log_beyond_its_limits_is_refused(log: bytes) -> None:
    assert len(log) <= 2 * MAX_LOG_BYTES
    with pytest.raises(FrameError):
        decode_log(log)


def test_a_log_at_its_limits_is_read() -> None:
    log = decode_log(_columns(MAX_DEVICES, MAX_WORKLOADS, 3, MAX_DEVICES))
    rows = list(log.devices)
    assert len(rows) == MAX_DEVICES
    assert rows[-1].hashrates == [1.0] * 3


def test_measurements_may_be_anything_and_counts_negative() -> None:
    """What a device says is nobody's fault but its own: a log with a NaN must not be refused, for all its other logs
    would wait behind it."""
    workload = Workload(hashrate=math.nan, accepted=-1, uptime_s=math.inf)
    log = OperationalLog(t=1, power_w=-math.inf, workloads=[workload], fans=[1e308])
    assert decode_log(encode(log)).workloads[0].accepted == -1


def test_a_sentry_cuts_to_size_what_its_commander_would_refuse() -> None:
    """Else a program with a talkative API would cost its rig every log."""
    log = OperationalLog(
        t=1,
        lan_ip="x" * 100,
        workloads=[Workload(software="s" * 1_000, accepted=1 << 62, rejected=5, hashrate=1.0)] * 40,
        devices=Devices(kinds=["gpu"] * 600, hashrates=[[1.0] * 600] * 40, chips=[-(1 << 62), 4]),
        pools=[Pool("u" * 600)] * 20,
        messages=["m" * 5_000] * 100,
    )
    sent = decode_log(encode_log(log))
    assert (len(sent.workloads), len(sent.devices), len(sent.devices.hashrates)) == (MAX_WORKLOADS, MAX_DEVICES, 32)
    assert sent.workloads[0] == Workload(software="s" * 64, rejected=5, hashrate=1.0)
    assert sent.devices.chips == [None, 4]
    assert (len(sent.pools), len(sent.pools[0].url), len(sent.messages)) == (16, 512, 64)
    specs = Specs(
        "v" * 100, hostname="h" * 1_000, ram_bytes=-5, power_limit_max_w=math.nan, gpus=[GpuSpecs("g", "n" * 900)] * 600
    )
    frame = decode_up(encode_up(RigSpecs(0, specs)))
    assert isinstance(frame, RigSpecs)
    assert (frame.specs.sentry_version, frame.specs.ram_bytes, frame.specs.power_limit_max_w) == ("v" * 64, None, None)
    assert (len(frame.specs.gpus), len(frame.specs.gpus[0].name or "")) == (MAX_DEVICES, 512)
    frame = decode_up(encode_up(Console(0, 1, 5, ["l" * 9_000] * 2)))
    assert isinstance(frame, Console)
    assert frame.lines == ["l" * 1_024] * 2


def test_what_fits_is_sent_as_it_is() -> None:
    hello = Hello(1, "1", SPOOL, ["token"])
    assert encode_up(hello) == encode(hello)
    log = OperationalLog(t=1, workloads=[Workload(coin="XMR")])
    assert encode_log(log) == encode(log)


# Garbage


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        b"\x92\xa1\xff\x01",
        b"\xd6\xff\xff\xff\xff\xff",
        encode("text"),
        encode(None),
        encode({"type": 1}),
        encode(["1", 1]),
        encode([None]),
        encode([]),
        b"\x92\x03\xc7\x0c\xff" + b"\xff" * 12,
        b"\x95\x01\x01\xa1\xff\xc4\x00\x90",
        encode([1, [[[[]]]]]),
        b"\x92\x01" + b"\x91" * 5_000 + b"\x01",
    ],
)
def test_garbage_is_a_frame_error(data: bytes) -> None:
    for decode in (decode_up, decode_down, decode_log):
        with pytest.raises(FrameError):
            decode(data)


def test_a_frame_from_the_future_is_passed_over_whatever_it_holds() -> None:
    for frame in (b"\x92\x63\xa1\xff", encode([99, {"a": [1] * 1_000}]), encode([(1 << 64) - 1])):
        with pytest.raises(UnknownFrameError):
            decode_up(frame)
        with pytest.raises(UnknownFrameError):
            decode_down(frame)


def test_every_column_of_a_log_comes_back() -> None:
    """Two columns that change places on the way show a card's memory as its core, for months."""
    log, rows = a_whole_log()
    found = decode_log(encode(log))
    assert found == log
    assert list(found.devices) == rows


@pytest.mark.parametrize("decode", [decode_up, decode_down])
@pytest.mark.parametrize("spoiled", [b"\xa2\xff\xfe", b"\xa3\xed\xa0\x80", b"\xa1\x80"])
def test_a_text_that_is_not_utf_8_is_refused_in_words(decode: Callable[[bytes], object], spoiled: bytes) -> None:
    """It was an unhandled error once: the link ended without a reason, and the Sentry came back with the same frame."""
    hello = b"\x95\x01\x01" + spoiled + encode(SPOOL) + b"\x91\xa1t"
    for frame in (hello, b"\x92\x01" + spoiled, spoiled):
        with pytest.raises(FrameError):
            decode(frame)
    with pytest.raises(FrameError):
        decode_log(b"\x94\x01\xc0\xc0" + spoiled)
