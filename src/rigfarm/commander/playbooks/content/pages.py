"""The form that writes a playbook, with a preview while one types."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.asked import whole_number
from rigfarm.commander.auth import READ
from rigfarm.commander.fields import Difference, columns_in
from rigfarm.commander.mining_software import MiningSoftware
from rigfarm.commander.mining_software.catalogue.catalogue import program
from rigfarm.commander.numbers import asked_number, number
from rigfarm.commander.playbooks.actions import Playbooks
from rigfarm.commander.playbooks.content.check import content_of, draft_of, slots_of
from rigfarm.commander.playbooks.content.diff import differences
from rigfarm.commander.playbooks.content.form import form_of
from rigfarm.commander.playbooks.content.placeholders import DESCRIPTIONS
from rigfarm.commander.playbooks.content.preview import argument_preview
from rigfarm.commander.playbooks.content.supervision import NUMBERS
from rigfarm.commander.playbooks.content.typed import TypedPlaybook, typed_of
from rigfarm.commander.playbooks.model import SLOTS, Playbook, PlaybookFields
from rigfarm.commander.playbooks.view import EditFrom, PlaybookViews, preview_rigs
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.forms import texts
from rigfarm.commander.web.render import render, render_form
from rigfarm.wire.template import TemplateError

__all__ = ["form_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]


@get("/playbooks/new", opt=asks("like", "software"), include_in_schema=False)
async def new_playbook(
    request: WebRequest,
    playbooks: NamedDependency[Playbooks],
    book: NamedDependency[Rigs],
    addresses: NamedDependency[AddressBook],
    software: NamedDependency[MiningSoftware],
) -> Template:
    """An empty form, or one like another playbook."""
    params = dict(request.query_params)
    like, chosen = whole_number(params, "like"), whole_number(params, "software")
    if like is not None:
        return _form(request, typed_of(playbooks.copy_of(like)), None, book, playbooks, addresses, software)
    fields = {} if chosen is None else {"software_id": str(software.get(chosen).id)}
    return _form(request, TypedPlaybook(fields).with_template(software), None, book, playbooks, addresses, software)


@post("/playbooks", status_code=200, include_in_schema=False)
async def create_playbook(
    request: WebRequest,
    playbooks: NamedDependency[Playbooks],
    book: NamedDependency[Rigs],
    addresses: NamedDependency[AddressBook],
    software: NamedDependency[MiningSoftware],
) -> Answer:
    """Write it."""
    typed = await _typed(request)
    try:
        playbook = await playbooks.create(typed.form(addresses, software))
    except Refusal as refusal:
        return _form(request, typed, None, book, playbooks, addresses, software, refusal)
    return Redirect(f"/playbooks/{playbook.id}", status_code=303)


@get("/playbooks/{playbook_id:int}/edit", opt=asks("from"), include_in_schema=False)
async def edit_playbook(
    request: WebRequest,
    playbook_id: FromPath[int],
    playbooks: NamedDependency[Playbooks],
    book: NamedDependency[Rigs],
    addresses: NamedDependency[AddressBook],
    software: NamedDependency[MiningSoftware],
    playbook_views: NamedDependency[PlaybookViews],
) -> Template:
    """The form with its newest revision, or with the one that most rigs run."""
    playbook = playbooks.get(playbook_id)
    start = await playbook_views.edit_from(playbook, whole_number(dict(request.query_params), "from"))
    typed = typed_of(form_of(start.content), playbook.revision)
    return _form(request, typed, playbook_id, book, playbooks, addresses, software, start=start)


@post("/playbooks/{playbook_id:int}", status_code=200, include_in_schema=False)
async def change_playbook(
    request: WebRequest,
    playbook_id: FromPath[int],
    playbooks: NamedDependency[Playbooks],
    book: NamedDependency[Rigs],
    addresses: NamedDependency[AddressBook],
    software: NamedDependency[MiningSoftware],
    playbook_views: NamedDependency[PlaybookViews],
) -> Answer:
    """A new revision; then the way to apply it, where rigs have an older one."""
    typed = await _typed(request)
    revision = typed.get("revision")
    try:
        base = asked_number(typed.get("base"))
        playbook = await playbooks.change(
            playbook_id, typed.form(addresses, software), asked_number(revision), base=base
        )
    except Absent:
        raise
    except Refusal as refusal:
        start = await playbook_views.edit_from(playbooks.get(playbook_id), number(typed.get("base")))
        return _form(request, typed, playbook_id, book, playbooks, addresses, software, refusal, start)
    behind = any(one.revision != playbook.revision for one in playbooks.holders.of_playbook(playbook_id))
    return Redirect(f"/playbooks/{playbook_id}{'/apply?those=have' if behind else ''}", status_code=303)


@post("/playbooks/preview", opt=READ, status_code=200, include_in_schema=False)
async def preview_draft(
    request: WebRequest,
    playbooks: NamedDependency[Playbooks],
    book: NamedDependency[Rigs],
    addresses: NamedDependency[AddressBook],
    software: NamedDependency[MiningSoftware],
) -> Template:
    """The exact arguments while one types; or which placeholder has no value."""
    typed = await _typed(request)
    form, _ = typed.draft(addresses, software)
    content, wrong = draft_of(form, addresses, software)
    rig = book.rigs.get(number(typed.get("preview_rig")) or 0)
    name, variables = "rig-01", {}
    if rig is not None:
        name, variables = rig.name, dict(playbooks.holders.variables_of(rig.id))
    chosen = software.software.get(form.software_id)
    shown = {"program": chosen.form.executable if chosen else "", "rig": name, "arguments": [], "why": ""}
    try:
        shown["arguments"] = argument_preview(content, name, variables)
    except TemplateError as error:
        shown["why"] = wrong.get("template") or str(error)
    return render(request, "playbook_preview.html", preview=shown)


@post("/playbooks/draft", opt=READ, status_code=200, include_in_schema=False)
async def fill_draft(
    request: WebRequest,
    playbooks: NamedDependency[Playbooks],
    book: NamedDependency[Rigs],
    addresses: NamedDependency[AddressBook],
    software: NamedDependency[MiningSoftware],
    playbook_views: NamedDependency[PlaybookViews],
) -> Template:
    """The form as it is typed, with the template of the program that was chosen: for browsers without scripts."""
    typed = (await _typed(request)).with_template(software)
    playbook_id, start = number(typed.get("playbook")), None
    if playbook_id is not None:
        start = await playbook_views.edit_from(playbooks.get(playbook_id), number(typed.get("base")))
    return _form(request, typed, playbook_id, book, playbooks, addresses, software, start=start)


form_routes = [new_playbook, create_playbook, edit_playbook, change_playbook, preview_draft, fill_draft]


async def _typed(request: WebRequest) -> TypedPlaybook:
    return TypedPlaybook(texts(await request.form()))


def _form(
    request: WebRequest,
    typed: TypedPlaybook,
    playbook_id: int | None,
    book: Rigs,
    playbooks: Playbooks,
    addresses: AddressBook,
    software: MiningSoftware,
    refusal: Refusal | None = None,
    start: EditFrom | None = None,
) -> Template:
    chosen = typed.program(software)
    playbook = None if playbook_id is None else playbooks.get(playbook_id)
    known = program(chosen.form.name) if chosen is not None else None
    return render_form(
        request,
        "playbook_form.html",
        refusal,
        active="playbooks",
        typed=typed,
        playbook=playbook,
        software=[(one, " ".join(slots_of(one))) for one in software.listed()],
        algorithms=known.algorithms if known is not None else [],
        pool_options=[(one.id, f"{one.coin} · {one.name}") for one in addresses.listed("pool")],
        wallet_options=[(one.id, f"{one.coin} · {one.name}") for one in addresses.listed("wallet")],
        coins=sorted({one.coin for one in addresses.addresses.values()}),
        slots=SLOTS,
        group=partial(columns_in, PlaybookFields),
        numbers=NUMBERS,
        placeholders=DESCRIPTIONS,
        preview_rigs=preview_rigs(book, playbooks, playbook_id),
        start=start,
        besides=[] if start is None else playbooks.brought_up_to_date(start.content),
        theirs=_theirs(playbook, typed, addresses, software) if isinstance(refusal, ChangedMeanwhile) else None,
    )


def _theirs(
    playbook: Playbook | None, typed: TypedPlaybook, addresses: AddressBook, software: MiningSoftware
) -> list[Difference]:
    """How what is typed differs from what was saved meanwhile."""
    if playbook is None:
        return []
    try:
        return differences(playbook.content, content_of(typed.form(addresses, software), addresses, software))
    except Refusal:
        return []
