"""Maintenance windows: times in which nothing is sent about some rigs. What is wrong is found all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import Row, delete, insert, select, update

from rigfarm.commander.alerts.broadcasts import settings_changed
from rigfarm.commander.alerts.delivery import rows
from rigfarm.commander.alerts.engine.rule import ID_LIST, Scope, check_search
from rigfarm.commander.alerts.model import FARM
from rigfarm.commander.alerts.tables import maintenance_windows
from rigfarm.commander.changes import compare, describe
from rigfarm.commander.fields import checked, form_field, words_of
from rigfarm.commander.live import Hub
from rigfarm.commander.names import clean_name, clean_time, clean_zone
from rigfarm.commander.refusals import Absent, Conflict, Invalid, expect_revision
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.language import MAX_SEARCH, parse_kept
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.storage import Storage
from rigfarm.common.clock import utc_ms

__all__ = ["Window", "WindowForm", "Windows", "window_end"]

MAX_WINDOWS = 100
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _check_name(text: str, _: object) -> str:
    return clean_name(text, "A maintenance window", "cleaning of hall 2")


def _check_date(text: str, form: WindowForm) -> str:
    if form.repeats == "weekly":
        return ""
    try:
        return datetime.fromisoformat(text.strip()).date().isoformat()
    except ValueError:
        raise Invalid("Enter a date, for example 2027-05-31.") from None


def _check_days(text: str, form: WindowForm) -> str:
    if form.repeats == "once":
        return ""
    days = text.casefold().replace(",", " ").split()
    if not days or any(day not in DAYS for day in days):
        raise Invalid("Enter days of the week, for example mon, fri.")
    return " ".join(day for day in DAYS if day in days)


def _check_clock(text: str, form: object) -> str:
    if not (clock := clean_time(text, form)):
        raise Invalid("Enter a time of day, for example 22:30.")
    return clock


class WindowForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What operators set: when, and for which rigs."""

    name: Annotated[str, form_field("Name", group="head", check=_check_name, required=True)]
    repeats: Annotated[
        Literal["once", "weekly"],
        form_field("When", group="when", choices={"once": "once, on a date", "weekly": "every week, on some days"}),
    ] = "once"
    date: Annotated[
        str, form_field("Date", group="when", check=_check_date, max_length=10, placeholder="2027-05-31")
    ] = ""
    days: Annotated[str, form_field("Days", group="when", check=_check_days, max_length=40, placeholder="mon, fri")] = (
        ""
    )
    begins: Annotated[str, form_field("From", group="when", check=_check_clock, max_length=5, placeholder="22:00")] = ""
    ends: Annotated[
        str,
        form_field(
            "Until",
            "A time that is not later than the beginning is on the next day.",
            group="when",
            check=_check_clock,
            max_length=5,
            placeholder="02:00",
        ),
    ] = ""
    zone: Annotated[
        str, form_field("Time zone", group="when", check=clean_zone, max_length=64, placeholder="Europe/Berlin")
    ] = "UTC"
    kind: Annotated[
        Scope, form_field("Rigs", group="scope", choices={"": "all rigs", "cpu-gpu": "CPU/GPU rigs", "asic": "ASICs"})
    ] = ""
    q: Annotated[
        str,
        form_field(
            "Only rigs that match",
            "As in the search of the index: words, or conditions such as coin:XMR.",
            group="scope",
            check=check_search,
            max_length=MAX_SEARCH,
        ),
    ] = ""
    rigs: Annotated[list[int], form_field("Only these rigs (numbers)", group="scope", **ID_LIST)] = []


class Window(Struct, frozen=True):
    """A window as it is kept."""

    id: int
    form: WindowForm
    revision: int
    updated_ms: int


def window_end(form: WindowForm, now_ms: int) -> int | None:
    """When the window ends that is now (UTC ms); None when there is none now."""
    zone = ZoneInfo(form.zone)
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    begins, ends = time.fromisoformat(form.begins), time.fromisoformat(form.ends)
    today = now.astimezone(zone).date()
    for day in (today, today - timedelta(days=1)):
        if form.repeats == "once" and day.isoformat() != form.date:
            continue
        if form.repeats == "weekly" and DAYS[day.weekday()] not in form.days.split():
            continue
        begin = datetime.combine(day, begins, zone)
        end = datetime.combine(day if ends > begins else day + timedelta(days=1), ends, zone)
        if begin.timestamp() <= now.timestamp() < end.timestamp():
            return int(end.timestamp() * 1000)
    return None


