"""The pages of alerts, and what operators do on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template

from rigfarm.commander.alerts.actions import Alerts
from rigfarm.commander.alerts.automation.automation import Automation
from rigfarm.commander.alerts.delivery.channels import Channels
from rigfarm.commander.alerts.view import LIST_PARAMS, Query, listing, of_alert
from rigfarm.commander.numbers import read_decimal
from rigfarm.commander.refusals import Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
Form: TypeAlias = URLEncodedBody[dict[str, object]]
SNOOZES = {"30": "30 minutes", "120": "2 hours", "480": "8 hours", "1440": "1 day", "10080": "7 days"}


@get("/alerts", opt=asks(*LIST_PARAMS), include_in_schema=False)
async def alerts_page(request: WebRequest, alerts: NamedDependency[Alerts]) -> Template:
    """Alerts: those that fire first."""
    query = Query.parse(dict(request.query_params))
    live = f"/alerts?{request.url.query}" if request.url.query else "/alerts"
    return render(request, "alert_index.html", active="alerts", live=live, **await listing(alerts, query))


@get("/alerts/{alert_id:int}", include_in_schema=False)
async def alert_page(
    request: WebRequest,
    alert_id: FromPath[int],
    alerts: NamedDependency[Alerts],
    alert_channels: NamedDependency[Channels],
    alert_automation: NamedDependency[Automation],
    book: NamedDependency[Rigs],
) -> Template:
    """One alert: its rigs, its notes."""
    context = await of_alert(alerts, alert_channels, alert_automation, alert_id, book.rigs.get)
    return render(request, "alert_page.html", active="alerts", live=f"/alerts/{alert_id}", **context)


@post("/alerts/{alert_id:int}/acknowledge", status_code=200, include_in_schema=False)
async def acknowledge(request: WebRequest, alert_id: FromPath[int], alerts: NamedDependency[Alerts]) -> Answer:
    """Someone takes care of it."""
    await alerts.acknowledge(alert_id)
    return done(request, f"/alerts/{alert_id}")


@get("/alerts/{alert_id:int}/snooze", include_in_schema=False)
async def ask_snooze(request: WebRequest, alert_id: FromPath[int], alerts: NamedDependency[Alerts]) -> Template:
    """For how long?"""
    return _dialog(request, "alert_snooze.html", await alerts.get(alert_id))


@post("/alerts/{alert_id:int}/snooze", status_code=200, include_in_schema=False)
async def snooze(request: WebRequest, alert_id: FromPath[int], data: Form, alerts: NamedDependency[Alerts]) -> Answer:
    """Nothing is said of it for so long."""
    try:
        minutes = read_decimal(_text(data, "minutes"))
        await alerts.snooze(alert_id, minutes or 0.0)
    except Refusal as refusal:
        return _dialog(request, "alert_snooze.html", await alerts.get(alert_id), refusal)
    return done(request, f"/alerts/{alert_id}")


@get("/alerts/{alert_id:int}/note", include_in_schema=False)
async def ask_note(request: WebRequest, alert_id: FromPath[int], alerts: NamedDependency[Alerts]) -> Template:
    """A form for a note."""
    return _dialog(request, "alert_note.html", await alerts.get(alert_id))


@post("/alerts/{alert_id:int}/note", status_code=200, include_in_schema=False)
async def note(request: WebRequest, alert_id: FromPath[int], data: Form, alerts: NamedDependency[Alerts]) -> Answer:
    """Who did what, and what it was."""
    text = _text(data, "text")
    try:
        await alerts.note(alert_id, text)
    except Refusal as refusal:
        return _dialog(request, "alert_note.html", await alerts.get(alert_id), refusal, text)
    return done(request, f"/alerts/{alert_id}")


@get("/alerts/{alert_id:int}/end", include_in_schema=False)
async def ask_end(request: WebRequest, alert_id: FromPath[int], alerts: NamedDependency[Alerts]) -> Template:
    """What ending it by hand means."""
    return _dialog(request, "alert_end.html", await alerts.get(alert_id))


@post("/alerts/{alert_id:int}/end", status_code=200, include_in_schema=False)
async def end(request: WebRequest, alert_id: FromPath[int], alerts: NamedDependency[Alerts]) -> Answer:
    """It is over, whatever is known."""
    await alerts.end(alert_id)
    return done(request, f"/alerts/{alert_id}")


page_routes = [
    alerts_page,
    alert_page,
    acknowledge,
    ask_snooze,
    snooze,
    ask_note,
    note,
    ask_end,
    end,
]


def _dialog(
    request: WebRequest, template: str, alert: object, refusal: Refusal | None = None, typed: str = ""
) -> Template:
    return render(
        request,
        template,
        status=200 if refusal is None else refusal.status,
        active="alerts",
        hx=is_htmx(request.scope),
        alert=alert,
        snoozes=SNOOZES,
        typed=typed,
        error="" if refusal is None else str(refusal),
    )


def _text(data: Mapping[str, object], name: str) -> str:
    found = data.get(name, "")
    return found if isinstance(found, str) else ""
