"""The pages of playbooks: list, one, its history, and the form that writes it with a preview while one types."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import zip_longest
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.auth import READ
from rigfarm.commander.fields import columns_in
from rigfarm.commander.mining_software import SoftwareBook
from rigfarm.commander.mining_software.catalogue import program
from rigfarm.commander.names import name_order
from rigfarm.commander.numbers import asked_number, number
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.check import draft_of
from rigfarm.commander.playbooks.diff import differences
from rigfarm.commander.playbooks.form import form_of
from rigfarm.commander.playbooks.model import SLOTS, PlaybookFields
from rigfarm.commander.playbooks.order import argument_preview
from rigfarm.commander.playbooks.placeholders import DESCRIPTIONS
from rigfarm.commander.playbooks.regions import PlaybookRegions
from rigfarm.commander.playbooks.rollouts import Rollouts
from rigfarm.commander.playbooks.supervision import NUMBERS
from rigfarm.commander.playbooks.typed import TypedPlaybook, typed_of
from rigfarm.commander.playbooks.view import ago, counted, iso
from rigfarm.commander.refusals import Absent, Refusal
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render
from rigfarm.common.clock import utc_ms
from rigfarm.wire.template import TemplateError

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
PREVIEW_RIGS = 500
"""Rigs that a preview can be chosen for."""


class RollBackData(Struct):
    """Which revision shall be the newest again."""

    revision: int = 0


# Looking


@get("/playbooks", include_in_schema=False)
async def playbooks_page(
    request: WebRequest, playbooks: NamedDependency[PlaybookBook], rollouts: NamedDependency[Rollouts]
) -> Template:
    """All playbooks and how they do."""
    live = f"/playbooks?{request.url.query}" if request.url.query else "/playbooks"
    context = PlaybookRegions(playbooks, rollouts).index(dict(request.query_params))
    return render(request, "playbook_index.html", active="playbooks", live=live, **context)


@get("/playbooks/{playbook_id:int}", include_in_schema=False)
async def playbook_page(
    request: WebRequest,
    playbook_id: FromPath[int],
    playbooks: NamedDependency[PlaybookBook],
    rollouts: NamedDependency[Rollouts],
) -> Template:
    """One playbook, and the rigs that have it."""
    here = f"/playbooks/{playbook_id}"
    live = f"{here}?{request.url.query}" if request.url.query else here
    context = await PlaybookRegions(playbooks, rollouts).detail(playbook_id, dict(request.query_params))
    return render(
        request,
        "playbook_detail.html",
        active="playbooks",
        live=live,
        preview_rigs=_preview_rigs(playbooks, playbook_id),
        preview=_preview(playbooks, playbook_id, None),
        **context,
    )


@get("/playbooks/{playbook_id:int}/preview", include_in_schema=False)
async def preview_page(
    request: WebRequest, playbook_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]
) -> Template:
    """The exact arguments on a rig that was chosen."""
    rig = request.query_params.get("preview_rig", "")
    chosen = number(rig)
    return render(request, "playbook_preview.html", preview=_preview(playbooks, playbook_id, chosen))


@get("/playbooks/{playbook_id:int}/history", include_in_schema=False)
async def history_page(
    request: WebRequest, playbook_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]
) -> Template:
    """Every revision with what it changed, and the way back to it."""
    before = request.query_params.get("before", "")
    found = await playbooks.history(playbook_id, asked_number(before))
    has = {one.revision: 0 for one in playbooks.assignments.of_playbook(playbook_id)}
    for one in playbooks.assignments.of_playbook(playbook_id):
        has[one.revision] += 1
    now_ms = utc_ms()
    rows = [
        {
            "revision": one,
            "differences": differences(earlier.content if earlier is not None else None, one.content),
            "rigs": has.get(one.number, 0),
            "iso": iso(one.created_at),
            "age": ago(one.created_at, now_ms),
        }
        for one, earlier in zip_longest(found, found[1:])
    ]
    playbook = playbooks.get(playbook_id)
    older = found[-1].number if found and found[-1].number > 1 else None
    return render(request, "playbook_history.html", active="playbooks", playbook=playbook, rows=rows, older=older)


@get("/playbooks/{playbook_id:int}/rollback", include_in_schema=False)
async def ask_roll_back(
    request: WebRequest, playbook_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]
) -> Template:
    """What rolling back means."""
    text = request.query_params.get("revision", "")
    revision = await playbooks.revision(playbook_id, number(text) or 0)
    playbook = playbooks.get(playbook_id)
    return render(
        request,
        "playbook_rollback.html",
        active="playbooks",
        hx=is_htmx(request.scope),
        playbook=playbook,
        revision=revision,
        differences=differences(playbook.content, revision.content),
    )


@post("/playbooks/{playbook_id:int}/rollback", status_code=200, include_in_schema=False)
async def roll_back(
    playbook_id: FromPath[int],
    data: URLEncodedBody[RollBackData],
    playbooks: NamedDependency[PlaybookBook],
) -> Answer:
    """Make it the newest again."""
    await playbooks.roll_back(playbook_id, data.revision)
    return Redirect(f"/playbooks/{playbook_id}", status_code=303)


# Writing


@get("/playbooks/new", include_in_schema=False)
async def new_playbook(
    request: WebRequest,
    playbooks: NamedDependency[PlaybookBook],
    addresses: NamedDependency[AddressBook],
    software: NamedDependency[SoftwareBook],
) -> Template:
    """An empty form, or one like another playbook."""
    like, chosen = (request.query_params.get(name, "") for name in ("like", "software"))
    if (copied := number(like) or 0) in playbooks.playbooks:
        return _form(request, typed_of(playbooks.copy_of(copied)), None, playbooks, addresses, software)
    fields = {"software_id": chosen}
    if (one := software.software.get(number(chosen) or 0)) is not None:
        fields["template"] = one.form.template
    return _form(request, TypedPlaybook(fields), None, playbooks, addresses, software)


@post("/playbooks", status_code=200, include_in_schema=False)
async def create_playbook(
    request: WebRequest,
    playbooks: NamedDependency[PlaybookBook],
    addresses: NamedDependency[AddressBook],
    software: NamedDependency[SoftwareBook],
) -> Answer:
    """Write it."""
    typed = await _typed(request)
    try:
        playbook = await playbooks.create(typed.form(addresses))
    except Refusal as refusal:
        return _form(request, typed, None, playbooks, addresses, software, refusal)
    return Redirect(f"/playbooks/{playbook.id}", status_code=303)


@get("/playbooks/{playbook_id:int}/edit", include_in_schema=False)
async def edit_playbook(
    request: WebRequest,
    playbook_id: FromPath[int],
    playbooks: NamedDependency[PlaybookBook],
    addresses: NamedDependency[AddressBook],
    software: NamedDependency[SoftwareBook],
) -> Template:
    """The form with its newest revision."""
    playbook = playbooks.get(playbook_id)
    typed = typed_of(form_of(playbook.content), playbook.revision)
    return _form(request, typed, playbook_id, playbooks, addresses, software)


@post("/playbooks/{playbook_id:int}", status_code=200, include_in_schema=False)
async def change_playbook(
    request: WebRequest,
    playbook_id: FromPath[int],
    playbooks: NamedDependency[PlaybookBook],
    addresses: NamedDependency[AddressBook],
    software: NamedDependency[SoftwareBook],
) -> Answer:
    """A new revision; then the way to apply it, where rigs have an older one."""
    typed = await _typed(request)
    revision = typed.get("revision")
    try:
        playbook = await playbooks.change(playbook_id, typed.form(addresses), asked_number(revision))
    except Absent:
        raise
    except Refusal as refusal:
        return _form(request, typed, playbook_id, playbooks, addresses, software, refusal)
    behind = any(one.revision != playbook.revision for one in playbooks.assignments.of_playbook(playbook_id))
    return Redirect(f"/playbooks/{playbook_id}{'/apply?those=have' if behind else ''}", status_code=303)


@post("/playbooks/preview", opt=READ, status_code=200, include_in_schema=False)
async def preview_draft(
    request: WebRequest,
    playbooks: NamedDependency[PlaybookBook],
    addresses: NamedDependency[AddressBook],
    software: NamedDependency[SoftwareBook],
) -> Template:
    """The exact arguments while one types; or which placeholder has no value."""
    typed = await _typed(request)
    form, _ = typed.draft(addresses)
    content, wrong = draft_of(form, addresses, software)
    rig = playbooks.rigs.rigs.get(number(typed.get("preview_rig")) or 0)
    name, variables = "rig-01", {}
    if rig is not None:
        name, variables = rig.name, dict(playbooks.assignments.variables_of(rig.id))
    chosen = software.software.get(form.software_id)
    shown = {"program": chosen.form.executable if chosen else "", "rig": name, "arguments": [], "why": ""}
    try:
        shown["arguments"] = argument_preview(content, name, variables)
    except TemplateError as error:
        shown["why"] = wrong.get("template") or str(error)
    return render(request, "playbook_preview.html", preview=shown)


@get("/playbooks/{playbook_id:int}/remove", include_in_schema=False)
async def ask_remove(
    request: WebRequest, playbook_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]
) -> Template:
    """What removing it means, and where."""
    playbook = playbooks.get(playbook_id)
    on = playbooks.assignments.of_playbook(playbook_id)
    lines = [
        f"It stops on {counted(len(on), 'rig')}." if on else "No rig runs it.",
        f"Its history of {counted(playbook.revision, 'revision')} is deleted.",
    ]
    return render(
        request,
        "playbook_remove.html",
        active="playbooks",
        hx=is_htmx(request.scope),
        playbook=playbook,
        rigs=sorted(playbooks.rigs.rigs[one.rig_id].name for one in on),
        consequences=lines,
    )


@post("/playbooks/{playbook_id:int}/remove", status_code=200, include_in_schema=False)
async def remove_playbook(playbook_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]) -> Answer:
    """Remove it: the dialog has named the rigs."""
    await playbooks.remove(playbook_id, even_if_used=True)
    return Redirect("/playbooks", status_code=303)


page_routes = [
    playbooks_page,
    playbook_page,
    preview_page,
    history_page,
    ask_roll_back,
    roll_back,
    new_playbook,
    create_playbook,
    edit_playbook,
    change_playbook,
    preview_draft,
    ask_remove,
    remove_playbook,
]


async def _typed(request: WebRequest) -> TypedPlaybook:
    form = await request.form()
    return TypedPlaybook({name: value for name, value in form.items() if isinstance(value, str)})


def _form(
    request: WebRequest,
    typed: TypedPlaybook,
    playbook_id: int | None,
    playbooks: PlaybookBook,
    addresses: AddressBook,
    software: SoftwareBook,
    refusal: Refusal | None = None,
) -> Template:
    chosen = software.software.get(number(typed.get("software_id")) or 0)
    known = program(chosen.form.name) if chosen is not None else None
    return render(
        request,
        "playbook_form.html",
        status=200 if refusal is None else refusal.status,
        active="playbooks",
        typed=typed,
        playbook=None if playbook_id is None else playbooks.get(playbook_id),
        software=software.listed(),
        chosen=chosen,
        algorithms=known.algorithms if known is not None else [],
        pool_options=[(one.id, f"{one.coin} · {one.name}") for one in addresses.listed("pool")],
        wallet_options=[(one.id, f"{one.coin} · {one.name}") for one in addresses.listed("wallet")],
        coins=sorted({one.coin for one in addresses.addresses.values()}),
        slots=SLOTS,
        group=partial(columns_in, PlaybookFields),
        numbers=NUMBERS,
        placeholders=DESCRIPTIONS,
        preview_rigs=_preview_rigs(playbooks, playbook_id),
        errors={} if refusal is None else refusal.fields,
        error="" if refusal is None or refusal.fields else str(refusal),
    )


def _preview_rigs(playbooks: PlaybookBook, playbook_id: int | None) -> list[tuple[int, str]]:
    """Rigs to choose from, those that have the playbook first."""
    has = playbooks.assignments.by_playbook.get(playbook_id or 0, {})
    rigs = sorted(playbooks.rigs.of_kind("cpu-gpu"), key=lambda rig: (rig.id not in has, name_order(rig.name)))
    return [(rig.id, rig.name) for rig in rigs[:PREVIEW_RIGS]]


def _preview(playbooks: PlaybookBook, playbook_id: int, rig_id: int | None) -> Mapping[str, object]:
    content = playbooks.get(playbook_id).content
    chosen = rig_id if rig_id is not None else next((one for one, _ in _preview_rigs(playbooks, playbook_id)), 0)
    rig = playbooks.rigs.rigs.get(chosen)
    name = rig.name if rig is not None else "rig-01"
    program = content.software.archive.executable if content.software.archive is not None else content.software.name
    shown: dict[str, object] = {"program": program, "rig": name, "arguments": [], "why": ""}
    try:
        shown["arguments"] = argument_preview(content, name, playbooks.assignments.variables_of(chosen))
    except TemplateError as error:
        shown["why"] = str(error)
    return shown
