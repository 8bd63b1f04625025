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
from rigfarm.sentry.asic.diagnose import knock
from rigfarm.sentry.asic.follow import Follower
from rigfarm.sentry.asic.interpret import identity_of, interpret
from rigfarm.sentry.asic.model import Device, DeviceState, Identity
from rigfarm.sentry.asic.neighbours import neighbours
from rigfarm.sentry.asic.readers.base import Reader, ReadingError, Scope
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.sentry.asic.unit import Unit

__all__ = ["Find", "Scan", "ScanProgress", "ScanState"]

_log = structlog.get_logger(__name__)

ScanState = Literal["running", "done", "cancelled"]
_KNOCKING_AT_ONCE = 192
_ASKING_AT_ONCE = 48
_KNOCK_S = 0.8
_KNOCK_AGAIN_S = 3.0
"""A busy device, or a busy machine of ours, took longer than that the first time."""
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
    again: bool = False
    """Every address was asked once, and those of which too little was heard are asked again."""
    late: tuple[str, ...] = ()
    """Something is there that did not say in time what it is."""

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
        self._silent: list[str] = []
        self._unknown: list[str] = []
        """They take connections, and were not recognised."""
        self._late: list[str] = []
        self._again = False
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
        late = () if self._state == "running" else tuple(sorted(self._late, key=order.__getitem__))
        again = self._again and self._state == "running"
        return ScanProgress(self._state, self.text, len(self._addresses), self._done, finds, seconds, again, late)

    async def run(self) -> None:
        """Go through all addresses, then once more and with more patience through those that may be slow; cancelling it
        keeps what was found."""
        try:
            await self._visit_all(self._addresses, _KNOCK_S)
            again = [*self._unknown, *_may_be_there(self._silent)]
            self._unknown, self._silent, self._late = [], [], []
            self._again = True
            await self._visit_all(again, _KNOCK_AGAIN_S)
            self._state = "done"
        except asyncio.CancelledError:
            self._state = "cancelled"
            raise
        finally:
            self._ended = time.monotonic()

    async def _visit_all(self, addresses: list[str], knock_s: float) -> None:
        async with asyncio.TaskGroup() as tasks:
            for ip in addresses:
                tasks.create_task(self._visit(ip, knock_s))

    async def _visit(self, ip: str, knock_s: float) -> None:
        occupant = next((unit for unit in self._units() if unit.ip == ip and unit.state == "reading"), None)
        try:
            if occupant is not None:
                self._finds[ip] = _of_unit(occupant)
            else:
                async with self._conversations.with_device(ip):
                    await self._ask(ip, knock_s)
        except Exception:  # noqa: BLE001 - one device that answers strangely must not hide all others
            # Without the values of variables, which some log formats add: a login may be among them.
            _log.error("asic.scan_failed_at", ip=ip, error=traceback.format_exc(limit=-5))
        self._done += not self._again

    async def _ask(self, ip: str, knock_s: float) -> None:
        async with self._knocking:
            heard = await knock(ip, knock_s)
        if heard.port is None:
            if heard.silent:
                self._silent.append(ip)
            return
        async with self._asking:
            try:
                async with asyncio.timeout(_ASK_S):
                    self._finds[ip] = await self._meet(ip)
            except ReadingError as error:
                if error.state == "wrong-credentials":
                    self._finds[ip] = Find(ip, known=self._listed(ip), state=error.state, detail=error.message)
                else:
                    self._unknown.append(ip)
                if error.state == "unreachable":
                    self._late.append(ip)
            except TimeoutError:
                self._unknown.append(ip)
                self._late.append(ip)

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
        """The device of the list that this is: the same by name, or one at this address that was not read yet."""
        for unit in self._units():
            named = unit.device.identity
            if (identity and named.is_same_as(identity)) or (unit.ip == ip and not (named and identity)):
                return unit.device.id
        return None


def _may_be_there(silent: list[str]) -> list[str]:
    """Of addresses that said nothing, those that are worth more time. On our own network the kernel knows by now who is
    there; of another network it knows nothing."""
    known = neighbours()
    ours = {ip.rpartition(".")[0] for ip in known}
    return [ip for ip in silent if ip in known or ip.rpartition(".")[0] not in ours]


def _find(ip: str, reader: Reader, identity: Identity, hashrate: float | None, known: int | None) -> Find:
    nature = reader.nature
    return Find(ip, nature.make, nature.model, nature.firmware, identity, hashrate, known)


def _of_unit(unit: Unit) -> Find:
    device, rate = unit.device, unit.reading.workload.hashrate if unit.reading else None
    firmware = unit.reading.workload.software if unit.reading else None
    return Find(unit.ip, device.make, device.variant, firmware, device.identity, rate, known=device.id)
