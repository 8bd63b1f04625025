"""The page of reports, and the dialog of its settings."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from rigfarm.commander.asked import short_text
from rigfarm.commander.fields import fields_of, from_form
from rigfarm.commander.kinds import KINDS, KindName
from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import NotUnderstood, Refusal
from rigfarm.commander.reports.actions import Reports
from rigfarm.commander.reports.model import Report, ReportSettings
from rigfarm.commander.reports.view import SETS, Asked, report_page
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.language import MAX_SEARCH
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.render import render, render_form
from rigfarm.common.text import printable

__all__ = ["asked_of", "made", "page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect
PARAMS = ("period", "from", "to", "kind", "rig", "filter")


def asked_of(params: dict[str, str]) -> Asked:
    """What parameters of a URL ask for. NotUnderstood."""
    kind = params.get("kind", "")
    if kind and kind not in KINDS:
        raise NotUnderstood(f"Unknown kind {printable(kind, '?', most=40)}. Known kinds: {', '.join(KINDS)}.")
    rig = params.get("rig", "")
    search = short_text(params, "filter", MAX_SEARCH)
    if rig and (kind or search):
        raise NotUnderstood("Give a rig, or a kind and a filter.")
    first, last = params.get("from", ""), params.get("to", "")
    period = params.get("period", "") or ("" if first or last else "today")
    which = number(rig) if rig else None
    if rig and which is None:
        raise NotUnderstood(f"rig is the number of a rig, not {printable(rig, '?', most=40)}.")
    return Asked(period, first, last, kind, which, search)


async def made(reports: Reports, asked: Asked) -> Report:
    """The report. NotUnderstood, Absent, HistoryUnavailable."""
    period = reports.period(asked.period, asked.first, asked.last)
    if asked.rig is not None:
        return await reports.of_rig(period, asked.rig)
    if asked.filter:
        return await reports.of_some(period, asked.filter, _kinds(asked))
    return await reports.of_farm(period, _kinds(asked))


def _kinds(asked: Asked) -> list[KindName]:
    return [kind for kind in KINDS if asked.kind in ("", kind)]


@get("/reports", opt=asks(*PARAMS), include_in_schema=False)
async def show_report(request: WebRequest, reports: NamedDependency[Reports], book: NamedDependency[Rigs]) -> Template:
    """What was mined, and what it cost."""
    asked = asked_of(dict(request.query_params))
    report = await made(reports, asked)
    name = book.get(asked.rig).name if asked.rig is not None else SETS[asked.kind]
    settings = reports.settings
    labels = reports.labels(_kinds(asked))
    page = report_page(report, asked, settings.currency, name, labels, settings.coin_days)
    return render(request, "report.html", active="reports", page=page, settings=settings)


@get("/reports/settings", include_in_schema=False)
async def edit_settings(request: WebRequest, reports: NamedDependency[Reports]) -> Template:
    """The form with what it says now."""
    return _form(request, reports.settings)


@post("/reports/settings", status_code=200, include_in_schema=False)
async def change_settings(
    request: WebRequest, data: URLEncodedBody[dict[str, object]], reports: NamedDependency[Reports]
) -> Answer:
    """Save it."""
    form = from_form(ReportSettings, data)
    try:
        await reports.change(form)
    except Refusal as refusal:
        return _form(request, form, refusal)
    return Redirect("/reports", status_code=303)


page_routes = [show_report, edit_settings, change_settings]


def _form(request: WebRequest, form: ReportSettings, refusal: Refusal | None = None) -> Template:
    return render_form(
        request,
        "report_settings.html",
        refusal,
        active="reports",
        form=form,
        fields=fields_of(ReportSettings),
    )
