"""Starts the process that sends one message, and ends it when it takes too long."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import structlog
from msgspec import Struct

import rigfarm
from rigfarm.commander.outbound.addresses import LAN, Network

__all__ = ["Answer", "Courier"]

log = structlog.get_logger()

WITHIN_S = 40.0
AT_ONCE = 3
MOST_OUTPUT = 64 << 10
_WORKER = Path(__file__).with_name("worker.py")
_ROOT = str(Path(rigfarm.__file__).parent.parent)
_TYPES = {"critical": "failure", "warning": "warning", "info": "info"}


class Answer(Struct, frozen=True):
    """What became of a message. `service` is what Apprise calls where it went."""

    ok: bool
    answer: str
    service: str = ""


class Courier:
    """At most three messages are under way at once; each has forty seconds."""

    def __init__(self, networks: Sequence[Network] = LAN, *, within_s: float = WITHIN_S) -> None:
        """`networks`: what counts as the LAN."""
        self._networks = [str(network) for network in networks]
        self._within_s = within_s
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def check(self, url: str) -> Answer:
        """Whether Apprise knows such a URL; nothing is sent."""
        return await self._ask("check", url, lan=False)

    async def send(self, url: str, title: str, body: str, severity: str = "info", *, lan: bool) -> Answer:
        """Send it, and say what the service answered. Never raises for what a service does."""
        return await self._ask("send", url, title, body, _TYPES.get(severity, "info"), lan=lan)

    async def _ask(
        self, op: Literal["check", "send"], url: str, title: str = "", body: str = "", kind: str = "info", *, lan: bool
    ) -> Answer:
        request = {
            "op": op,
            "url": url,
            "title": title,
            "body": body,
            "type": kind,
            "lan": lan,
            "networks": self._networks,
            "path": _ROOT,
        }
        async with self._turns:
            return await self._run(msgspec.json.encode(request))

    async def _run(self, request: bytes) -> Answer:
        try:
            process = await self._start()
        except OSError as error:
            log.error("the process that sends alerts could not be started", error=str(error))
            return Answer(False, f"the process that sends it could not be started: {error.strerror or error}")
        try:
            async with asyncio.timeout(self._within_s):
                output, _ = await process.communicate(request)
        except TimeoutError:
            return Answer(False, f"no answer within {self._within_s:g} s")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        try:
            return msgspec.json.decode(output[:MOST_OUTPUT], type=Answer)
        except msgspec.DecodeError:
            log.error("the process that sends alerts ended without an answer", status=process.returncode)
            return Answer(False, f"the process that sends it ended with status {process.returncode}")

    @staticmethod
    async def _start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(_WORKER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": "/nonexistent"},
            start_new_session=True,
        )
