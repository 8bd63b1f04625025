"""Reports that are sent on a schedule.

A message is a row before it is sent, one for each schedule and its days: whenever the Commander ends, it is sent after
the next start, and not twice. Only if it ends while a service answers, it is unknown whether the message arrived: then
it is sent again, as one about an alert is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.changes import compare, describe
from rigfarm.commander.fields import checked, words_of
from rigfarm.commander.history import HistoryUnavailable
from rigfarm.commander.refusals import Absent, Conflict, Invalid, NotUnderstood, expect_revision
from rigfarm.commander.reports.actions import Reports
from rigfarm.commander.reports.model import Report
from rigfarm.commander.reports.schedule import rows
from rigfarm.commander.reports.schedule.model import (
    Due,
    ReportChannels,
    ReportMessage,
    Schedule,
    ScheduleForm,
    due_before,
)
from rigfarm.commander.reports.schedule.text import message_of
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.common.text import printable

__all__ = ["DEADLINE_S", "Schedules"]

MAX_SCHEDULES = 20
LOOK_S = 20.0
DEADLINE_S = 180.0
"""For a report and the answer of the service that it is sent by."""
BACKOFF_MS = (60_000, 300_000, 1_800_000, 7_200_000, 14_400_000)
"""After so long a message that failed is sent again; after the last one it is given up."""
KNOWN_LATER_MS = 300_000
PATIENCE_MS = 2 * 3_600_000
"""For so long after it is due, a report waits until history knows all of its time."""
LATE_MS = 24 * 3_600_000
"""A report that was due while the Commander didn't run is sent if it is not later than this."""
KEPT_MS = 400 * 24 * 3_600_000
UNSURE = "interrupted while it was sent: it may arrive twice"
MOST_ANSWER = 300

log = structlog.get_logger()


