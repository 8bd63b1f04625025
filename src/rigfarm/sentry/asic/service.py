"""The ASICs of a LAN: everything the Sentry's pages and its link may ask for, in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import structlog

from rigfarm.sentry.agent.parts import CommandOutcome
from rigfarm.sentry.asic.addresses import parse_range
from rigfarm.sentry.asic.commands import Commands
from rigfarm.sentry.asic.conversations import Conversations
from rigfarm.sentry.asic.csv_import import CsvError, Entry, checked_name, parse_csv
from rigfarm.sentry.asic.enrol import EnrolledRig, Tls, WantedRig, enrol
from rigfarm.sentry.asic.follow import Follower
from rigfarm.sentry.asic.happenings import Happenings
from rigfarm.sentry.asic.limits import raise_file_limit
from rigfarm.sentry.asic.listener import Listener
from rigfarm.sentry.asic.model import InputError
from rigfarm.sentry.asic.poller import Pace, Poller
from rigfarm.sentry.asic.recognise import Recogniser
from rigfarm.sentry.asic.roster import Roster
from rigfarm.sentry.asic.scan import Find, Scan, ScanProgress
from rigfarm.sentry.asic.unit import Unit
from rigfarm.sentry.asic.views import DeviceView, view
from rigfarm.wire.commands import Command
from rigfarm.wire.frames import Verdict

__all__ = ["AsicService", "CsvRejected"]

_CHIPS_WITHIN_S = 60.0
_log = structlog.get_logger(__name__)


class CsvRejected(ValueError):  # noqa: N818 - the operator's list was
    """A CSV with mistakes: nothing of it was taken."""

    def __init__(self, errors: list[CsvError]) -> None:
        super().__init__(f"{len(errors)} lines need correcting")
        self.errors = errors


class AsicService:
    """`run` does the work; every other method may be called while it runs, and returns soon."""

    def __init__(
        self,
        data_dir: Path,
        listener: Listener,
        *,
        pace: Pace | None = None,
        recogniser: Recogniser | None = None,
        command_effect_s: float = 60.0,
        command_look_every_s: float = 2.0,
    ) -> None:
        self.happenings = Happenings()
        self.roster = Roster(data_dir / "asics.sqlite")
        self._listener = listener
        self._recogniser = recogniser or Recogniser()
        self._conversations = Conversations()
        self._follower = Follower(lambda: self.roster, self.roster.save_soon, self.happenings)
        self.poller = Poller(self._recogniser, self._follower, self.happenings, listener, self._conversations, pace)
        self._commands = Commands(self._conversations, command_effect_s, command_look_every_s)
        self._scan: Scan | None = None
        self._scan_task: asyncio.Task[None] | None = None
        self._running = False
        self.files_problem: str | None = None
        """Why some devices may be read late, if so."""

    async def load(self) -> None:
        """Read the list; before anything else."""
        await self.roster.load()

    async def run(self) -> None:
        """Read all devices of the list, cycle after cycle, until cancelled. May be run again afterwards."""
        await self.roster.open()
        self._running = True
        self._enough_files()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.roster.keep_saving())
                tasks.create_task(self.poller.run(self.roster))
        finally:
            self._running = False
            await self.cancel_scan()
            await self._recogniser.close()
            await self.roster.close()

    # The list

    def devices(self) -> list[DeviceView]:
        """All of them, as their operator sees them."""
        return [view(unit) for unit in self.roster]

    def device(self, id: int) -> DeviceView:
        """One of them; InputError if it is gone."""
        return view(self.roster[id])

    async def add(self, *entries: Entry) -> list[DeviceView]:
        """New devices, all or none; InputError says what is wrong."""
        units = await self.roster.add(*entries)
        for unit in units:
            self._begin(unit)
            self.happenings.tell("info", unit.ip, f"{unit.name}: added to the list")
        self._enough_files()
        self._tell_tokens(units)
        return [view(unit) for unit in units]

    async def add_csv(self, text: str) -> list[DeviceView]:
        """All devices of a CSV; CsvRejected lists the mistakes by line, and then nothing was added."""
        entries, errors = parse_csv(text)
        if not entries and not errors:
            errors = [CsvError(1, "It lists no devices: a line is ip,name,token,username,password,model.")]
        if errors:
            raise CsvRejected(errors)
        return await self.add(*entries)

    async def edit(self, id: int, entry: Entry, *, keep_token: bool = False, keep_login: bool = False) -> DeviceView:
        """Change a device; without `keep_…` an empty token or login takes away the old one."""
        unit = await self.roster.edit(id, entry, keep_token=keep_token, keep_login=keep_login)
        self._look_anew(unit)
        self._tell_tokens([unit])
        return view(unit)

    async def accept(self, id: int) -> DeviceView:
        """Take the device that is at this address now for the one that is meant (after an ID mismatch)."""
        unit = await self.roster.accept(id)
        self._look_anew(unit)
        return view(unit)

    async def remove(self, id: int) -> None:
        """Take a device off the list. In the Commander its rig stays, and goes offline."""
        unit = await self.roster.remove(id)
        await self.poller.drop(unit)
        self.happenings.tell("info", unit.ip, f"{unit.name}: removed from the list")
        self._tell_tokens([unit])

    # Scan and enrolment

    def start_scan(self, text: str) -> ScanProgress:
        """Begin to look for devices in the given addresses; a scan under way goes on instead."""
        if self._scan is not None and self._scan_task is not None and not self._scan_task.done():
            raise InputError("range", "A scan is already running: cancel it, or wait until it ends.")
        addresses = parse_range(text)
        self._scan = Scan(
            text.strip(), addresses, self._recogniser, self._conversations, self._follower, lambda: self.roster
        )
        self._scan_task = asyncio.create_task(self._scan.run())
        self.happenings.tell("info", "", f"Scanning {text.strip()}: {len(addresses)} addresses")
        return self._scan.progress

    @property
    def scan(self) -> ScanProgress | None:
        """The scan under way, or the last one."""
        return self._scan.progress if self._scan is not None else None

    async def cancel_scan(self) -> None:
        """End the scan; what it found stays."""
        if self._scan_task is not None:
            self._scan_task.cancel()
            with suppress(asyncio.CancelledError):
                await self._scan_task

    def finds(self) -> list[tuple[Find, Unit | None]]:
        """What the last scan found, each with the device of the list that it is by now."""
        if self._scan is None:
            return []
        by_name: dict[str, Unit] = {}
        for unit in self.roster:
            identity = unit.device.identity
            by_name |= {name: unit for name in (unit.ip, identity.mac, identity.serial) if name}
        return [(find, _listed(find, by_name)) for find in self._scan.progress.finds]

    async def enrol(self, commander: str, key: str, names: dict[str, str], tls: Tls) -> list[DeviceView]:
        """Make rigs for finds of the last scan (address -> name) and add them, tokens and all."""
        chosen = self._chosen(names)
        wanted = [WantedRig(checked_name(names[find.ip]) or find.ip, mac=find.identity.mac) for find, _ in chosen]
        _check_distinct(wanted)
        made = await enrol(commander, key, wanted, tls)
        added = await self._adopt(list(zip(chosen, made, strict=False)))
        self.happenings.tell("good", "", f"{len(added)} of {len(chosen)} ASICs enrolled at {commander}")
        if len(made) < len(chosen):
            message = f"{len(made)} of {len(chosen)} were enrolled, then the Commander refused; try the rest again."
            raise InputError("names", message)
        return added

    async def _adopt(self, enrolled: list[tuple[tuple[Find, Unit | None], EnrolledRig]]) -> list[DeviceView]:
        """Give finds their tokens: new devices, all at once, and those of the list."""
        new = [Entry(find.ip, rig.name, rig.token) for (find, unit), rig in enrolled if unit is None]
        added = await self.add(*new)
        for (_, unit), rig in enrolled:
            if unit is not None:
                entry = Entry(unit.ip, rig.name, rig.token, model=unit.device.model)
                added.append(await self.edit(unit.device.id, entry, keep_login=True))
        return added

    def _chosen(self, names: Collection[str]) -> list[tuple[Find, Unit | None]]:
        """The finds at these addresses; InputError before anything is made for one that could not be added."""
        found = {find.ip: (find, unit) for find, unit in self.finds()}
        at = {unit.ip: unit for unit in self.roster}
        for ip in names:
            if ip not in found:
                raise InputError("names", f"{ip} is not among what the last scan found.")
            other = at.get(ip)
            if found[ip][1] is None and other is not None:
                raise InputError("names", f"{ip} is listed as {other.name}, but another device answers there: open it.")
        if not names:
            raise InputError("names", "Choose at least one device.")
        return [found[ip] for ip in names]

    # For the link

    async def judge(self, token: str, verdict: Verdict) -> None:
        """The Commander's verdict on a token. A device whose token is no good stays listed, and is left alone."""
        unit = self.roster.by_token(token)
        if unit is None:
            return
        was_invalid = unit.device.token_invalid
        await self.roster.judge(unit, verdict)
        if unit.device.token_invalid and not was_invalid:
            removed = verdict.kind == "removed"
            why = "was removed in the Commander" if removed else "has a token that the Commander does not know"
            self.happenings.tell("warning", unit.ip, f"{unit.name} {why}: no longer read for it")
            unit.let_go()
        elif was_invalid and not unit.device.token_invalid:
            unit.nudge()
        if verdict.kind == "ok":
            unit.tell_chips_within(_CHIPS_WITHIN_S)

    def forget_tokens(self) -> None:
        """They are of another Commander: the devices stay listed, and want new ones."""
        self.roster.forget_tokens()
        self.happenings.tell("warning", "", "Another Commander: the devices' tokens are forgotten; enrol them again")
        self._listener.on_tokens_changed()

    async def command(self, token: str, command: Command) -> CommandOutcome:
        """Carry an operator's command out."""
        unit = self.roster.by_token(token)
        if unit is None:
            return "failed", "This Sentry has no device with that token."
        state, words = await self._commands.carry_out(unit, command)
        name = type(command).__struct_config__.tag
        self.happenings.tell("good" if state == "done" else "warning", unit.ip, f"{unit.name}: {name}: {words}")
        return state, words

    def _begin(self, unit: Unit) -> None:
        if self._running:
            self.poller.add(unit)

    def _look_anew(self, unit: Unit) -> None:
        unit.let_go()
        unit.failures = 0
        unit.state, unit.detail = "new", ""
        unit.nudge()

    def _tell_tokens(self, units: list[Unit]) -> None:
        if any(unit.device.token for unit in units):
            self._listener.on_tokens_changed()

    def _enough_files(self) -> None:
        problem, before = raise_file_limit(len(self.roster)), self.files_problem
        self.files_problem = problem
        if problem is not None and problem != before:
            _log.warning("asic.too_few_files", problem=problem)
            self.happenings.tell("warning", "", problem)


def _listed(find: Find, by_name: dict[str, Unit]) -> Unit | None:
    """The same by name; or the one at its address, unless that is known to be another."""
    for name in (find.identity.mac, find.identity.serial):
        if name in by_name:
            return by_name[name]
    unit = by_name.get(find.ip)
    return None if unit is None or unit.device.identity.differs_from(find.identity) else unit


def _check_distinct(wanted: list[WantedRig]) -> None:
    names = [rig.name.casefold() for rig in wanted]
    for rig in wanted:
        if names.count(rig.name.casefold()) > 1:
            raise InputError("names", f"Two devices cannot both be called {rig.name}.")
