"""Frames of both directions with everything in them, and what becomes of them in bad hands: bits, bytes and pieces
changed, cut and moved; numbers, texts, lists and nestings that nobody sends."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import msgspec

from rigfarm.wire.codec import encode
from rigfarm.wire.commands import PoolLogin, RestartMiner, SetPools
from rigfarm.wire.frames import (
    Acks,
    CommandResult,
    Console,
    ConsoleWatch,
    DownFrame,
    Gap,
    Hello,
    Logs,
    Playbooks,
    Proof,
    Prove,
    ReportEvery,
    RigBoards,
    RigCommand,
    RigPlaybooks,
    RigSpecs,
    RigTrouble,
    Signed,
    Succession,
    UpFrame,
    Verdict,
    Verdicts,
    Welcome,
)
from rigfarm.wire.log import Device, Devices, OperationalLog, Pool, Workload
from rigfarm.wire.playbooks import Archive, AssignedPlaybook, AssignedWorkload, PlaybookStatus
from rigfarm.wire.specs import BoardDetail, GpuSpecs, Specs
from support.load import a_log

__all__ = ["HOSTILE", "down_frames", "full_log", "hostile_log", "mangled", "up_frames"]

HOSTILE: list[object] = [
    None, True, False, -1, 0, 1, 127, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 53) - 1, 1 << 53, (1 << 62) - 1,
    (1 << 63) - 1, (1 << 64) - 1, -(1 << 31), -(1 << 63), math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -0.0,
    1e24, 9.9e23, "", "x", "x" * 5_000, "\x00", "\x1b[31m", "\N{RIGHT-TO-LEFT OVERRIDE}", "é" * 70, "gpu", "mining",
    b"", b"\xff" * 16, [], [[]], [[]] * 600, [None] * 3, [0] * 5_001, {}, {"a": 1}, {1: 2}, {"type": "reboot"},
    msgspec.msgpack.Ext(5, b"x"), msgspec.msgpack.Ext(-2, b""),
]  # fmt: skip
_BYTES = b"\x00\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xc4\xc6\xc7\xca\xcb\xcc\xcf\xd0\xd3\xd4\xd9\xdb\xdc\xdd\xdf\xff"


def full_log(t: int, devices: int = 3) -> OperationalLog:
    """Every field and column filled."""
    rows = [
        Device(
            "gpu" if n % 3 else "hashboard", n, f"0000:{n:02x}:00.0", "Example 3080", n == 1, [3.3e8, None], 61.0, 84.0,
            70.0, 1_440.0, 7_001.0, 55.0, 2_000.0, 104.5, 220.0, 110, 114,
        )
        for n in range(devices)
    ]  # fmt: skip
    workload = Workload(
        "lolMiner", "1.98", "KAS", "kheavyhash", 9.9e8, 100, 1, 2, 3, "stratum+tcp://pool.example:5555", "wallet",
        "rig-1", "mining", 3_600.0, 7, 1e9,
    )  # fmt: skip
    pools = [Pool("stratum+tcp://pool.example:5555", "user", True, True, 5, 1), Pool("stratum+tcp://spare.example")]
    return OperationalLog(
        t, 1e5, 900.0, "10.0.0.7", "192.0.2.7", [workload, workload], Devices.from_rows(rows), [4_000.0, None], pools,
        ["Fan 3 below its target speed"],
    )  # fmt: skip


def up_frames(t: int, tokens: list[str]) -> list[UpFrame]:
    """One of each kind, filled."""
    raws = [msgspec.Raw(encode(full_log(t + n))) for n in range(2)]
    gpu = GpuSpecs("0000:01:00.0", "Example 3080", "nvidia", 10 << 30, "550.1", "94.02", 220.0, 100.0, 320.0)
    specs = Specs(
        "1.0", "rig-1", "Debian 12", "6.1", "Example CPU", 8, 16, 32 << 30, "board", "bios", [gpu], "Example", "S21",
        "Pro", "stock", "2024", "AML", "aa:bb:cc:dd:ee:ff", "SN1", 3, 342, 4, 2e14, 1_000.0, 3_600.0, ["reboot"],
    )  # fmt: skip
    board = BoardDetail(0, [61.0, None], [1e12, None], [1], 30.0, 60.0, 12.5, 500.0)
    status = PlaybookStatus(7, 2, "mining", "all is well", 0.5, t, 4_711, 1)
    return [
        Hello(1, "1.0", bytes(range(16)), tokens),
        RigSpecs(0, specs),
        Logs(1, [0, 1], raws),
        Logs(10, [0], [msgspec.Raw(encode(a_log(1, t)))]),
        Gap(20, 22, True, [(0, 3, 1)]),
        RigBoards(1, [board]),
        RigPlaybooks(0, [status]),
        Console(0, 7, 0, ["line", "another"]),
        CommandResult("0" * 32, 0, "done", "it is done"),
        Prove(bytes(range(32))),
        RigTrouble(0, "wrong-credentials", "It refuses the login."),
    ]


def down_frames(t: int) -> list[DownFrame]:
    """One of each kind, filled."""
    archive = Archive("lolMiner", "1.98", "0" * 64, 1_000, "/software/archives/0", "tar.gz", "lolMiner")
    order = AssignedPlaybook(
        7, 2, "KAS", archive, "--pool $POOL", {"POOL": "pool.example:5555"}, "lolminer", "--apiport $API_PORT",
        [AssignedWorkload("KAS", "kheavyhash", "gpu", "pool", "wallet")], ["0000:01:00.0"], "running", 1, 5, [0, 1],
        "miner",
    )  # fmt: skip
    return [
        Welcome(t, 5.0, [Verdict("ok", 1, "rig-1"), Verdict("unknown")], "1.0", 12),
        Acks([(1, 5), (7, 9)]),
        Verdicts([(0, Verdict("removed", 1, "rig-1"))]),
        Playbooks(0, 3, [order]),
        RigCommand("0" * 32, 0, SetPools([PoolLogin("pool.example:5555", "user")])),
        RigCommand("1" * 32, 0, RestartMiner(7)),
        ConsoleWatch(0, 7, True),
        ReportEvery(5.0),
        Proof(bytes(32), bytes(32), bytes(64), [Succession(bytes(32), bytes(64))]),
        Signed(1, [encode(ReportEvery(5.0))], bytes(64)),
    ]


def mangled(chance: random.Random, seeds: list[bytes]) -> bytes:
    """One of them after a few accidents."""
    data = chance.choice(seeds)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        data = chance.choice(_WAYS)(chance, data, seeds)
    return data


def hostile_log(chance: random.Random, t: int) -> bytes:
    """A log that is decoded more often than not, with values that cannot be."""
    tree = msgspec.msgpack.decode(encode(full_log(t, chance.choice((0, 1, 3, 20)))))
    for _ in range(chance.choice((1, 3, 10, 40))):
        tree = _changed(chance, tree)
    return encode(tree)


# Ways


def _bits(chance: random.Random, data: bytes, _: list[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _byte(chance: random.Random, data: bytes, _: list[bytes]) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice((_BYTES, data or b"\x00"))[:1] + data[at + chance.randrange(2) :]


def _special(chance: random.Random, data: bytes, _: list[bytes]) -> bytes:
    at = chance.randrange(len(data) + 1)
    extra = bytes(chance.choice(_BYTES) for _ in range(chance.choice((1, 2, 9))))
    return data[:at] + extra + data[at + chance.choice((0, len(extra))) :]


def _cut(chance: random.Random, data: bytes, _: list[bytes]) -> bytes:
    low, high = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
    return chance.choice((data[:low], data[low:], data[:low] + data[high:]))


def _spliced(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    other = chance.choice(seeds)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


def _nested(chance: random.Random, data: bytes, _: list[bytes]) -> bytes:
    at = chance.randrange(len(data) + 1)
    return (
        data[:at] + chance.choice((b"\x91", b"\x81\x01", b"\x92\x01")) * chance.choice((10, 1_000, 20_000)) + data[at:]
    )


def _otherwise(chance: random.Random, data: bytes, _: list[bytes]) -> bytes:
    try:
        tree = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return data
    try:
        return encode(_changed(chance, tree))
    except (TypeError, OverflowError, RecursionError, msgspec.EncodeError):
        return data


_WAYS: list[Callable[[random.Random, bytes, list[bytes]], bytes]] = [
    _bits, _byte, _special, _cut, _spliced, _otherwise, _otherwise, _otherwise, _otherwise, _otherwise,
]  # fmt: skip
_WAYS += [_nested]


def _changed(chance: random.Random, tree: object) -> object:
    """One value of it replaced, left out, doubled or moved."""
    if not isinstance(tree, list | dict) or not tree or chance.random() < 0.05:
        return chance.choice(HOSTILE)
    if isinstance(tree, dict):
        key = chance.choice(list(tree))
        return tree | {key: _changed(chance, tree[key])}
    at = chance.randrange(len(tree))
    if isinstance(tree[at], list | dict) and chance.random() < 0.8:
        return [*tree[:at], _changed(chance, tree[at]), *tree[at + 1 :]]
    way = chance.random()
    if way < 0.6:
        return [*tree[:at], chance.choice(HOSTILE), *tree[at + 1 :]]
    if way < 0.75:
        return tree[:at] + tree[at + 1 :]
    return tree[:at] + [tree[at]] * chance.choice((2, 50)) + tree[at + 1 :] if way < 0.9 else tree[::-1]