class Schedules:
    """All of them, in memory; and what is sent. Used from the event loop."""

    def __init__(
        self,
        reports: Reports,
        channels: ReportChannels,
        storage: Storage,
        url: Callable[[], str],
        *,
        wall: Callable[[], int] = utc_ms,
    ) -> None:
        """`url`: how people reach this Commander."""
        self.schedules: dict[int, Schedule] = {}
        self.channels = channels
        self.reports = reports
        self._storage = storage
        self._url = url
        self._wall = wall
        self._writing = asyncio.Lock()
        self._noted: dict[int, Due] = {}
        """Of each schedule: the last time that was written down."""

    async def load(self) -> None:
        """Read them; once, before serving."""
        async with self._storage.read() as tx:
            self.schedules = {one.id: one for one in await rows.load_schedules(tx)}

    def get(self, schedule_id: int) -> Schedule:
        """One of them. Absent."""
        found = self.schedules.get(schedule_id)
        if found is None:
            raise Absent(f"Schedule {schedule_id} does not exist.")
        return found

    async def messages(self, limit: int, before: int | None = None) -> list[ReportMessage]:
        """What was sent, or will be; newest first."""
        async with self._storage.read() as tx:
            return await rows.load_messages(tx, limit, before)

    # What operators do

    async def create(self, form: ScheduleForm) -> Schedule:
        """Send a report regularly, from the next time on."""
        describe("create report schedule")
        form = self._checked(form)
        async with self._writing:
            if len(self.schedules) >= MAX_SCHEDULES:
                raise Conflict(f"There are {MAX_SCHEDULES} schedules, and that is the maximum: remove one first.")
            async with self._storage.begin() as tx:
                schedule = await rows.insert_schedule(tx, form, self._wall())
            self.schedules[schedule.id] = schedule
        compare({}, self._words(form))
        return schedule

    async def change(self, schedule_id: int, form: ScheduleForm, revision: int | None = None) -> Schedule:
        """Other settings, from now on."""
        describe("change report schedule")
        form = self._checked(form)
        async with self._writing:
            old = self.get(schedule_id)
            expect_revision(revision, old.revision, "The schedule")
            async with self._storage.begin() as tx:
                schedule = await rows.save_schedule(tx, old, form, self._wall())
            self.schedules[schedule_id] = schedule
        compare(self._words(old.form), self._words(form))
        return schedule

    async def remove(self, schedule_id: int) -> Schedule:
        """Send it no longer."""
        describe("remove report schedule")
        async with self._writing:
            schedule = self.get(schedule_id)
            expect_revision(None, schedule.revision, "The schedule")
            async with self._storage.begin() as tx:
                await rows.delete_schedule(tx, schedule_id)
            del self.schedules[schedule_id]
            self._noted.pop(schedule_id, None)
        compare(self._words(schedule.form), {})
        return schedule

    def channel_name(self, channel_id: int) -> str:
        """For people."""
        return self.channels.names.get(channel_id, "a removed channel")

    def _checked(self, form: ScheduleForm) -> ScheduleForm:
        form = checked(form)
        if form.channel not in self.channels.names:
            raise Invalid("Choose one of the channels of alerts.", field="channel")
        return form

    def _words(self, form: ScheduleForm) -> dict[str, str]:
        return words_of(form) | {"Channel": self.channel_name(form.channel)}

    # What is sent

    async def run(self, part: Part) -> None:
        """Write down what is due and send it, until cancelled."""
        while True:
            try:
                await self.step(part)
                part.trouble = None
            except SQLAlchemyError as error:
                part.trouble = "reports that are sent on a schedule cannot be read or stored"
                log.error("a report could not be sent; trying again", error=str(error))
            part.idle()
            await asyncio.sleep(LOOK_S)
            part.beat()

    async def step(self, part: Part | None = None) -> None:
        """Write down what is due, then send what waits."""
        await self._note_due()
        async with self._storage.read() as tx:
            messages = await rows.load_open(tx)
        for one in messages:
            if part is not None:
                part.beat()
            if one.state == "sending":  # of an earlier step, which ended in between
                await self._again(one, UNSURE)
            elif one.due_ms <= self._wall():
                await self._send(one)

    async def _note_due(self) -> None:
        now_ms, zone = self._wall(), ZoneInfo(self.reports.settings.zone)
        for schedule in list(self.schedules.values()):
            due = due_before(schedule.form, zone, now_ms)
            if self._noted.get(schedule.id) == due:
                continue
            if schedule.form.on and due.at_ms >= schedule.since_ms and now_ms - due.at_ms <= LATE_MS:
                async with self._writing:
                    if schedule.id in self.schedules:
                        async with self._storage.begin() as tx:
                            if await rows.insert_message(tx, schedule.id, due, now_ms):
                                await rows.prune_messages(tx, now_ms - KEPT_MS)
                        self._noted[schedule.id] = due

    async def _send(self, one: ReportMessage) -> None:
        schedule = self.schedules.get(one.schedule_id)
        if schedule is None:
            return  # removed meanwhile, with its messages
        if not schedule.form.on:
            await self._mark(one, state="skipped", answer="the schedule is switched off")
            return
        try:
            report = await self._report(one, schedule.form.filter)
        except (HistoryUnavailable, NotUnderstood) as why:
            await self._again(one, str(why))
            return
        now_ms = self._wall()
        if report.hours.stop < report.period.hours.stop and now_ms < one.created_ms + PATIENCE_MS:
            await self._mark(one, due_ms=now_ms + KNOWN_LATER_MS, answer="waits until history knows all of this time")
            return
        title, body = message_of(report, schedule.form.filter, self.reports.settings.currency, self._url())
        await self._mark(one, state="sending")
        try:
            answer = await self.channels.send(schedule.form.channel, title, body)
        except Absent:
            await self._mark(one, state="skipped", answer="the channel was removed")
            return
        if answer is None:
            await self._mark(one, state="skipped", answer="the channel is switched off")
        elif answer.ok:
            await self._mark(one, state="sent", sent_ms=self._wall(), answer=answer.answer)
        else:
            await self._again(one, answer.answer)
        log.info("a report was sent" if answer is not None and answer.ok else "a report was not sent", days=one.first)

    async def _report(self, one: ReportMessage, search: str) -> Report:
        period = one.period(ZoneInfo(self.reports.settings.zone))
        return await (self.reports.of_some(period, search) if search else self.reports.of_farm(period))

    async def _again(self, one: ReportMessage, why: str) -> None:
        """It did not arrive, or may not have."""
        if one.attempts >= len(BACKOFF_MS):
            await self._mark(one, state="failed", answer=f"given up: {why}")
        else:
            due_ms = self._wall() + BACKOFF_MS[one.attempts]
            await self._mark(one, state="waiting", attempts=one.attempts + 1, due_ms=due_ms, answer=why)

    async def _mark(self, one: ReportMessage, **values: object) -> None:
        if "answer" in values:
            values["answer"] = printable(str(values["answer"]), "?", most=MOST_ANSWER)
        async with self._storage.begin() as tx:
            await rows.change_message(tx, one.id, **values)