class Windows:
    """All of them, in memory."""

    def __init__(
        self, storage: Storage, hub: Hub, rigs: Rigs, rig_list: RigList, *, wall: Callable[[], int] = utc_ms
    ) -> None:
        self.windows: dict[int, Window] = {}
        self._storage = storage
        self._hub = hub
        self._rigs = rigs
        self._rig_list = rig_list
        self._wall = wall
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Read them; once, before serving."""
        async with self._storage.read() as tx:
            found = await tx.execute(select(maintenance_windows).order_by(maintenance_windows.c.id))
            self.windows = {row.id: _window(row) for row in found}

    def get(self, window_id: int) -> Window:
        """One window, or Absent."""
        found = self.windows.get(window_id)
        if found is None:
            raise Absent(f"Maintenance window {window_id} does not exist.")
        return found

    def muted_until(self, rig_ids: Iterable[int]) -> int | None:
        """Until when nothing is sent about these rigs together; None when one of them is in no window."""
        now_ms = self._wall()
        active = [(one.form, end) for one in self.windows.values() if (end := window_end(one.form, now_ms)) is not None]
        if not active:
            return None
        ends: list[int] = []
        for rig_id in rig_ids:
            its = [end for form, end in active if self._is_for(form, rig_id)]
            if not its:
                return None
            ends.append(max(its))
        return min(ends, default=None)

    def _is_for(self, form: WindowForm, rig_id: int) -> bool:
        rig = self._rigs.rigs.get(rig_id)
        if rig_id <= FARM:
            return False
        if rig is None:  # it was removed: of its kind and its name nothing is known
            return not form.rigs or rig_id in form.rigs
        if form.kind not in ("", rig.kind) or (form.rigs and rig_id not in form.rigs):
            return False
        return not form.q or self._rig_list.matches(rig_id, parse_kept(form.q))

    # What operators do

    async def create(self, form: WindowForm) -> Window:
        """Add a window."""
        describe("create maintenance window")
        form = checked(form)
        if len(self.windows) >= MAX_WINDOWS:
            raise Conflict(f"There are {MAX_WINDOWS} maintenance windows, and that is the maximum: remove one first.")
        values = {"form": msgspec.json.encode(form).decode(), "revision": 1, "updated_at": self._wall()}
        async with self._writing:
            async with self._storage.begin() as tx:
                made = insert(maintenance_windows).values(**values).returning(maintenance_windows)
                window = _window((await tx.execute(made)).one())
            self.windows[window.id] = window
        describe(window=form.name)
        compare({}, words_of(form))
        settings_changed(self._hub)
        return window

    async def change(self, window_id: int, form: WindowForm, revision: int | None = None) -> Window:
        """Replace what a window says."""
        describe("change maintenance window")
        form = checked(form)
        async with self._writing:
            old = self.get(window_id)
            expect_revision(revision, old.revision, old.form.name)
            values = {
                "form": msgspec.json.encode(form).decode(), "revision": old.revision + 1, "updated_at": self._wall()
            }  # fmt: skip
            async with self._storage.begin() as tx:
                change = update(maintenance_windows).where(maintenance_windows.c.id == window_id).values(**values)
                window = _window((await tx.execute(change.returning(maintenance_windows))).one())
                await rows.windows_changed(tx, self._wall())
            self.windows[window_id] = window
        describe(window=form.name)
        compare(words_of(old.form), words_of(form))
        settings_changed(self._hub)
        return window

    async def remove(self, window_id: int) -> Window:
        """It ends, if it is now: what waits for that is sent."""
        describe("remove maintenance window")
        async with self._writing:
            window = self.get(window_id)
            expect_revision(None, window.revision, window.form.name)
            async with self._storage.begin() as tx:
                await tx.execute(delete(maintenance_windows).where(maintenance_windows.c.id == window_id))
                await rows.windows_changed(tx, self._wall())
            del self.windows[window_id]
        describe(window=window.form.name)
        compare(words_of(window.form), {})
        settings_changed(self._hub)
        return window


def _window(row: Row[tuple[object, ...]]) -> Window:
    return Window(row.id, msgspec.json.decode(row.form, type=WindowForm), row.revision, row.updated_at)
