"""The pages of orders: asked for one rig or many, confirmed, and then every rig's own result, live."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from jinja2 import Environment
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.auth.connection import is_htmx
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.names import name_key
from rigfarm.commander.orders.book import OrderBook
from rigfarm.commander.orders.broadcasts import batch_channel
from rigfarm.commander.orders.model import RigOrder, title
from rigfarm.commander.orders.rules import why_not
from rigfarm.commander.refusals import Absent, Invalid, Refusal
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.region_page import GoneError, RegionPage
from rigfarm.commander.web.render import render
from rigfarm.units import duration
from rigfarm.wire.orders import (
    Locate,
    Order,
    Pause,
    PoolOrder,
    PowerLimit,
    Reboot,
    Restart,
    RestartMiner,
    Resume,
    SetPools,
    ShutDown,
)

__all__ = ["page_routes", "register_live_pages"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
Fields: TypeAlias = Mapping[str, str]

CONSEQUENCES: dict[str, tuple[str, ...]] = {
    "restart-miner": ("Its mining programs end and start anew.",),
    "reboot": ("The machine reboots; mining stops meanwhile and starts again by itself.",),
    "shut-down": ("The machine powers off. Somebody has to switch it on again by hand.",),
    "restart": ("The ASIC restarts; it hashes nothing for some minutes.",),
    "pause": ("It hashes nothing until it is resumed.",),
    "power-limit": ("It draws no more than this, and hashes accordingly.",),
    "set-pools": ("Its pools are replaced by these.",),
}
BACK = re.compile(r"/(rigs|asics)(/\d{1,9})?")


class Row(Struct, frozen=True):
    """One rig's result."""

    rig_id: int
    rig_name: str
    href: str
    order: RigOrder
    tone: str
    words: str


def _watts(fields: Fields) -> Order:
    try:
        return PowerLimit(float(fields.get("watts", "").replace(",", ".")))
    except ValueError:
        raise Invalid("Enter the limit in W.", field="watts") from None


def _pools(fields: Fields, addresses: AddressBook) -> Order:
    text = fields.get("pool", "")
    entry = addresses.addresses.get(int(text)) if text.isdecimal() and len(text) < 10 else None
    if entry is None or entry.kind != "pool":
        raise Invalid("Choose a pool of the address book.", field="pool")
    password = fields.get("password", "").strip() or "x"
    return SetPools([PoolOrder(url, fields.get("user", "").strip(), password) for url in entry.urls])


_PLAIN: dict[str, Callable[[], Order]] = {
    "restart-miner": RestartMiner,
    "reboot": Reboot,
    "shut-down": ShutDown,
    "restart": Restart,
    "pause": Pause,
    "resume": Resume,
    "locate-on": lambda: Locate(True),
    "locate-off": lambda: Locate(False),
}


def _order(what: str, fields: Fields, addresses: AddressBook) -> Order:
    """The order that a form means."""
    if what in _PLAIN:
        return _PLAIN[what]()
    if what == "power-limit":
        return _watts(fields)
    if what == "set-pools":
        return _pools(fields, addresses)
    raise Invalid("Choose what to do.")


@get("/orders/new", include_in_schema=False)
async def ask(request: WebRequest, book: NamedDependency[RigBook], addresses: NamedDependency[AddressBook]) -> Template:
    """`?order=reboot&rigs=1&rigs=2`: what it means, and for whom."""
    params = request.query_params
    return _ask(request, book, addresses, _ids(params.getall("rigs", [])), dict(params))


@post("/orders/new", status_code=200, include_in_schema=False)
async def ask_many(
    request: WebRequest, book: NamedDependency[RigBook], addresses: NamedDependency[AddressBook]
) -> Template:
    """The same for a selection that is too long for a URL."""
    form = await request.form()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    return _ask(request, book, addresses, _ids(form.getall("rigs", [])), fields)


@post("/orders", status_code=200, include_in_schema=False)
async def give(
    request: WebRequest,
    orders: NamedDependency[OrderBook],
    book: NamedDependency[RigBook],
    addresses: NamedDependency[AddressBook],
) -> Answer:
    """Give it. One rig's page shows the result by itself; of many there is a page with all results."""
    form = await request.form()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    rigs = _ids(form.getall("rigs", []))
    try:
        given = await orders.give(_order(fields.get("order", ""), fields, addresses), rigs)
    except Absent:
        raise
    except Refusal as refusal:
        return _ask(request, book, addresses, rigs, fields, refusal)
    back = fields.get("back", "")
    if len(given) == 1 and BACK.fullmatch(back):
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


page_routes = [ask, ask_many, give, cancel, results_page]


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
    now_ms = time.time_ns() // 1_000_000
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


def _ids(texts: list[Any]) -> list[int]:
    found = [int(one) for one in texts if isinstance(one, str) and one.isascii() and one.isdecimal() and len(one) < 10]
    return list(dict.fromkeys(found))


def _ask(
    request: WebRequest,
    book: RigBook,
    addresses: AddressBook,
    ids: list[int],
    fields: Fields,
    refusal: Refusal | None = None,
) -> Template:
    what = fields.get("order", "")
    rigs = sorted((book.rigs[rig_id] for rig_id in ids if rig_id in book.rigs), key=lambda rig: name_key(rig.name))
    if not rigs:
        raise Invalid("Choose at least one rig.")
    sample = _PLAIN[what]() if what in _PLAIN else PowerLimit(1) if what == "power-limit" else SetPools([])
    if what not in _PLAIN and what not in ("power-limit", "set-pools"):
        raise Invalid("Choose what to do.")
    verb = {"power-limit": "Limit power of", "set-pools": "Set pools of"}.get(what) or title(sample)
    return render(
        request,
        "order_ask.html",
        status=200 if refusal is None else refusal.status,
        hx=is_htmx(request.scope),
        what=what,
        verb=verb,
        target=rigs[0].name if len(rigs) == 1 else f"{len(rigs):,} rigs",
        rigs=rigs,
        cannot=[reason for rig in rigs if (reason := why_not(sample, rig))],
        consequences=CONSEQUENCES.get(what, ()),
        fields=fields,
        pools=addresses.listed("pool"),
        back=fields.get("back", "") if BACK.fullmatch(fields.get("back", "")) else "/rigs",
        errors={} if refusal is None else refusal.fields,
        error="" if refusal is None or refusal.fields else str(refusal),
    )
