"""What a Sentry encodes is what the Commander decodes, column by column, and bytes that are none close one link and end
nothing else."""

from __future__ import annotations

import contextlib
import random

import msgspec
import pytest

from rigfarm.wire.codec import FrameError, decode_down, decode_log, decode_up, encode, encode_log
from rigfarm.wire.frames import Hello, Logs
from rigfarm.wire.log import Device, Devices, OperationalLog, Pool, Workload

CELLS: dict[str, tuple[object, object]] = {
    "id": ("0000:01:00.0", None),
    "name": ("RTX 3070", "Ёлка 卡"),
    "missing": (False, True),
    "core_c": (61.5, None),
    "memory_c": (None, 88.0),
    "chip_c": (79.0, 80.0),
    "core_mhz": (1500.0, 1501.0),
    "memory_mhz": (7000.0, None),
    "fan_percent": (0.0, 55.0),
    "fan_rpm": (None, 2100.0),
    "power_w": (120.5, 0.0),
    "power_limit_w": (130.0, 220.0),
    "chips": (0, 114),
    "chips_expected": (114, None),
}
COLUMNS = {"id": "ids", "name": "names"}


def rows() -> list[Device]:
    first, second = ({name: cells[at] for name, cells in CELLS.items()} for at in (0, 1))
    return [
        Device(kind="gpu", index=3, hashrates=[1e6, None, 0.0], **first),  # type: ignore[arg-type]  # a table of cells
        Device(kind="hashboard", index=0, hashrates=[None, 2e12, 5.5], **second),  # type: ignore[arg-type]
    ]


def a_log() -> OperationalLog:
    one = Workload(
        software="T-Rex", version="0.26", coin="ETC", algorithm="etchash", hashrate=1e6, accepted=5, rejected=0,
        stale=1, invalid=2, pool="eu.pool.example:1", wallet="0xabc", worker="rig-1", state="mining", uptime_s=9.5,
    )  # fmt: skip
    pools = [Pool("stratum+tcp://p.example:1", "w.r", True, False, 7, 8), Pool("two.example:2")]
    return OperationalLog(
        1_700_000_000_000, 3.5, 801.25, "192.0.2.7", "203.0.113.9", [one, Workload(coin="ZIL"), Workload()],
        Devices.from_rows(rows()), [1200.0, None, 0.0], pools, ["It complains.", "\x00\u202e"],
    )  # fmt: skip


def test_every_column_is_tried() -> None:
    assert {*CELLS, "kind", "index", "hashrates"} == set(Device.__struct_fields__)


@pytest.mark.parametrize("name", CELLS)
def test_each_column_keeps_its_own_cells(name: str) -> None:
    """Two that change places show a card's memory as its core, and no card as too hot."""
    devices = decode_log(encode_log(a_log())).devices
    assert getattr(devices, COLUMNS.get(name, name)) == list(CELLS[name])
    assert tuple(getattr(row, name) for row in devices) == CELLS[name]


def test_a_log_with_everything_comes_back_as_it_was() -> None:
    log = a_log()
    assert decode_log(encode_log(log)) == log
    assert list(decode_log(encode(log)).devices) == rows()


@pytest.mark.parametrize("name", CELLS)
def test_a_column_of_another_length_is_unknown_and_not_another_device_s(name: str) -> None:
    devices = msgspec.structs.replace(Devices.from_rows(rows()), **{COLUMNS.get(name, name): [CELLS[name][0]]})
    log = decode_log(encode(OperationalLog(1, workloads=[Workload()] * 3, devices=devices)))
    assert [getattr(row, name) for row in log.devices] == [False if name == "missing" else None] * 2


@pytest.mark.parametrize("text", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"ok\xfe"])
def test_text_that_is_not_utf_8_closes_a_link_and_is_no_unhandled_error(text: bytes) -> None:
    """Otherwise one rig with a damaged disk ends the task that serves its link, without a word to its operator."""

    def damaged(data: bytes) -> bytes:
        assert data.count(b"MARK") == 1
        return data.replace(bytes([0xA0 + 4]) + b"MARK", bytes([0xA0 + len(text)]) + text)

    hello, log = damaged(encode(Hello(1, "MARK", bytes(16), ["t"]))), damaged(encode(OperationalLog(1, lan_ip="MARK")))
    for decode, data in ((decode_up, hello), (decode_down, hello), (decode_log, log)):
        with pytest.raises(FrameError):
            decode(data)


def test_damaged_bytes_are_a_log_or_a_frame_error() -> None:
    seed = random.Random(12)
    whole = [
        encode(a_log()),
        encode(Logs(1, [0], [msgspec.Raw(encode(a_log()))])),
        encode(Hello(1, "1", bytes(16), ["t"])),
    ]
    for _ in range(3_000):
        data = bytearray(seed.choice(whole))
        for _ in range(seed.randint(1, 4)):
            data[seed.randrange(len(data))] = seed.randrange(256)
        data = data[: seed.choice([len(data), seed.randrange(len(data))])]
        for decode in (decode_up, decode_down, decode_log):
            with contextlib.suppress(FrameError):
                decode(bytes(data))
