"""A scan of the LAN: who is there, of what make, already known or not. One at a time, bounded, cancellable."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Literal

import structlog
from msgspec import Struct

from rigfarm.sentry.asic.conversations import Conversations
from rigfarm.sentry.asic.diagnose import first_open_port
from rigfarm.sentry.asic.follow import Follower
from rigfarm.sentry.asic.interpret import identity_of, interpret
from rigfarm.sentry.asic.model import Device, DeviceState, Identity
from rigfarm.sentry.asic.readers.base import Reader, ReadingError, Scope
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.sentry.asic.unit import Unit

__all__ = ["Find", "Scan", "ScanProgress", "ScanState"]

_log = structlog.get_logger(__name__)

ScanState = Literal["running", "done", "cancelled"]
_KNOCKING_AT_ONCE = 192
_ASKING_AT_ONCE = 48
_KNOCK_S = 0.8
_ASK_S = 20.0


class Find(Struct, frozen=True):
    """One ASIC that was found."""

    ip: str
    make: str | None = None
    model: str | None = None
    firmware: str | None = None
    identity: Identity = Identity()
    hashrate: float | None = None
    """H/s"""
    known: int | None = None
    """Id of the device of the list that it is."""
    state: DeviceState = "reading"
    detail: str = ""


class ScanProgress(Struct, frozen=True):
    """How far it is."""

    state: ScanState
    text: str
    total: int
    done: int
    finds: list[Find]
    seconds: float

    @property
    def share(self) -> float:
        """0..1"""
        return self.done / self.total if self.total else 1.0


class Scan:
    """`units` are the devices of the list: who is being read needs not be asked again."""

    def __init__(
        self,
        text: str,
        addresses: list[str],
        recogniser: Recogniser,
        conversations: Conversations,
        follower: Follower,
        units: Callable[[], Iterable[Unit]],
    ) -> None:
        self.text = text
        self._addresses = addresses
        self._recogniser = recogniser
        self._conversations = conversations
        self._follower = follower
        self._units = units
        self._finds: dict[str, Find] = {}
        self._done = 0
        self._state: ScanState = "running"
        self._started = time.monotonic()
        self._ended: float | None = None
        self._knocking = asyncio.Semaphore(_KNOCKING_AT_ONCE)
        self._asking = asyncio.Semaphore(_ASKING_AT_ONCE)

    @property
    def progress(self) -> ScanProgress:
        """Now; finds in the order of their addresses."""
        order = {ip: place for place, ip in enumerate(self._addresses)}
        finds = sorted(self._finds.values(), key=lambda find: order[find.ip])
        seconds = (self._ended or time.monotonic()) - self._started
        return ScanProgress(self._state, self.text, len(self._addresses), self._done, finds, seconds)

    async def run(self) -> None:
        """Go through all addresses; cancelling it keeps what was found."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for ip in self._addresses:
                    tasks.create_task(self._visit(ip))
            self._state = "done"
        except asyncio.CancelledError:
            self._state = "cancelled"
            raise
        finally:
            self._ended = time.monotonic()

    async def _visit(self, ip: str) -> None:
        occupant = next((unit for unit in self._units() if unit.ip == ip and unit.state == "reading"), None)
        try:
            if occupant is not None:
                self._finds[ip] = _of_unit(occupant)
            else:
                async with self._conversations.with_device(ip):
                    await self._ask(ip)
        except Exception:  # noqa: BLE001 - one device that answers strangely must not hide all others
            # Without the values of variables, which some log formats add: a login may be among them.
            _log.error("asic.scan_failed_at", ip=ip, error=traceback.format_exc(limit=-5))
        self._done += 1

    async def _ask(self, ip: str) -> None:
        async with self._knocking:
            if await first_open_port(ip, _KNOCK_S) is None:
                return
        async with self._asking:
            try:
                async with asyncio.timeout(_ASK_S):
                    self._finds[ip] = await self._meet(ip)
            except ReadingError as error:
                if error.state == "wrong-credentials":
                    self._finds[ip] = Find(ip, known=self._listed(ip), state=error.state, detail=error.message)
            except TimeoutError:
                return

    async def _meet(self, ip: str) -> Find:
        reader = await self._recogniser.recognise_stranger(ip)
        try:
            answer = await reader.read(Scope.WHOLE)
        finally:
            reader.close()
        if answer.silent:
            return Find(ip, reader.nature.make, reader.nature.model, reader.nature.firmware, known=self._listed(ip))
        identity = identity_of(answer)
        self._follower.met(identity, ip)
        reading = interpret(answer, reader.nature, Device(id=0, ip=ip))
        return _find(ip, reader, identity, reading.workload.hashrate, self._listed(ip, identity))

    def _listed(self, ip: str, identity: Identity | None = None) -> int | None:
        """The device of the list that this is: the same by name, or one at this address that nobody has read yet."""
        for unit in self._units():
            named = unit.device.identity
            if (identity and named.is_same_as(identity)) or (unit.ip == ip and not (named and identity)):
                return unit.device.id
        return None


def _find(ip: str, reader: Reader, identity: Identity, hashrate: float | None, known: int | None) -> Find:
    nature = reader.nature
    return Find(ip, nature.make, nature.model, nature.firmware, identity, hashrate, known)


def _of_unit(unit: Unit) -> Find:
    device, rate = unit.device, unit.reading.workload.hashrate if unit.reading else None
    firmware = unit.reading.workload.software if unit.reading else None
    return Find(unit.ip, device.make, device.variant, firmware, device.identity, rate, known=device.id)
