"""The pages of the address book: the list, live, and the dialogs that add, change and remove an entry."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template

from rigfarm.commander.addresses.actions import AddressBook
from rigfarm.commander.addresses.model import Address, AddressForm, AddressKind
from rigfarm.commander.addresses.view import LIST_PARAMS, Query, listing
from rigfarm.commander.addresses.wallets import wallet_warning
from rigfarm.commander.fields import checked, columns_in, differences, from_form, revision_in, words_of
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Refusal
from rigfarm.commander.usage import Use
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render, render_form
from rigfarm.units import counted

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]


@get("/addresses", opt=asks(*LIST_PARAMS), include_in_schema=False)
async def addresses_page(request: WebRequest, addresses: NamedDependency[AddressBook]) -> Template:
    """Pools and wallets."""
    query = Query.parse(dict(request.query_params))
    live = f"/addresses?{request.url.query}" if request.url.query else "/addresses"
    return render(request, "address_index.html", active="addresses", live=live, **listing(addresses, query))


@get("/addresses/new", opt=asks("kind", "coin"), include_in_schema=False)
async def new_address(request: WebRequest) -> Template:
    """An empty form for a pool or a wallet."""
    query = Query.parse(dict(request.query_params))
    return _form(request, AddressForm("", query.kind or "pool", query.coin))


@get("/addresses/warning", opt=asks("wallet", "coin"), include_in_schema=False)
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
        return _form(request, form, addresses.get(address_id), revision=revision, refusal=refusal, uses=uses)
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
        rigs = sum(use.rigs for use in uses)
        mining = f" {counted(rigs, 'rig')} keep{'s' if rigs == 1 else ''} mining with it." if rigs else ""
        lines = [f"Playbooks that use it keep its current values.{mining}",
                 "They show it as removed, and it can no longer be chosen."]  # fmt: skip
    return render(
        request,
        "remove.html",
        active="addresses",
        hx=is_htmx(request.scope),
        target=one.name,
        action=f"/addresses/{one.id}/remove",
        back="/addresses",
        items=[use.name for use in uses],
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
    return render_form(
        request,
        "address_form.html",
        refusal,
        active="addresses",
        form=form,
        revision=revision or (0 if address is None else address.revision),
        group=partial(columns_in, AddressForm),
        address=address,
        uses=uses or [],
        theirs=differences(words_of(address.form), words_of(checked(form)))
        if address is not None and isinstance(refusal, ChangedMeanwhile)
        else None,
    )
