"""Row 39, the Sentry's half: no exception caused by input ends a process or a background part.

A real Sentry with a real mining program, on a real socket, hears frames of every type with the most extreme values that
the decoders let through, and some that they do not; then it is restarted on what it kept, of which some is damaged. It
mines on through everything that is no order about mining, and after each session it starts, mines and reports. The
control takes supervision and the check of acknowledgements away.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec import inspect
from promise import record, scaled
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from farm import MiningRig, mining_rig
from rigfarm.common.clock import utc_ms
from rigfarm.common.supervised import Supervised
from rigfarm.sentry.link.lanes import Lanes
from rigfarm.sentry.link.link import Link
from rigfarm.simulate.program.pack import archive_for, pack
from rigfarm.wire.codec import MAX_FRAME_BYTES, FrameError, decode_down, encode
from rigfarm.wire.frames import (
    Acks,
    ConsoleWatch,
    DownFrame,
    Hello,
    Playbooks,
    Proof,
    ReportEvery,
    RigCommand,
    Signed,
    Verdict,
    Verdicts,
    Welcome,
)
from rigfarm.wire.signing import frames_message
from rigfarm.wire.tokens import new_token
from support.program.rig import assigned_for
from support.toy_commander import ToyCommander
from support.until import until

CONTENT = pack("tar.gz")
ARCHIVE = archive_for(CONTENT, "tar.gz")
ABOUT_MINING = (Playbooks, RigCommand)
KINDS: list[type[DownFrame]] = [
    Acks, RigCommand, ConsoleWatch, Playbooks, Proof, ReportEvery, Signed, Verdicts, Welcome,
]  # fmt: skip
TEXTS = ("", "\0", "../../../etc/passwd", "-x", "$(reboot)", "${API_PORT}", "'", "\u202e\u0007\x1b[2J", "{}", "%s", "é")
LONGEST_LIST = 300


class Nonsense:
    """Values of a type, at and around its limits."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def frame(self, kind: type[DownFrame]) -> bytes:
        """One that its decoder lets through, mostly."""
        for _ in range(20):
            with contextlib.suppress(TypeError, ValueError, OverflowError):
                data = encode(self._struct(kind))
                if len(data) > MAX_FRAME_BYTES:
                    continue
                if self._chance.random() < 0.05:
                    data = self._mangled(data)
                elif self._chance.random() < 0.9:
                    decode_down(data)
                return data
        return encode(ReportEvery(5.0))

    def _mangled(self, data: bytes) -> bytes:
        at = self._chance.randrange(len(data))
        return data[:at] + self._chance.randbytes(self._chance.randrange(4)) + data[at + 1 :]

    def _struct(self, kind: type) -> Any:
        values = {name: self.of(info) for name, info in fields(kind).items()}
        if kind is Verdict and values["kind"] == "removed":
            values["kind"] = "ok"  # a removal is meant to end mining
        if kind is Verdict and self._chance.random() < 0.95:
            values["kind"] = "ok"  # else the link goes idle, as it should, and hears no more
        if "slot" in values and self._chance.random() < 0.8:
            values["slot"] = 0
        return kind(**values)

    def of(self, info: inspect.Type) -> Any:
        """One value."""
        chance = self._chance
        match info:
            case inspect.UnionType():
                return self.of(chance.choice(info.types))
            case inspect.StructType():
                return self._struct(info.cls)
            case inspect.LiteralType():
                return chance.choice(info.values)
            case inspect.IntType():
                least, most = -(1 << 63) if info.ge is None else info.ge, (1 << 63) - 1 if info.le is None else info.le
                return chance.choice([least, most, 0, 1, 5, chance.randint(int(least), int(most))])
            case inspect.FloatType():
                return chance.choice([info.ge or -1e308, info.le or 1e308, 0.0, float("nan"), float("inf"), 1e-300])
            case inspect.StrType():
                longest = min(info.max_length or 1_000, 40_000)
                return chance.choice([*TEXTS, "x" * longest, "\U0001f525" * (longest // 4)])[:longest]
            case inspect.BytesType():
                most = 64 if info.max_length is None else info.max_length
                return chance.randbytes(chance.choice([most, info.min_length or 0]))
            case inspect.BoolType():
                return chance.random() < 0.5
            case inspect.NoneType():
                return None
            case inspect.TupleType():
                return tuple(self.of(one) for one in info.item_types)
            case inspect.ListType():
                most = min(info.max_length or LONGEST_LIST, LONGEST_LIST)
                return [self.of(info.item_type) for _ in range(chance.choice([0, 1, 1, 2, 3, most]))]
            case inspect.DictType():
                return {self.of(info.key_type): self.of(info.value_type) for _ in range(chance.choice([0, 1, 5]))}
            case _:
                raise AssertionError(f"no value of {info}")


@cache
def fields(kind: type) -> dict[str, inspect.Type]:
    """Names and types."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: field.type for field in info.fields}


class Impostor(ToyCommander):
    """Tells a rig what to mine and gives it the program, like a Commander; and then says anything."""

    def __init__(self, nonsense: Nonsense) -> None:
        super().__init__()
        self.mad_welcomes = 0
        """So many greetings are answered with nonsense."""
        self._nonsense = nonsense
        self._revision = 0

    def _process(self, socket: ServerConnection, request: Request) -> Response | None:
        if request.path == "/link":
            return None
        here = request.path == f"/{ARCHIVE.path.lstrip('/')}"
        body = CONTENT if here else b""
        return Response(200 if here else 404, "", Headers({"Content-Length": str(len(body))}), body)

    async def _welcome(self, socket: ServerConnection, hello: Hello) -> None:
        if self.mad_welcomes > 0:
            self.mad_welcomes -= 1
            self.frames.append(hello)
            await socket.send(self._signed(socket, self._nonsense.frame(Welcome)))
            return
        await super()._welcome(socket, hello)
        self._revision = max(self._revision + 1, utc_ms())
        await socket.send(self.sign(socket, Playbooks(0, self._revision, [assigned_for(ARCHIVE)])))

    def _signed(self, socket: ServerConnection, data: bytes) -> bytes:
        """As if the Commander itself had gone mad: with its signature."""
        self._sequence += 1
        signature = self.key.sign(frames_message(self._nonces[socket], self._sequence, [data])).signature
        return encode(Signed(self._sequence, [data], signature))

    async def say(self, data: bytes, *, signed: bool = False) -> bool:
        """Say it; whether somebody listens, within a while."""
        for _ in range(300):
            if self.sockets and self.sockets[-1] in self._nonces:
                socket = self.sockets[-1]
                with contextlib.suppress(ConnectionClosed):
                    await socket.send(self._signed(socket, data) if signed else data)
                    return True
            await asyncio.sleep(0.01)
        return False


def damage(folder: Path, chance: random.Random) -> None:
    """Some of what the Sentry kept of its Commander is no longer what it was."""
    names = ["clock.json", "gpus.json", "playbooks/assigned.json", "playbooks/ledger.json"]
    files = [folder / name for name in names] + list(folder.glob("playbooks/software/versions/*/manifest.json"))
    for path in files:
        if path.exists() and chance.random() < 0.4:
            data = bytearray(path.read_bytes())
            for _ in range(chance.randrange(1, 5)):
                if data:
                    data[chance.randrange(len(data))] = chance.randrange(256)
            path.write_bytes(
                chance.choice([bytes(data), data[: len(data) // 2], b"", b"[" * 50_000, b'{"revision":9e999}'])
            )


async def mines_and_reports(rig: MiningRig, commander: Impostor) -> None:
    """As it should, soon."""
    await until(lambda: rig.pid is not None, "it mines")
    before = len(commander.uptimes)
    await until(lambda: len(commander.uptimes) > before, "it reports")
    assert rig.agent.problems() == []


async def hostile_session(
    folder: Path, commander: Impostor, token: str, nonsense: Nonsense, frames: int, *, orders: bool
) -> tuple[int, int]:
    """Start, be well, hear nonsense; (frames heard, how often mining was ended by what is no order about it)."""
    kinds = [kind for kind in KINDS if orders or kind not in ABOUT_MINING]
    heard = ended = 0
    async with mining_rig(folder, commander.url, token) as rig:
        while commander.mad_welcomes:
            await asyncio.sleep(0.05)
            commander.cut()  # some nonsense is taken for a greeting
        commander.cut()
        await mines_and_reports(rig, commander)
        pid = rig.pid
        for number in range(frames):
            signed = number // len(kinds) % 3 > 0
            if not await commander.say(nonsense.frame(kinds[number % len(kinds)]), signed=signed):
                break
            heard += 1
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        if not orders:
            ended += rig.pid != pid
        assert rig.agent.rig is not None
    return heard, ended


def sessions(count: int) -> Iterator[tuple[bool, int]]:
    """(whether orders about mining are among the frames, greetings that are nonsense)"""
    for number in range(count):
        yield number % 2 == 1, 3 * (number % 3 == 2)


async def never_started_again(supervised: Supervised) -> None:
    """The mutation: nothing looks after a part."""
    await supervised._start()


def raised(_link: Link, error: Exception) -> Exception:
    """The mutation: what a handler raises goes on its way."""
    raise error


def believed(lanes: Lanes, ranges: list[tuple[int, int]]) -> None:
    """The mutation: acknowledgements are taken as they come."""
    for first, last in ranges:
        lanes._spool.acked(first, last)


async def ends_without_supervision(folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether one hostile frame ends the Sentry."""
    monkeypatch.setattr(Supervised, "run", never_started_again)
    monkeypatch.setattr(Link, "_unexpected", raised)
    monkeypatch.setattr(Lanes, "acked", believed)
    commander, token = Impostor(Nonsense(random.Random(0))), new_token()
    await commander.start()
    commander.good(token)
    rig = MiningRig(folder, commander.url, token)
    running = asyncio.create_task(rig.agent.run())
    try:
        await until(lambda: commander.uptimes)
        await commander.say(encode(Acks([(5, 1)])))
        async with asyncio.timeout(20):
            await running
    except (ValueError, ExceptionGroup):
        return True
    except TimeoutError:
        return False
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await commander.stop()
        monkeypatch.undo()
    return False


@pytest.mark.timeout(1800)
async def test_nothing_a_commander_says_ends_a_sentry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(39)
    nonsense = Nonsense(chance)
    commander, token = Impostor(nonsense), new_token()
    await commander.start()
    commander.good(token)
    frames = scaled(120, 250)
    lives = scaled(5, 40)
    heard = ended = 0
    for orders, welcomes in sessions(lives):
        said, stopped = await hostile_session(tmp_path / "sentry", commander, token, nonsense, frames, orders=orders)
        heard, ended = heard + said, ended + stopped
        commander.mad_welcomes = welcomes
        await asyncio.to_thread(damage, tmp_path / "sentry", chance)
    commander.mad_welcomes = 0
    async with mining_rig(tmp_path / "sentry", commander.url, token) as rig:
        await mines_and_reports(rig, commander)
    await commander.stop()
    control = await ends_without_supervision(tmp_path / "control", monkeypatch)
    record(
        39,
        f"nothing that a Commander says ends a Sentry or its mining: {lives} lives of one data folder, damaged between "
        "them, of which each starts, mines and reports",
        n=heard,
        bad=ended,
        unit="frames",
        control="no supervision, and acknowledgements believed",
        control_bad="one frame ended the process" if control else "nothing happened",
    )
    assert heard > 0.5 * frames * lives
    assert ended == 0
    assert control


def test_the_frames_are_as_extreme_as_they_can_be() -> None:
    """Of every type there are some that are let through, or the test shows nothing."""
    nonsense = Nonsense(random.Random(1))
    for kind in KINDS:
        good = 0
        for _ in range(200):
            with contextlib.suppress(FrameError):
                good += isinstance(decode_down(nonsense.frame(kind)), kind)
        assert good > 50, kind
