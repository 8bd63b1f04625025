"""The JSON API of reports that are sent on a schedule."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.fields import Changes, changes_of
from rigfarm.commander.reports.schedule.model import (
    MessageState,
    ReportMessage,
    Schedule,
    ScheduleForm,
    due_after,
)
from rigfarm.commander.reports.schedule.schedules import Schedules
from rigfarm.commander.web.conditional import IF_MATCH
from rigfarm.commander.web.paging import LIMIT, After, Limit, loaded_page, number_after, one_page
from rigfarm.common.clock import moment, utc_ms

__all__ = ["api_routes"]


class ScheduleAnswer(ScheduleForm, frozen=True, kw_only=True, omit_defaults=True):
    """One schedule. `channel` is one of the alerts' channels."""

    id: int
    revision: int
    next_at: datetime | UnsetType = UNSET
    """When the next report is sent; left out while it is off."""


class ReportMessageAnswer(Struct, kw_only=True, omit_defaults=True):
    """One report that is to be sent, or was."""

    id: int
    schedule: int
    first: date
    last: date
    state: MessageState
    attempts: int
    answer: str = ""
    """What the service answered last, or why nothing was sent."""
    due_at: datetime
    sent_at: datetime | UnsetType = UNSET


if TYPE_CHECKING:

    class ScheduleChange(Changes):
        """See below: made of the fields of ScheduleForm."""

        revision: int | UnsetType = UNSET

else:
    ScheduleChange = changes_of(
        "ScheduleChange",
        ScheduleForm,
        "Fields that are left out don't change. `revision`: refuse if someone else has changed it since.",
        revision=int,
    )


@get("", summary="List reports that are sent on a schedule")
async def list_schedules(
    request: Request[Any, Any, Any],
    report_schedules: NamedDependency[Schedules],
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[ScheduleAnswer]]:
    """Daily, weekly and monthly ones."""
    every = list(report_schedules.schedules.values())
    return one_page(
        request, every, limit, after, key=lambda one: one.id, answer=lambda one: _answer(one, report_schedules)
    )


@post("", opt=CONFIGURE, status_code=201, summary="Send a report on a schedule")
async def create_schedule(data: JSONBody[ScheduleForm], report_schedules: NamedDependency[Schedules]) -> ScheduleAnswer:
    """The first is sent at the next time that it names."""
    return _answer(await report_schedules.create(data), report_schedules)


@get("/{schedule_id:int}", summary="One schedule of reports")
async def get_schedule(schedule_id: FromPath[int], report_schedules: NamedDependency[Schedules]) -> ScheduleAnswer:
    """With the time of its next report."""
    return _answer(report_schedules.get(schedule_id), report_schedules)


@patch("/{schedule_id:int}", opt=CONFIGURE, summary="Change a schedule of reports")
async def change_schedule(
    schedule_id: FromPath[int], data: JSONBody[ScheduleChange], report_schedules: NamedDependency[Schedules]
) -> ScheduleAnswer:
    """What is left out doesn't change."""
    one = report_schedules.get(schedule_id)
    revision = one.revision if data.revision is UNSET else data.revision
    return _answer(await report_schedules.change(schedule_id, data.over(one.form), revision), report_schedules)


@delete("/{schedule_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove a schedule of reports")
async def remove_schedule(schedule_id: FromPath[int], report_schedules: NamedDependency[Schedules]) -> None:
    """With the list of what was sent of it."""
    await report_schedules.remove(schedule_id)


@get("/messages", summary="List reports that were sent, or will be")
async def list_messages(
    request: Request[Any, Any, Any],
    report_schedules: NamedDependency[Schedules],
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[ReportMessageAnswer]]:
    """Newest first."""
    loaded = await report_schedules.messages(limit + 1, number_after(after))
    return loaded_page(request, loaded, limit, cursor=lambda one: str(one.id), answer=_message)


api_routes = Router(
    "/api/reports/schedules",
    route_handlers=[
        list_schedules,
        create_schedule,
        get_schedule,
        change_schedule,
        remove_schedule,
        list_messages,
    ],
    tags=["reports"],
)


def _answer(one: Schedule, schedules: Schedules) -> ScheduleAnswer:
    due = due_after(one.form, ZoneInfo(schedules.reports.settings.zone), utc_ms())
    next_at = moment(due.at_ms) if one.form.on else UNSET
    return ScheduleAnswer(**asdict(one.form), id=one.id, revision=one.revision, next_at=next_at)


def _message(one: ReportMessage) -> ReportMessageAnswer:
    return ReportMessageAnswer(
        id=one.id,
        schedule=one.schedule_id,
        first=date.fromisoformat(one.first),
        last=date.fromisoformat(one.last),
        state=one.state,
        attempts=one.attempts,
        answer=one.answer,
        due_at=moment(one.due_ms),
        sent_at=UNSET if one.sent_ms is None else moment(one.sent_ms),
    )
