"""The page of reports that are sent on a schedule, and its dialogs."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template

from rigfarm.commander.fields import fields_of, read_form, revision_in, texts_of, typed_texts
from rigfarm.commander.refusals import Absent, Refusal
from rigfarm.commander.reports.schedule.model import EVERY, Schedule, ScheduleForm
from rigfarm.commander.reports.schedule.schedules import Schedules
from rigfarm.commander.reports.schedule.view import message_lines, schedule_lines
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render, render_form
from rigfarm.common.clock import utc_ms

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect
HERE = "/reports/schedules"
SHOWN = 50
"""Messages on the page."""


@get(HERE, include_in_schema=False)
async def show_schedules(request: WebRequest, report_schedules: NamedDependency[Schedules]) -> Template:
    """Which reports are sent, when and by which channel; and what was sent."""
    now_ms = utc_ms()
    messages = await report_schedules.messages(SHOWN)
    return render(
        request,
        "report_schedules.html",
        active="reports",
        schedules=schedule_lines(report_schedules, now_ms),
        messages=message_lines(report_schedules, messages, now_ms),
        channels=report_schedules.channels.names,
        zone=report_schedules.reports.settings.zone,
    )


@get(f"{HERE}/new", include_in_schema=False)
async def new_schedule(request: WebRequest, report_schedules: NamedDependency[Schedules]) -> Template:
    """An empty form."""
    return _form(request, report_schedules, {"every": "day", "at": "07:00", "on": "1"})


@post(HERE, status_code=200, include_in_schema=False)
async def create_schedule(
    request: WebRequest, data: URLEncodedBody[dict[str, object]], report_schedules: NamedDependency[Schedules]
) -> Answer:
    """Send it from now on."""
    try:
        await report_schedules.create(read_form(ScheduleForm, data))
    except Refusal as refusal:
        return _form(request, report_schedules, typed_texts(ScheduleForm, data), refusal=refusal)
    return Redirect(HERE, status_code=303)


@get(f"{HERE}/{{schedule_id:int}}/edit", include_in_schema=False)
async def edit_schedule(
    request: WebRequest, schedule_id: FromPath[int], report_schedules: NamedDependency[Schedules]
) -> Template:
    """The form with what it says now."""
    one = report_schedules.get(schedule_id)
    return _form(request, report_schedules, texts_of(one.form), one)


@post(f"{HERE}/{{schedule_id:int}}", status_code=200, include_in_schema=False)
async def change_schedule(
    request: WebRequest,
    schedule_id: FromPath[int],
    data: URLEncodedBody[dict[str, object]],
    report_schedules: NamedDependency[Schedules],
) -> Answer:
    """Save it."""
    try:
        await report_schedules.change(schedule_id, read_form(ScheduleForm, data), revision_in(data))
    except Absent:
        raise
    except Refusal as refusal:
        one = report_schedules.get(schedule_id)
        return _form(request, report_schedules, typed_texts(ScheduleForm, data), one, refusal)
    return Redirect(HERE, status_code=303)


@get(f"{HERE}/{{schedule_id:int}}/remove", include_in_schema=False)
async def ask_remove_schedule(
    request: WebRequest, schedule_id: FromPath[int], report_schedules: NamedDependency[Schedules]
) -> Template:
    """What removing it means."""
    one = report_schedules.get(schedule_id)
    return render(
        request,
        "remove.html",
        active="reports",
        hx=is_htmx(request.scope),
        target=f"the report {EVERY[one.form.every]}",
        action=f"{HERE}/{schedule_id}/remove",
        back=HERE,
        consequences=["It isn't sent any more, and the list of what was sent of it goes with it."],
    )


@post(f"{HERE}/{{schedule_id:int}}/remove", status_code=200, include_in_schema=False)
async def remove_schedule(schedule_id: FromPath[int], report_schedules: NamedDependency[Schedules]) -> Redirect:
    """Send it no longer."""
    await report_schedules.remove(schedule_id)
    return Redirect(HERE, status_code=303)


page_routes = [
    show_schedules,
    new_schedule,
    create_schedule,
    edit_schedule,
    change_schedule,
    ask_remove_schedule,
    remove_schedule,
]


def _form(
    request: WebRequest,
    schedules: Schedules,
    texts: dict[str, str],
    one: Schedule | None = None,
    refusal: Refusal | None = None,
) -> Template:
    return render_form(
        request,
        "report_schedule_form.html",
        refusal,
        active="reports",
        form=texts,
        fields=fields_of(ScheduleForm),
        channels=schedules.channels.names,
        schedule=one,
        zone=schedules.reports.settings.zone,
    )
