"""The JSON API of coins' figures and their sources."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from litestar import Request, Response, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.reports.actions import Reports
from rigfarm.commander.reports.earnings.model import CoinSource, CoinValue, Per, SourceForm, ValueForm, What
from rigfarm.commander.web.paging import LIMIT, After, Limit, one_page
from rigfarm.common.clock import moment

__all__ = ["api_routes"]


class CoinValueAnswer(Struct, kw_only=True, omit_defaults=True):
    """A figure of a coin. Prices are in `currency`; a rate is coins a day for 1 `per`; a payout is coins."""

    id: int
    coin: str
    what: What
    amount: float
    at: datetime
    """From when on it holds, or when it was paid out."""
    per: Per | UnsetType = UNSET
    currency: str = ""
    source: str = ""
    """The host that it was fetched from; left out: entered by hand."""


class CoinSourceAnswer(Struct, kw_only=True, omit_defaults=True):
    """Where a figure is fetched. The URL itself is never shown again."""

    id: int
    coin: str
    what: What
    host: str
    path: str = ""
    per: Per | UnsetType = UNSET
    lan: bool = False
    currency: str = ""
    tried_at: datetime | UnsetType = UNSET
    error: str = ""
    """Why the last answer was of no use."""


@get("/values", summary="List what is known of coins")
async def list_values(
    request: Request[Any, Any, Any], reports: NamedDependency[Reports], limit: Limit = LIMIT, after: After = ""
) -> Response[list[CoinValueAnswer]]:
    """Prices, rates and payouts, newest first."""
    return one_page(request, reports.coins.values, limit, after, key=lambda one: one.id, answer=_value)


@post("/values", opt=CONFIGURE, status_code=201, summary="Enter a coin's price, rate or payout")
async def add_value(data: JSONBody[ValueForm], reports: NamedDependency[Reports]) -> CoinValueAnswer:
    """It holds from its day on, until a newer one does."""
    return _value(await reports.coins.add(data, reports.settings.currency, reports.midnight_ms))


@delete("/values/{value_id:int}", opt=CONFIGURE, summary="Remove a figure of a coin")
async def remove_value(value_id: FromPath[int], reports: NamedDependency[Reports]) -> None:
    """Reports are reckoned without it."""
    await reports.coins.remove(value_id)


@get("/sources", summary="List where prices and rates are fetched")
async def list_sources(
    request: Request[Any, Any, Any], reports: NamedDependency[Reports], limit: Limit = LIMIT, after: After = ""
) -> Response[list[CoinSourceAnswer]]:
    """None unless an operator added one."""
    sources = list(reports.coins.sources.values())
    return one_page(request, sources, limit, after, key=lambda one: one.id, answer=_source)


@post("/sources", opt=CONFIGURE, status_code=201, summary="Fetch a coin's price or rate once an hour")
async def add_source(data: JSONBody[SourceForm], reports: NamedDependency[Reports]) -> CoinSourceAnswer:
    """Only https, or addresses of the LAN with `lan`; answers of at most 256 KiB within 30 s."""
    return _source(await reports.coins.add_source(data, reports.settings.currency))


@post("/sources/{source_id:int}/fetch", opt=CONFIGURE, status_code=200, summary="Ask a source now")
async def fetch_source(source_id: FromPath[int], reports: NamedDependency[Reports]) -> CoinSourceAnswer:
    """`error` says why nothing came of it."""
    return _source(await reports.coins.fetch(source_id))


@delete("/sources/{source_id:int}", opt=CONFIGURE, summary="Fetch a figure no longer")
async def remove_source(source_id: FromPath[int], reports: NamedDependency[Reports]) -> None:
    """What was fetched stays."""
    await reports.coins.remove_source(source_id)


api_routes = Router(
    "/api/reports/coins",
    route_handlers=[list_values, add_value, remove_value, list_sources, add_source, fetch_source, remove_source],
    tags=["reports"],
)


def _value(one: CoinValue) -> CoinValueAnswer:
    return CoinValueAnswer(
        id=one.id,
        coin=one.coin,
        what=one.what,
        amount=one.written,
        at=moment(one.at_ms),
        per=one.per if one.what == "rate" else UNSET,
        currency=one.currency if one.what == "price" else "",
        source=one.source,
    )


def _source(one: CoinSource) -> CoinSourceAnswer:
    return CoinSourceAnswer(
        id=one.id,
        coin=one.form.coin,
        what=one.form.what,
        host=one.host,
        path=one.form.path,
        per=one.form.per if one.form.what == "rate" else UNSET,
        lan=one.form.lan,
        currency=one.currency,
        tried_at=UNSET if one.tried_ms is None else moment(one.tried_ms),
        error=one.error,
    )
