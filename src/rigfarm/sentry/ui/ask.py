"""`rigfarm sentry status` and `rigfarm sentry code`: ask the Sentry that runs on this machine, over its Unix socket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from rigfarm.sentry.ui.answer import StatusAnswer
from rigfarm.sentry.ui.socket_path import socket_path

__all__ = ["NotRunningError", "answer_of", "ask_code", "ask_status"]

_WITHIN_S = 5.0


class NotRunningError(Exception):
    """No Sentry answers; the text says what to do."""


async def ask_status(folder: Path) -> list[str]:
    """How it does, line by line. NotRunningError."""
    return _lines(await answer_of(folder))


async def ask_code(folder: Path) -> list[str]:
    """The page's address and the code that logs in there, or why there is none. NotRunningError."""
    return _page(await answer_of(folder))


async def answer_of(folder: Path) -> StatusAnswer:
    """What the Sentry with this data folder says of itself. NotRunningError."""
    try:
        async with asyncio.timeout(_WITHIN_S):
            with socket_path(folder) as path:
                return await _ask(path)
    except PermissionError:
        raise NotRunningError(
            f"Only an administrator of this machine may ask the Sentry in {folder}: run this as root (with sudo), or "
            "as the user the Sentry runs as."
        ) from None
    except (OSError, TimeoutError, ValueError, msgspec.DecodeError) as error:
        raise NotRunningError(
            f"No Sentry answers in {folder} ({type(error).__name__}). Start it with `rigfarm sentry run`, name its "
            "folder with --data-dir, or ask as the user it runs as (with sudo, for the service)."
        ) from None


async def _ask(path: Path) -> StatusAnswer:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(b"GET /status.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise ValueError("no status")
    return msgspec.json.decode(body, type=StatusAnswer)


def _lines(answer: StatusAnswer) -> list[str]:
    rig = answer.rig or "not known yet"
    if answer.verdict == "unknown":
        rig = "none: the Commander refuses the token"
    elif answer.rig is None and (answer.facts or not answer.tokens):
        rig = "none: no token"
    lines = [
        f"Sentry     {answer.version}",
        f"Rig        {rig}",
        *(f"{label:<10} {words}" for label, words in answer.facts),
        f"Commander  {answer.commander or 'none: run `rigfarm sentry join URL TOKEN`'}",
        f"Link       {answer.link}{': ' + answer.link_error if answer.link_error else ''}",
        f"Spool      {answer.logs_waiting} logs waiting, {answer.logs_lost} lost",
    ]
    if answer.spool_problem:
        lines.append(f"           logs are kept in memory only: {answer.spool_problem}")
    return [*lines, *(f"Problem    {problem}" for problem in answer.problems), *_page(answer)]


def _page(answer: StatusAnswer) -> list[str]:
    return [
        f"Page       {answer.page}",
        *([f"Code       {answer.code} (logs an administrator in on that page, once)"] if answer.code else []),
    ]
