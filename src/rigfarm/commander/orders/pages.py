"""The pages of orders: asked for one rig or many, confirmed, and then every rig's own result, live."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from jinja2 import Environment
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.auth import READ
from rigfarm.commander.channels import Kind
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.names import name_key
from rigfarm.commander.orders.book import OrderBook
from rigfarm.commander.orders.broadcasts import batch_channel
from rigfarm.commander.orders.forms import consequences_of, for_rig, order_of, sample, target_of, verb_of
from rigfarm.commander.orders.model import RigOrder, title
from rigfarm.commander.orders.rules import why_not
from rigfarm.commander.refusals import Absent, Invalid, Refusal
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.query import RigList
from rigfarm.commander.rigs.view import ACTIONS
from rigfarm.commander.selection import chosen, numbers
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.region_page import GoneError, RegionPage
from rigfarm.commander.web.render import render
from rigfarm.common.clock import utc_ms
from rigfarm.units import duration

__all__ = ["page_routes", "register_live_pages"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
Fields: TypeAlias = Mapping[str, str]

BACK = re.compile(r"/(rigs|asics)(/\d{1,9})?")
ONE_RIG = re.compile(r"/(rigs|asics)/\d{1,9}")
LISTED = 500
"""Names that a dialog lists; of more it says how many."""


class Row(Struct, frozen=True):
    """One rig's result."""

    rig_id: int
    rig_name: str
    href: str
    order: RigOrder
    tone: str
    words: str


@post("/orders/choose", opt=READ, status_code=200, include_in_schema=False)
async def choose(request: WebRequest, book: NamedDependency[RigBook], rig_list: NamedDependency[RigList]) -> Template:
    """What a selection of an index can be told: only what at least one of them can do, and how many can."""
    form = await request.form()
    fields = _texts(form)
    kind: Kind = "asic" if fields.get("kind") == "asic" else "cpu-gpu"
    rigs = _rigs(book, chosen(form.getall("rigs", []), fields, rig_list, kind))
    if not rigs:
        raise Invalid("Choose at least one rig.")
    can = [(one, sum(not why_not(sample(one.order), rig) for rig in rigs)) for one in ACTIONS[kind]]
    return render(
        request,
        "order_choose.html",
        hx=is_htmx(request.scope),
        target=target_of(rigs),
        rigs=",".join(str(rig.id) for rig in rigs),
        count=len(rigs),
        choices=[(one, able) for one, able in can if able],
        back=_back(fields),
    )


@get("/orders/new", include_in_schema=False)
async def ask(request: WebRequest, book: NamedDependency[RigBook], addresses: NamedDependency[AddressBook]) -> Template:
    """`?order=reboot&rigs=1&rigs=2`: what it means, and for whom."""
    params = request.query_params
    return _ask(request, book, addresses, numbers(params.getall("rigs", [])), dict(params))


@post("/orders/new", opt=READ, status_code=200, include_in_schema=False)
async def ask_many(
    request: WebRequest, book: NamedDependency[RigBook], addresses: NamedDependency[AddressBook]
) -> Template:
    """The same for a selection that is too long for a URL."""
    form = await request.form()
    return _ask(request, book, addresses, numbers(form.getall("rigs", [])), _texts(form))


@post("/orders", status_code=200, include_in_schema=False)
async def give(
    request: WebRequest,
    orders: NamedDependency[OrderBook],
    book: NamedDependency[RigBook],
    addresses: NamedDependency[AddressBook],
) -> Answer:
    """Give it. One rig's page shows the result by itself; of many there is a page with all results."""
    form = await request.form()
    fields = _texts(form)
    rigs = numbers(form.getall("rigs", []))
    try:
        given = await orders.give(order_of(fields.get("order", ""), fields, addresses), rigs, for_rig)
    except Absent:
        raise
    except Refusal as refusal:
        return _ask(request, book, addresses, rigs, fields, refusal)
    back = fields.get("back", "")
    if len(given) == 1 and ONE_RIG.fullmatch(back):
        return done(request, back)
    return Redirect(f"/orders/{given[0].batch}", status_code=303)


