"""How a command on this machine talks to the Commander that runs here: a socket in the data folder, which only its
user can open. Two processes must not write to one SQLite file, so the command asks the Commander to."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.auth.changes import ChangeLog, Record
from rigfarm.commander.auth.keys import ApiKeys
from rigfarm.commander.auth.model import ApiKey
from rigfarm.commander.auth.password import reset_stored
from rigfarm.commander.auth.visitors import reset_visitors
from rigfarm.commander.backup import farm_database
from rigfarm.commander.changes import Actor, Change, change_under_way, concerns, describe
from rigfarm.commander.refusals import Refusal
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage, StorageInUseError

__all__ = [
    "Answer",
    "CreateKey",
    "ListKeys",
    "NotRunningError",
    "Question",
    "ResetPassword",
    "RevokeKey",
    "ask",
    "ask_or_do",
    "carry_out",
    "serve_control",
    "this_process",
]

log = structlog.get_logger()

SOCKET = "commander.sock"
_LINE = 64 << 10
STARTING_S = 20.0


class CreateKey(Struct, tag="create-key"):
    """Make an API key."""

    name: str
    scopes: tuple[str, ...]
    expires_in_s: float | None
    """None: it never expires."""


class ListKeys(Struct, tag="list-keys"):
    """Name all API keys."""


class RevokeKey(Struct, tag="revoke-key"):
    """Refuse an API key from now on."""

    name: str


class ResetPassword(Struct, tag="reset-password"):
    """Replace the password, and end every login."""

    hashed: str
    """Argon2id; the password itself stays with the command. Empty for visitors: none of them may log in."""
    visitor: bool = False
    """Whether it is the visitors' password."""


Question = CreateKey | ListKeys | RevokeKey | ResetPassword


class Answer(Struct):
    """What came of it."""

    keys: list[ApiKey] = []
    secret: str | None = None
    refusal: str | None = None


class Reset(Protocol):
    """Replaces a password."""

    async def __call__(self, hashed: str, *, visitor: bool) -> None:
        """By this hash; `visitor`: that of visitors."""


class NotRunningError(Exception):
    """No Commander runs on this data folder."""


_questions: msgspec.json.Decoder[Question] = msgspec.json.Decoder(Question)
_answers = msgspec.json.Decoder(Answer)


async def carry_out(keys: ApiKeys, reset: Reset, question: Question) -> Answer:
    """Do what is asked; `reset` replaces a password's hash."""
    try:
        match question:
            case CreateKey(name, scopes, expires_in_s):
                describe("create API key", key=name, scopes=",".join(scopes))
                key, secret = await keys.create(name, scopes, expires_in_s)
                concerns("key", {key.id: key.name})
                return Answer([key], secret)
            case RevokeKey(name):
                describe("revoke API key", key=name)
                key = await keys.revoke(name)
                concerns("key", {key.id: key.name})
                return Answer([key])
            case ListKeys():
                return Answer(keys.all())
            case ResetPassword(hashed, visitor):
                whose = "visitors' password" if visitor else "password"
                describe(f"reset {whose}" if hashed else f"remove {whose}")
                await reset(hashed, visitor=visitor)
                return Answer()
    except Refusal as refusal:
        return Answer(refusal=str(refusal))


def _change(question: Question, peer: str) -> Change:
    return Change(str(type(question).__struct_config__.tag), peer, Actor("command", "command"))


async def _answer(keys: ApiKeys, reset: Reset, question: Question, change: Change) -> Answer:
    answer = await carry_out(keys, reset, question)
    looked = isinstance(question, ListKeys)
    change.outcome = "" if looked else "changed" if answer.refusal is None else "refused"
    change.result = answer.refusal or "done"
    return answer


@asynccontextmanager
async def serve_control(folder: Path, keys: ApiKeys, reset: Reset, change_log: ChangeLog) -> AsyncIterator[None]:
    """Answer questions while the block runs."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            question = _questions.decode(await reader.readline())
            async with change_log.of(change := _change(question, _peer(writer))):
                answer = await _answer(keys, reset, question, change)
        except ValueError as error:
            answer = Answer(refusal=f"This Commander does not understand the request: {error}")
        except (SQLAlchemyError, OSError) as error:
            log.error("a command could not be carried out", error=str(error))
            answer = Answer(refusal=f"The Commander's database does not work: {error}")
        except Exception as error:
            log.error("a command could not be carried out", exc_info=error)
            answer = Answer(refusal="Internal error in Rigfarm; see the Commander's log.")
        with suppress(OSError):  # the process that asked may be gone
            writer.write(msgspec.json.encode(answer) + b"\n")
            await writer.drain()
        writer.close()

    with _short_path(folder) as path:
        (folder / SOCKET).unlink(missing_ok=True)
        server = await asyncio.start_unix_server(serve, path, limit=_LINE)
    (folder / SOCKET).chmod(0o600)
    try:
        async with server:
            yield
    finally:
        (folder / SOCKET).unlink(missing_ok=True)


def ask(folder: Path, question: Question, timeout_s: float = 30.0) -> Answer:
    """Ask the running Commander; NotRunningError when there is none. Blocking."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        try:
            with _short_path(folder) as path:
                connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise NotRunningError from None
        connection.sendall(msgspec.json.encode(question) + b"\n")
        with connection.makefile("rb") as lines:
            return _answers.decode(lines.readline())


def ask_or_do(settings: Settings, question: Question, recorder: Callable[[Storage], Record]) -> Answer:
    """Ask the running Commander, or do it here when none runs. Blocking; StorageError when neither is possible.
    `recorder`: what stores a change that is made here."""
    give_up = time.monotonic() + STARTING_S
    while True:
        with suppress(NotRunningError):
            return ask(settings.data_dir, question)
        try:
            return asyncio.run(_do(settings, question, recorder))
        except StorageInUseError:  # a Commander that is starting, or another such command
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)


async def _do(settings: Settings, question: Question, recorder: Callable[[Storage], Record]) -> Answer:
    storage = await Storage.open(farm_database(settings))
    try:
        keys = ApiKeys()
        await keys.load(storage)
        with change_under_way(change := _change(question, this_process())):
            answer = await _answer(keys, partial(_reset, storage, settings), question, change)
        if change.outcome:
            await recorder(storage)(change)
        return answer
    finally:
        await storage.close()


async def _reset(storage: Storage, settings: Settings, hashed: str, *, visitor: bool) -> None:
    await (reset_visitors if visitor else reset_stored)(storage, settings, hashed)


def this_process() -> str:
    """As the place that a command comes from."""
    return f"this machine, user {os.getuid()}, process {os.getpid()}"


def _peer(writer: asyncio.StreamWriter) -> str:
    """Which user of this machine asks."""
    credentials = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    process, user, _ = struct.unpack("3i", credentials)
    return f"this machine, user {user}, process {process}"


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """The path by way of the open folder: a socket's has 107 bytes at most, and a data folder's may be longer."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)
