"""The JSON API of reports, and their tables as CSV."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from litestar import Response, Router, get, patch
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, QueryParameter
from msgspec import Struct

from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.fields import Changes, changes_of
from rigfarm.commander.history import HOUR_MS
from rigfarm.commander.kinds import KindName
from rigfarm.commander.numbers import MAX_NUMBER
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.reports.actions import Reports
from rigfarm.commander.reports.model import Earnings, Figures, Report, ReportSettings, RigFigures
from rigfarm.commander.reports.pages import made
from rigfarm.commander.reports.view import Asked, rows_of
from rigfarm.commander.rigs.listing.asked import Filter
from rigfarm.commander.web.csv_text import csv_text
from rigfarm.commander.web.parquet import PARQUET, parquet_bytes

__all__ = ["api_routes"]

_Text: TypeAlias = str
OfPeriod: TypeAlias = Annotated[
    _Text,
    QueryParameter(
        max_length=20, description="today, yesterday, week, last-week, month or last-month; or from and to."
    ),
]
First: TypeAlias = Annotated[
    _Text, QueryParameter(name="from", max_length=10, description="The first day, 2026-11-01, by the farm's clock.")
]
Last: TypeAlias = Annotated[_Text, QueryParameter(name="to", max_length=10, description="The last day; at most 366.")]
OfKind: TypeAlias = Annotated[KindName | None, QueryParameter(description="Only rigs of this kind.")]
OfRig: TypeAlias = Annotated[int | None, QueryParameter(ge=0, le=MAX_NUMBER, description="Only this rig.")]
Part: TypeAlias = Annotated[Literal["coins", "days", "rigs"], QueryParameter(description="Which of its tables.")]


if TYPE_CHECKING:

    class SettingsChange(Changes):
        """See below: made of the fields of ReportSettings."""

else:
    SettingsChange = changes_of("SettingsChange", ReportSettings, "Fields that are left out don't change.")


class DayAnswer(Struct):
    """One day."""

    day: date
    figures: Figures


class ReportAnswer(Struct, kw_only=True, omit_defaults=True):
    """Of a period, up to the last hour that is known. Energy in J, times in s (of all rigs together), shares 0..1;
    what is unknown is left out."""

    begins: datetime
    ends: datetime
    zone: str
    currency: str
    now: Figures
    before: Figures
    """As many hours of the period before."""
    days: list[DayAnswer]
    rigs: list[RigFigures]
    earned: Earnings
    """What is known of revenue: from figures that an operator entered or had fetched, never estimated."""


async def _report(
    reports: NamedDependency[Reports],
    period: OfPeriod = "",
    first: First = "",
    last: Last = "",
    kind: OfKind = None,
    rig: OfRig = None,
    search: Filter = "",
) -> Report:
    """What all three forms of the answer are asked with."""
    if rig is not None and (kind is not None or search.strip()):
        raise NotUnderstood("Give a rig, or a kind and a filter.")
    period = period or ("" if first or last else "today")
    return await made(reports, Asked(period, first, last, kind or "", rig, search.strip()))


_ASKED = {"report": Provide(_report)}


@get("/reports", dependencies=_ASKED, summary="What was mined, and what it cost")
async def get_report(report: NamedDependency[Report], reports: NamedDependency[Reports]) -> ReportAnswer:
    """Hashrates, energy, its cost, availability and each rig's grade over some days."""
    settings = reports.settings
    return ReportAnswer(
        begins=datetime.fromtimestamp(report.hours.start * HOUR_MS / 1000, UTC),
        ends=datetime.fromtimestamp(report.hours.stop * HOUR_MS / 1000, UTC),
        zone=settings.zone,
        currency=settings.currency,
        now=report.now,
        before=report.before,
        days=[DayAnswer(day, figures) for day, figures in report.days],
        rigs=report.rigs,
        earned=report.earned,
    )


@get("/reports.csv", dependencies=_ASKED, summary="A table of the same as CSV", media_type="text/csv")
async def get_report_csv(
    report: NamedDependency[Report], reports: NamedDependency[Reports], part: Part = "rigs"
) -> Response[str]:
    """An unknown is an empty cell."""
    text = csv_text(rows_of(report, part, reports.settings.currency))
    return Response(text, headers=_named(report, part, "csv"), media_type="text/csv")


@get("/reports.parquet", dependencies=_ASKED, summary="A table of the same as Parquet", media_type=PARQUET)
async def get_report_parquet(
    report: NamedDependency[Report], reports: NamedDependency[Reports], part: Part = "rigs"
) -> Response[bytes]:
    """The columns of the CSV; 501 where the packages for it are not installed."""
    body = await asyncio.to_thread(parquet_bytes, rows_of(report, part, reports.settings.currency))
    return Response(body, headers=_named(report, part, "parquet"), media_type=PARQUET)


def _named(report: Report, part: str, form: str) -> dict[str, str]:
    name = f"rigfarm-{part}-{report.period.first}-{report.period.last}.{form}"
    return {"Content-Disposition": f'attachment; filename="{name}"'}


@get("/reports/settings", summary="Time zone, currency and prices")
async def get_settings(reports: NamedDependency[Reports]) -> ReportSettings:
    """As they are now."""
    return reports.settings


@patch("/reports/settings", opt=CONFIGURE, summary="Change time zone, currency and prices")
async def change_settings(data: JSONBody[SettingsChange], reports: NamedDependency[Reports]) -> ReportSettings:
    """What is left out doesn't change."""
    await reports.change(data.over(reports.settings))
    return reports.settings


api_routes = Router(
    "/api",
    route_handlers=[get_report, get_report_csv, get_report_parquet, get_settings, change_settings],
    tags=["reports"],
)