@post("/orders/{order_id:str}/cancel", status_code=200, include_in_schema=False)
async def cancel(request: WebRequest, order_id: FromPath[str], orders: NamedDependency[OrderBook]) -> Answer:
    """Take it back."""
    order = await orders.cancel(order_id)
    return done(request, f"/orders/{order.batch}")


@get("/orders/{batch:str}", include_in_schema=False)
async def results_page(
    request: WebRequest,
    batch: FromPath[str],
    orders: NamedDependency[OrderBook],
    book: NamedDependency[RigBook],
) -> Template:
    """What came of it, rig by rig."""
    return render(request, "order_results.html", live=f"/orders/{batch}", **await _results(batch, orders, book))


page_routes = [choose, ask, ask_many, give, cancel, results_page]


def register_live_pages(routes: PageRoutes, templates: Environment, orders: OrderBook, book: RigBook) -> None:
    """Results."""

    def page(groups: Mapping[str, str], _: Mapping[str, str]) -> RegionPage:
        batch = groups["batch"]

        async def regions() -> dict[str, str]:
            try:
                context = await _results(batch, orders, book)
            except Absent:
                raise GoneError("/rigs", "These orders are no longer kept.") from None
            return {"results": templates.get_template("order_list.html").render(**context)}

        return RegionPage([batch_channel(batch)], regions)

    routes.add(r"/orders/(?P<batch>[0-9a-f]{32})", page)


async def _results(batch: str, orders: OrderBook, book: RigBook) -> dict[str, Any]:
    found = await orders.of_batch(batch)
    rows = [_row(one, book) for one in found if one.rig_id in book.rigs]
    rows.sort(key=lambda row: (row.order.state in ("done",), name_key(row.rig_name)))
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.order.state] = counts.get(row.order.state, 0) + 1
    now_ms = utc_ms()
    at = found[0].created_at
    return {
        "title": title(found[0].order),
        "rows": rows,
        "counts": counts,
        "at_iso": datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds"),
        "at": duration(max(now_ms - at, 0) / 1000),
        "batch": batch,
    }


def _row(order: RigOrder, book: RigBook) -> Row:
    rig = book.rigs[order.rig_id]
    words = {"queued": "waits for the rig" if order.sent_at is None else "told, not answered yet"}
    return Row(
        rig_id=rig.id,
        rig_name=rig.name,
        href=f"/{'asics' if rig.kind == 'asic' else 'rigs'}/{rig.id}",
        order=order,
        tone={"failed": "bad", "refused": "warn", "done": "good"}.get(order.state, ""),
        words=order.detail or words.get(order.state, ""),
    )


def _texts(form: Mapping[str, object]) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _rigs(book: RigBook, ids: list[int]) -> list[Rig]:
    return sorted((book.rigs[one] for one in ids if one in book.rigs), key=lambda rig: name_key(rig.name))


def _back(fields: Fields) -> str:
    back = fields.get("back", "")
    return back if BACK.fullmatch(back) else "/rigs"


def _ask(
    request: WebRequest,
    book: RigBook,
    addresses: AddressBook,
    ids: list[int],
    fields: Fields,
    refusal: Refusal | None = None,
) -> Template:
    what = fields.get("order", "")
    rigs = _rigs(book, ids)
    if not rigs:
        raise Invalid("Choose at least one rig.")
    order = sample(what)
    cannot = [rig for rig in rigs if why_not(order, rig)]
    return render(
        request,
        "order_ask.html",
        status=200 if refusal is None else refusal.status,
        hx=is_htmx(request.scope),
        what=what,
        verb=verb_of(order),
        target=target_of(rigs),
        rigs=",".join(str(rig.id) for rig in rigs),
        names=[rig.name for rig in rigs[:LISTED]],
        more=max(len(rigs) - LISTED, 0),
        count=len(rigs),
        cannot=[rig.name for rig in cannot],
        why=why_not(order, cannot[0]) if cannot else "",
        consequences=consequences_of(order, len(rigs)),
        fields=fields,
        pools=addresses.listed("pool"),
        back=_back(fields),
        errors={} if refusal is None else refusal.fields,
        error="" if refusal is None or refusal.fields else str(refusal),
    )
