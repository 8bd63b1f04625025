"""The pages of the address book: the list, live, and the dialogs that add, change and remove an entry."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, TypeAlias

from jinja2 import Environment
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.addresses.book import AddressBook
from rigfarm.commander.addresses.broadcasts import CHANNEL
from rigfarm.commander.addresses.model import Address, AddressForm, AddressKind
from rigfarm.commander.addresses.wallets import wallet_warning
from rigfarm.commander.fields import columns_in, from_form, revision_in
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.refusals import Absent, Refusal
from rigfarm.commander.usage import Use
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.region_page import RegionPage
from rigfarm.commander.web.render import render

__all__ = ["page_routes", "register_live_pages"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]


class Query(Struct, frozen=True):
    """What the list's URL asks for."""

    q: str = ""
    kind: Literal["", "pool", "wallet"] = ""
    coin: str = ""

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> Query:
        """Anything it does not understand means the default."""
        kind = params.get("kind", "")
        return cls(
            q=params.get("q", "").strip()[:100],
            kind="pool" if kind == "pool" else "wallet" if kind == "wallet" else "",
            coin=params.get("coin", "").strip().upper()[:16],
        )


class Row(Struct, frozen=True):
    """An entry in the list."""

    address: Address
    uses: list[Use]
    warning: str | None

    @property
    def rigs(self) -> int:
        """Rigs that run a playbook with it."""
        return sum(use.rigs for use in self.uses)


def _list(book: AddressBook, query: Query) -> dict[str, Any]:
    found = book.listed(query.kind or None, query.coin, query.q)
    rows = [Row(one, book.used_by(one.id), _warning(one)) for one in found]
    coins = sorted({one.coin for one in book.addresses.values()})
    return {"rows": rows, "query": query, "coins": coins, "any": bool(book.addresses)}


def _warning(address: Address) -> str | None:
    return wallet_warning(address.coin, address.wallet) if address.kind == "wallet" else None


def register_live_pages(routes: PageRoutes, templates: Environment, book: AddressBook) -> None:
    """The list."""

    def page(_: Mapping[str, str], params: Mapping[str, str]) -> RegionPage:
        query = Query.parse(params)

        async def regions() -> dict[str, str]:
            return {"addresses": templates.get_template("address_list.html").render(**_list(book, query))}

        return RegionPage([CHANNEL], regions)

    routes.add(r"/addresses", page)


@get("/addresses", include_in_schema=False)
async def addresses_page(request: WebRequest, addresses: NamedDependency[AddressBook]) -> Template:
    """Pools and wallets."""
    query = Query.parse(dict(request.query_params))
    live = f"/addresses?{request.url.query}" if request.url.query else "/addresses"
    return render(request, "address_index.html", active="addresses", live=live, **_list(addresses, query))


@get("/addresses/new", include_in_schema=False)
async def new_address(request: WebRequest) -> Template:
    """An empty form for a pool or a wallet."""
    kind: AddressKind = "wallet" if request.query_params.get("kind") == "wallet" else "pool"
    return _form(request, AddressForm("", kind, request.query_params.get("coin", "")[:16]))


@get("/addresses/warning", include_in_schema=False)
async def warning(request: WebRequest) -> Template:
    """While one types a wallet: whether it looks like one of its coin."""
    wallet = request.query_params.get("wallet", "").strip()[:256]
    coin = request.query_params.get("coin", "").strip().upper()[:16]
    return render(request, "address_warning.html", warning=wallet_warning(coin, wallet) if wallet else None)


@post("/addresses", status_code=200, include_in_schema=False)
async def create_address(
    request: WebRequest, data: URLEncodedBody[dict[str, object]], addresses: NamedDependency[AddressBook]
) -> Answer:
    """Add it."""
    form = _typed(data, "wallet" if data.get("kind") == "wallet" else "pool")
    try:
        await addresses.create(form)
    except Refusal as refusal:
        return _form(request, form, refusal=refusal)
    return done(request, "/addresses")


@get("/addresses/{address_id:int}/edit", include_in_schema=False)
async def edit_address(
    request: WebRequest, address_id: FromPath[int], addresses: NamedDependency[AddressBook]
) -> Template:
    """The form with what it says now, and who uses it."""
    one = addresses.get(address_id)
    return _form(request, one.form, one, uses=addresses.used_by(address_id))


@post("/addresses/{address_id:int}", status_code=200, include_in_schema=False)
async def change_address(
    request: WebRequest,
    address_id: FromPath[int],
    data: URLEncodedBody[dict[str, object]],
    addresses: NamedDependency[AddressBook],
) -> Answer:
    """Save it. Rigs that run it hear nothing yet: the answer says how they do."""
    before = addresses.get(address_id)
    form, revision = _typed(data, before.kind), revision_in(data)
    try:
        after = await addresses.change(address_id, form, revision)
    except Absent:
        raise
    except Refusal as refusal:
        uses = addresses.used_by(address_id)
        return _form(request, form, before, revision=revision, refusal=refusal, uses=uses)
    uses = [use for use in addresses.used_by(address_id) if use.rigs]
    if (before.urls, before.wallet) == (after.urls, after.wallet) or not uses:
        return done(request, "/addresses")
    return render(
        request, "address_saved.html", active="addresses", hx=is_htmx(request.scope), address=after, uses=uses
    )


@get("/addresses/{address_id:int}/remove", include_in_schema=False)
async def ask_remove_address(
    request: WebRequest, address_id: FromPath[int], addresses: NamedDependency[AddressBook]
) -> Template:
    """What removing it means."""
    one, uses = addresses.get(address_id), addresses.used_by(address_id)
    lines = ["No playbook uses it."]
    if uses:
        rigs = Use("", "", "", sum(use.rigs for use in uses)).on
        mining = f" Mining with it goes on on {rigs}." if rigs else ""
        lines = [f"Playbooks that use it keep what it says now.{mining}",
                 "They show it as removed, and it can no longer be chosen."]  # fmt: skip
    return render(
        request,
        "address_remove.html",
        active="addresses",
        hx=is_htmx(request.scope),
        address=one,
        uses=[use.name for use in uses],
        consequences=lines,
    )


@post("/addresses/{address_id:int}/remove", status_code=200, include_in_schema=False)
async def remove_address(
    request: WebRequest, address_id: FromPath[int], addresses: NamedDependency[AddressBook]
) -> Answer:
    """Remove it: the dialog has said who uses it."""
    await addresses.remove(address_id, even_if_used=True)
    return done(request, "/addresses")


page_routes = [
    addresses_page,
    new_address,
    warning,
    create_address,
    edit_address,
    change_address,
    ask_remove_address,
    remove_address,
]


def _typed(data: Mapping[str, object], kind: AddressKind) -> AddressForm:
    return from_form(AddressForm, data, kind=kind)


def _form(
    request: WebRequest,
    form: AddressForm,
    address: Address | None = None,
    *,
    revision: int | None = None,
    refusal: Refusal | None = None,
    uses: list[Use] | None = None,
) -> Template:
    return render(
        request,
        "address_form.html",
        status=200 if refusal is None else refusal.status,
        active="addresses",
        hx=is_htmx(request.scope),
        form=form,
        revision=revision or (0 if address is None else address.revision),
        group=partial(columns_in, AddressForm),
        address=address,
        uses=uses or [],
        errors={} if refusal is None else refusal.fields,
        error="" if refusal is None or refusal.fields else str(refusal),
    )
