"""A Sentry that was fetched, tried before it takes anyone's place: it unpacks itself, and looks at itself."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from rigfarm import __version__
from rigfarm.common.text import printable

__all__ = ["SELF_CHECK", "Checked", "TrialError", "self_check", "try_out"]

SELF_CHECK = "self-check"
TRY_WITHIN_S = 180.0
"""Unpacking on a slow disk, and a start."""
MAX_ANSWER = 64 << 10
PROGRAMS = Path("opt/rigfarm")


class TrialError(Exception):
    """It is not fit to run; the text says why, for people."""


class Checked(Struct, frozen=True):
    """What a program says of itself."""

    version: str
    program: str
    """Its folder."""


def self_check() -> bytes:
    """Load everything that a running Sentry needs, and say who we are. Raises what is wrong."""
    import h11
    import nacl.signing
    import websockets

    from rigfarm.sentry import compose
    from rigfarm.sentry.agent import agent
    from rigfarm.sentry.ui import server

    needed = (h11, nacl.signing, websockets, compose, agent, server)
    assert all(needed)
    return msgspec.json.encode(Checked(__version__, sys.prefix))


async def try_out(file: Path, folder: Path, data_dir: Path, within_s: float = TRY_WITHIN_S) -> Checked:
    """Unpack what was fetched into `folder` and have it check itself, in a process of its own. TrialError, OSError."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        str(file),
        SELF_CHECK,
        "--data-dir",
        str(data_dir),
        env={"RIGFARM_ROOT": str(folder), "PATH": os.defpath, "LANG": "C.UTF-8", "TMPDIR": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = b""
    try:
        async with asyncio.timeout(within_s):
            while (chunk := await process.stdout.read(MAX_ANSWER)) and len(said) <= MAX_ANSWER:
                said += chunk
            code = 1 if chunk else await process.wait()
    except TimeoutError:
        raise TrialError(f"it did not check itself within {within_s:.0f} s") from None
    finally:
        _end(process)
    if code != 0:
        lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
        last = printable(" ".join(lines[-2:]), " ", most=300)
        raise TrialError(f"it failed its own check{f': {last}' if last else f' (exit status {code})'}")
    return _checked(said, folder)


def _end(process: asyncio.subprocess.Process) -> None:
    """With all that it started."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def _checked(said: bytes, folder: Path) -> Checked:
    lines = said.strip().splitlines()
    try:
        found = msgspec.json.decode(lines[-1] if lines else b"", type=Checked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise TrialError("it does not answer as a Sentry does") from None
    program = Path(found.program).resolve()
    if program.parent != (folder / PROGRAMS).resolve() or not (program / "bin" / "rigfarm").is_file():
        raise TrialError("it was not unpacked where it should be")
    return Checked(found.version, str(program))
