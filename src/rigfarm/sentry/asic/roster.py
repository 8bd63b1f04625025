"""The list of devices: in memory for who reads it, on disk for the next start."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import structlog
from msgspec.structs import replace

from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.model import Device, Identity, InputError, Login
from rigfarm.sentry.asic.store import DeviceStore
from rigfarm.sentry.asic.unit import Unit
from rigfarm.wire.frames import Verdict

__all__ = ["Roster"]

_log = structlog.get_logger(__name__)

_SAVE_AGAIN_S = 10.0
"""After the disk did not take the list."""


class Roster:
    """Changes an operator makes are on disk when their call returns; what the devices tell follows within a moment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store: DeviceStore | None = None
        self._units: dict[int, Unit] = {}
        self._unsaved: dict[int, Device] = {}
        self._work = asyncio.Event()

    def __iter__(self) -> Iterator[Unit]:
        return iter(list(self._units.values()))

    def __len__(self) -> int:
        return len(self._units)

    def __getitem__(self, id: int) -> Unit:
        try:
            return self._units[id]
        except KeyError:
            raise InputError("id", "This device is no longer in the list.") from None

    async def load(self) -> None:
        """Read the list. A token that was merely unknown to the Commander gets another chance."""
        store = await self.open()
        for device in await asyncio.to_thread(store.all):
            fresh = replace(device, verdict="removed" if device.verdict == "removed" else None)
            self._units[device.id] = Unit(fresh)

    async def open(self) -> DeviceStore:
        """Open the file, if it is not."""
        if self._store is None:
            self._store = await asyncio.to_thread(DeviceStore, self._path)
        return self._store

    async def keep_saving(self) -> None:
        """Write down what the devices told about themselves, until cancelled."""
        problem = ""
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._flush()
            except Exception as error:  # noqa: BLE001 - a full disk must not end the reading of devices
                if str(error) != problem:
                    problem = str(error)
                    _log.warning("asic.list_not_saved", reason=problem, again_in_s=_SAVE_AGAIN_S)
                await asyncio.sleep(_SAVE_AGAIN_S)
                self._work.set()
            else:
                problem = ""
            await asyncio.sleep(0.5)

    async def close(self) -> None:
        """Save what is left and let go of the file."""
        await self._flush()
        if self._store is not None:
            await asyncio.to_thread(self._store.close)
            self._store = None

    def save_soon(self, device: Device) -> None:
        """Of a change that may be lost with the power: it would be found out again."""
        self._unsaved[device.id] = device
        self._work.set()

    def forget_tokens(self) -> None:
        """All of them, at once; on disk soon."""
        for unit in self._units.values():
            if unit.device.token is not None:
                unit.device = replace(unit.device, token=None, verdict=None)
                self.save_soon(unit.device)

    def by_token(self, token: str) -> Unit | None:
        return next((unit for unit in self._units.values() if unit.device.token == token), None)

    def tokens(self) -> list[str]:
        """Of the devices that are reported: not those whose token is known to be no good."""
        devices = (unit.device for unit in self._units.values())
        return [device.token for device in devices if device.token is not None and not device.token_invalid]

    async def add(self, *entries: Entry) -> list[Unit]:
        """New devices, all or none."""
        for entry in entries:
            self._check_free(entry.ip, entry.token, None)
        first = max(self._units, default=0) + 1
        devices = [
            Device(id=first + i, ip=e.ip, name=e.name, token=e.token, login=e.login, model=e.model)
            for i, e in enumerate(entries)
        ]
        units = [Unit(device) for device in devices]
        self._units.update({unit.device.id: unit for unit in units})
        await self._put(*devices)
        return units

    async def edit(self, id: int, entry: Entry, *, keep_token: bool, keep_login: bool) -> Unit:
        """Change what an operator may change. A new token is judged again."""
        unit = self[id]
        before = unit.device
        token = before.token if keep_token else entry.token
        login: Login | None = before.login if keep_login else entry.login
        self._check_free(entry.ip, token, id)
        verdict = before.verdict if token == before.token else None
        await self._change(
            unit,
            replace(before, ip=entry.ip, name=entry.name, token=token, login=login, model=entry.model, verdict=verdict),
        )
        return unit

    async def accept(self, id: int) -> Unit:
        """The device now at this address is the one that is meant: forget who was there before."""
        unit = self[id]
        await self._change(unit, replace(unit.device, identity=Identity(), make=None, variant=None, firmware=None))
        return unit

    async def judge(self, unit: Unit, verdict: Verdict) -> None:
        """Keep what the Commander says of a token, and the name it has for the rig."""
        name = verdict.name or unit.device.name
        device = replace(unit.device, verdict=verdict.kind, name=name)
        if device != unit.device:
            await self._change(unit, device)

    async def remove(self, id: int) -> Unit:
        unit = self[id]
        del self._units[id]
        self._unsaved.pop(id, None)
        if self._store is not None:
            await asyncio.to_thread(self._store.remove, id)
        return unit

    def _check_free(self, ip: str, token: str | None, own: int | None) -> None:
        for unit in self._units.values():
            if unit.device.id == own:
                continue
            if unit.ip == ip:
                raise InputError("ip", f"{ip} is already in the list, as {unit.name}.")
            if token is not None and unit.device.token == token:
                raise InputError("token", f"This token belongs to {unit.name} ({unit.ip}).")

    async def _change(self, unit: Unit, device: Device) -> None:
        unit.device = device
        await self._put(device)

    async def _put(self, *devices: Device) -> None:
        for device in devices:
            self._unsaved.pop(device.id, None)
        if self._store is not None:
            await asyncio.to_thread(self._store.put, *devices)

    async def _flush(self) -> None:
        devices = [device for device in self._unsaved.values() if device.id in self._units]
        self._unsaved.clear()
        try:
            if devices and self._store is not None:
                await asyncio.to_thread(self._store.put, *devices)
        except BaseException:  # cancelled, too: `close` saves what is left
            self._unsaved = {device.id: device for device in devices} | self._unsaved
            raise
