"""How a fake mining program can misbehave, so that its reader can be shown to cope."""

from __future__ import annotations

import asyncio
import random
from typing import Literal

__all__ = ["Fault", "misbehave"]

Fault = Literal["hang", "garbage", "slow", "half", "huge", "empty", "http500"]
"""hang: takes the question, never answers. garbage: bytes of no protocol. slow: one byte at a time, for minutes.
half: breaks off in the middle. huge: an answer without end. empty: closes at once. http500: an error page."""

_CHUNK = b" " * 65536


async def misbehave(fault: Fault, answer: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Do with `answer`, complete as it would go over the wire, what the fault says."""
    if fault == "hang":
        await reader.read()  # until the client gives up
    elif fault == "garbage":
        writer.write(random.Random(len(answer)).randbytes(700))
    elif fault == "slow":
        await _drip(answer, writer)
    elif fault == "half":
        writer.write(answer[: max(1, len(answer) * 2 // 3)])
    elif fault == "huge":
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" if answer.startswith(b"HTTP/") else b"{")
        await _flood(writer)
    elif fault == "http500":
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\n\r\nerror")


async def _drip(answer: bytes, writer: asyncio.StreamWriter) -> None:
    for byte in answer:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.2)


async def _flood(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(_CHUNK)
        await writer.drain()
