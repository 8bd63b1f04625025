"""Keeps each device with its token: learns who is who, and follows a device whose address changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog
from msgspec.structs import replace

from rigfarm.sentry.asic.happenings import Happenings
from rigfarm.sentry.asic.interpret import AsicReading
from rigfarm.sentry.asic.model import Device, Identity
from rigfarm.sentry.asic.neighbours import neighbours
from rigfarm.sentry.asic.readers.base import ReadingError
from rigfarm.sentry.asic.unit import Unit

__all__ = ["Follower"]

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 10.0
_MAX_SIGHTINGS = 10_000


class Follower:
    """`units` gives all devices of the list, `save` keeps a changed one."""

    def __init__(
        self,
        units: Callable[[], Iterable[Unit]],
        save: Callable[[Device], None],
        happenings: Happenings,
        table: Callable[[], dict[str, str]] = neighbours,
    ) -> None:
        self._units = units
        self._save = save
        self._happenings = happenings
        self._table = table
        self._neighbours: dict[str, str] = {}
        self._at: dict[str, Unit] = {}
        self._sighted: dict[str, str] = {}
        """Name -> address of devices that were met where another one was expected."""

    async def run(self) -> None:
        """Read the kernel's ARP table now and then, until cancelled."""
        while True:
            try:
                self._neighbours = await asyncio.to_thread(self._table)
                self._find_by_neighbours()
            except Exception:  # noqa: BLE001 - logged with its traceback
                _log.exception("asic.neighbours_unread")  # devices are read on; who moves is found a little later
            await asyncio.sleep(_LOOK_EVERY_S)

    def check_neighbour(self, unit: Unit) -> None:
        """Before anything is sent: is surely another device at this address? Then it gets no login of this one."""
        occupant = self._at.get(unit.ip)
        if occupant is not None and occupant is not unit and occupant.ip == unit.ip and occupant.state == "reading":
            raise ReadingError("id-mismatch", f"{occupant.name} has this address now.")
        there = self._neighbours.get(unit.ip)
        if unit.neighbour_confirmed and there is not None and there != unit.device.identity.mac:
            raise ReadingError("id-mismatch", f"Another device has this address now: {there}.")

    def learn(self, unit: Unit, seen: Identity) -> None:
        """The first reading says who it is; later ones may add to it."""
        known = unit.device.identity
        full = Identity(mac=known.mac or seen.mac, serial=known.serial or seen.serial)
        if full != known:
            self._change(unit, replace(unit.device, identity=full))
        unit.neighbour_confirmed = full.mac is not None and self._neighbours.get(unit.ip) == full.mac

    def remember(self, unit: Unit, reading: AsicReading) -> None:
        """It lives here; and its make and model, for the list while it cannot be read."""
        self._at[unit.ip] = unit
        specs = reading.specs
        if specs is None:
            return
        device = replace(
            unit.device,
            make=specs.make,
            variant=" ".join(part for part in (specs.model, specs.variant) if part) or None,
            firmware=specs.firmware_version,
        )
        if device != unit.device:
            self._change(unit, device)

    def met(self, seen: Identity, ip: str, instead_of: Unit | None = None) -> bool:
        """This device was met at `ip`, where perhaps another was expected: if it is one of the list that got lost, it
        lives there now."""
        if len(self._sighted) > _MAX_SIGHTINGS:
            self._sighted.clear()
        self._sighted |= dict.fromkeys(seen.names, ip)
        for unit in self._units():
            if unit.device.identity.is_same_as(seen) and unit.ip != ip and unit.state != "reading":
                left = unit.ip
                self._move(unit, ip)
                if instead_of is not None:  # they may have swapped: the other may be where this one was
                    for name in instead_of.device.identity.names:
                        self._sighted.setdefault(name, left)
                return True
        return False

    def lost(self, unit: Unit) -> None:
        """It is not where it was: perhaps it was met elsewhere, or has the address of the one that has its own."""
        there = [self._sighted.pop(name, None) for name in unit.device.identity.names]
        ip = next((ip for ip in there if ip is not None), None)
        if ip is not None and ip != unit.ip:
            self._move(unit, ip, seen=False)

    def _find_by_neighbours(self) -> None:
        by_mac = {mac: ip for ip, mac in self._neighbours.items()}
        for unit in self._units():
            there = by_mac.get(unit.device.identity.mac or "")
            lost = unit.failures >= 2 and not unit.device.token_invalid
            still_here = self._neighbours.get(unit.ip) == unit.device.identity.mac
            if lost and there is not None and not still_here:
                self._move(unit, there)

    def _move(self, unit: Unit, ip: str, *, seen: bool = True) -> None:
        """`seen`: it was met there; otherwise it is only tried."""
        said = f"moved from {unit.ip} to {ip}" if seen else f"is not at {unit.ip}; trying {ip}"
        self._happenings.tell("good" if seen else "info", ip, f"{unit.name} ({unit.device.identity}) {said}")
        self._change(unit, replace(unit.device, ip=ip))
        unit.let_go()
        unit.failures = 0
        unit.neighbour_confirmed = False
        unit.nudge()

    def _change(self, unit: Unit, device: Device) -> None:
        unit.device = device
        self._save(device)
