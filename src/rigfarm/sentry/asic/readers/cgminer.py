"""What Antminers say on cgminer's port and pyasic_rs leaves out, or gives to another board.

`stats` of Bitmain's firmware has the temperatures of chips beside those of the board: `temp_chip1`, or `temp2_6` (S9)
and `temp3_1` (S11); LuxOS has the clock of each board, `freq1`. `devs` of LuxOS lists the boards in any order, each by
its `ID`; the library takes their serial numbers in that order. The S9 leaves out a comma between two objects.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

import msgspec
from msgspec import Struct, field

from rigfarm.sentry.asic.answer import BoardAnswer

__all__ = ["FIRMWARES", "SHUFFLED", "Chain", "ask", "chains", "complete", "serials"]

FIRMWARES = frozenset({"AntMiner Stock", "LuxOS"})
SHUFFLED = frozenset({"LuxOS"})
"""Firmwares of which the library takes serial numbers for those of other boards."""
_PORT = 4028
_MAX_BYTES = 64 << 10
_MAX_CHAIN = 32
_MOST = 1e6
"""No number of interest is larger, and none larger is a float for certain."""
_PARTS = re.compile(r"(?:^|-)(-?\d{1,6}(?:\.\d{1,6})?)")
_ABOUT_CHAIN = re.compile(r"(chain_acn|temp_chip|temp2_|temp3_|freq|freq_avg)(\d{1,2})")


class Chain(Struct):
    """One hashboard, by the number that the firmware gives it."""

    chips: int = 0
    chip_c: float | None = None
    """The hottest chip."""
    frequency_mhz: float | None = None


class _Answer(Struct):
    stats: list[dict[str, object]] = field(default_factory=list, name="STATS")
    devs: list[dict[str, object]] = field(default_factory=list, name="DEVS")


async def ask(ip: str, command: str, timeout_s: float) -> bytes:
    """The bare answer to a command without parameters; empty if there is none in time."""
    with suppress(OSError, TimeoutError, asyncio.LimitOverrunError):
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(ip, _PORT, limit=_MAX_BYTES)
            try:
                writer.write(msgspec.json.encode({"command": command}))
                return (await reader.readuntil(b"\0"))[:-1]
            except asyncio.IncompleteReadError as error:
                return error.partial.rstrip(b"\r\n ")
            finally:
                writer.close()
    return b""


def chains(body: bytes) -> dict[int, Chain]:
    """The hashboards in an answer to `stats`, by number; none if it cannot be read."""
    found: dict[int, Chain] = {}
    for key, value in (item for part in _read(body).stats for item in part.items()):
        about = _ABOUT_CHAIN.fullmatch(key)
        if about is None or not 0 < (number := int(about[2])) <= _MAX_CHAIN:
            continue
        chain = found.setdefault(number, Chain())
        numbers = _numbers(value)
        if about[1] == "chain_acn":
            chain.chips = int(max(numbers, default=0))
        elif about[1].startswith("temp"):
            warm = [celsius for celsius in [chain.chip_c, *numbers] if celsius]
            chain.chip_c = max(warm, default=None)
        elif any(numbers):
            chain.frequency_mhz = numbers[0]
    return found


def complete(boards: list[BoardAnswer], said: dict[int, Chain]) -> None:
    """Fill in the boards. Chains begin at 1, and those of older models at 6, or where the first board was plugged in:
    where it is not clear which is which, nothing is filled in, nor is it for a board that is dead by now."""
    numbers = sorted(number for number, chain in said.items() if chain.chips)
    if numbers and numbers[-1] > len(boards):
        if len(numbers) != len(boards):
            return
        places = dict(zip(numbers, sorted(board.index for board in boards), strict=True))
    else:
        places = {number: number - 1 for number in numbers}
    by_index = {board.index: board for board in boards}
    for number, index in places.items():
        board = by_index.get(index)
        if board is not None and (board.chips or board.hashrate):
            board.chip_c = said[number].chip_c
            if not board.frequency_mhz:
                board.frequency_mhz = said[number].frequency_mhz


def serials(body: bytes) -> dict[int, str]:
    """Serial numbers by board, in an answer to `devs`."""
    found = {}
    for board in _read(body).devs:
        match board:
            case {"ID": int(index), "SerialNumber": str(serial)} if serial:
                found[index] = serial
    return found


def _read(body: bytes) -> _Answer:
    try:
        return msgspec.json.decode(body.replace(b"}{", b"},{"), type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Answer()


def _numbers(value: object) -> list[float]:
    """A number, or some of them as text: "78-50-69-70", or in the cold "-5--3-2"."""
    if isinstance(value, str):
        return [float(part) for part in _PARTS.findall(value[:400])]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return []
    return [float(value)] if abs(value) <= _MOST else []
