"""The page of coins' figures and their sources, and its dialogs."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.fields import fields_of, read_form, typed_texts
from rigfarm.commander.refusals import Refusal
from rigfarm.commander.reports.actions import Reports
from rigfarm.commander.reports.earnings.model import SourceForm, ValueForm
from rigfarm.commander.reports.earnings.view import coins_page, value_text
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render, render_form
from rigfarm.common.clock import utc_ms

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
HERE = "/reports/coins"


@get(HERE, include_in_schema=False)
async def show_coins(request: WebRequest, reports: NamedDependency[Reports]) -> Template:
    """What is known of coins, how old it is, and where it is fetched."""
    settings = reports.settings
    page = coins_page(reports.coins, settings.currency, settings.coin_days, utc_ms())
    return render(request, "coins.html", active="reports", page=page, settings=settings)


@get(f"{HERE}/values/new", include_in_schema=False)
async def new_value(request: WebRequest, reports: NamedDependency[Reports]) -> Template:
    """An empty form."""
    return _form(request, reports, ValueForm, {"per": "TH/s"})


@post(f"{HERE}/values", status_code=200, include_in_schema=False)
async def add_value(
    request: WebRequest, data: URLEncodedBody[dict[str, object]], reports: NamedDependency[Reports]
) -> Answer:
    """Keep a figure."""
    try:
        await reports.coins.add(read_form(ValueForm, data), reports.settings.currency, reports.midnight_ms)
    except Refusal as refusal:
        return _form(request, reports, ValueForm, typed_texts(ValueForm, data), refusal)
    return Redirect(HERE, status_code=303)


@get(f"{HERE}/values/{{value_id:int}}/remove", include_in_schema=False)
async def ask_remove_value(request: WebRequest, value_id: FromPath[int], reports: NamedDependency[Reports]) -> Template:
    """What removing it means."""
    one = reports.coins.get_value(value_id)
    lines = ["Reports are reckoned without it, as if it had never been entered."]
    return _remove(request, value_text(one), f"{HERE}/values/{value_id}/remove", lines)


@post(f"{HERE}/values/{{value_id:int}}/remove", status_code=200, include_in_schema=False)
async def remove_value(value_id: FromPath[int], reports: NamedDependency[Reports]) -> Redirect:
    """Delete a figure."""
    await reports.coins.remove(value_id)
    return Redirect(HERE, status_code=303)


@get(f"{HERE}/sources/new", include_in_schema=False)
async def new_source(request: WebRequest, reports: NamedDependency[Reports]) -> Template:
    """An empty form."""
    return _form(request, reports, SourceForm, {"per": "TH/s"})


@post(f"{HERE}/sources", status_code=200, include_in_schema=False)
async def add_source(
    request: WebRequest, data: URLEncodedBody[dict[str, object]], reports: NamedDependency[Reports]
) -> Answer:
    """Fetch a figure once an hour, and now."""
    try:
        source = await reports.coins.add_source(read_form(SourceForm, data), reports.settings.currency)
    except Refusal as refusal:
        return _form(request, reports, SourceForm, typed_texts(SourceForm, data), refusal)
    await reports.coins.fetch(source.id)
    return Redirect(HERE, status_code=303)


@post(f"{HERE}/sources/{{source_id:int}}/fetch", status_code=200, include_in_schema=False)
async def fetch_source(source_id: FromPath[int], reports: NamedDependency[Reports]) -> Redirect:
    """Ask it now."""
    await reports.coins.fetch(source_id)
    return Redirect(HERE, status_code=303)


@get(f"{HERE}/sources/{{source_id:int}}/remove", include_in_schema=False)
async def ask_remove_source(
    request: WebRequest, source_id: FromPath[int], reports: NamedDependency[Reports]
) -> Template:
    """What removing it means."""
    one = reports.coins.get_source(source_id)
    lines = ["It isn't asked any more. What was fetched stays, and grows old."]
    return _remove(request, f"{one.host} for {one.form.coin}", f"{HERE}/sources/{source_id}/remove", lines)


@post(f"{HERE}/sources/{{source_id:int}}/remove", status_code=200, include_in_schema=False)
async def remove_source(source_id: FromPath[int], reports: NamedDependency[Reports]) -> Redirect:
    """Fetch it no longer."""
    await reports.coins.remove_source(source_id)
    return Redirect(HERE, status_code=303)


page_routes = [
    show_coins,
    new_value,
    add_value,
    ask_remove_value,
    remove_value,
    new_source,
    add_source,
    fetch_source,
    ask_remove_source,
    remove_source,
]


def _form(
    request: WebRequest,
    reports: Reports,
    of: type[Struct],
    texts: dict[str, str],
    refusal: Refusal | None = None,
) -> Template:
    return render_form(
        request,
        "coin_form.html",
        refusal,
        active="reports",
        form=texts,
        fields=fields_of(of),
        source=of is SourceForm,
        currency=reports.settings.currency,
    )


def _remove(request: WebRequest, target: str, action: str, consequences: list[str]) -> Template:
    return render(
        request,
        "remove.html",
        active="reports",
        hx=is_htmx(request.scope),
        target=target,
        action=action,
        back=HERE,
        consequences=consequences,
    )
