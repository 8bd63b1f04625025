"""The pages of updates of Sentries: asked for one rig or many, confirmed, and then followed live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from rigfarm.commander.asked import row_numbers
from rigfarm.commander.auth import READ
from rigfarm.commander.commands.view import back_of, by_name, target_of
from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import Absent, Invalid, Refusal
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.selection import numbers
from rigfarm.commander.updates.actions import SentryUpdates
from rigfarm.commander.updates.model import MAX_AT_ONCE, UpdateForm, offer_for
from rigfarm.commander.updates.view import update_view
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.forms import texts
from rigfarm.commander.web.render import render, render_form
from rigfarm.units import count, counted

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
Fields: TypeAlias = Mapping[str, str]


@get("/sentry-updates/new", opt=asks("rigs", "back", "command"), include_in_schema=False)
async def ask(request: WebRequest, updates: NamedDependency[SentryUpdates]) -> Template:
    """Which version, and for whom."""
    params = request.query_params
    return _ask(request, updates, row_numbers("rigs", params.getall("rigs", [])), dict(params))


@post("/sentry-updates/new", opt=READ, status_code=200, include_in_schema=False)
async def ask_many(request: WebRequest, updates: NamedDependency[SentryUpdates]) -> Template:
    """The same for a selection that is too long for a URL."""
    form = await request.form()
    return _ask(request, updates, numbers(form.getall("rigs", [])), texts(form))


@post("/sentry-updates", status_code=200, include_in_schema=False)
async def begin(request: WebRequest, updates: NamedDependency[SentryUpdates]) -> Answer:
    """Begin, and show how it goes."""
    form = await request.form()
    fields, rigs = texts(form), numbers(form.getall("rigs", []))
    try:
        one = await updates.begin(rigs, _form(fields))
    except Absent:
        raise
    except Refusal as refusal:
        return _ask(request, updates, rigs, fields, refusal)
    return Redirect(f"/sentry-updates/{one.id}", status_code=303)


@get("/sentry-updates/{update_id:int}", include_in_schema=False)
async def update_page(
    request: WebRequest, update_id: FromPath[int], updates: NamedDependency[SentryUpdates]
) -> Template:
    """How far it is."""
    view = update_view(await updates.get(update_id), updates.rigs)
    return render(request, "update_page.html", live=f"/sentry-updates/{update_id}", update=view)


@post("/sentry-updates/{update_id:int}/abort", status_code=200, include_in_schema=False)
async def abort(request: WebRequest, update_id: FromPath[int], updates: NamedDependency[SentryUpdates]) -> Answer:
    """Tell no more rigs."""
    await updates.abort(update_id)
    return done(request, f"/sentry-updates/{update_id}")


page_routes = [ask, ask_many, begin, update_page, abort]


def _ask(
    request: WebRequest, updates: SentryUpdates, ids: list[int], fields: Fields, refusal: Refusal | None = None
) -> Template:
    rigs = by_name(updates.rigs, ids)
    if not rigs:
        raise Invalid("Choose at least one rig.")
    reasons = {rig.id: updates.why_not(rig, downgrade=True) for rig in rigs}
    able = [rig for rig in rigs if not reasons[rig.id]]
    older = [rig for rig in able if updates.why_not(rig)]
    why = Counter(reason for reason in reasons.values() if reason)
    return render_form(
        request,
        "update_ask.html",
        refusal,
        target=target_of(rigs),
        able_target=target_of(able) if able else "",
        rigs=",".join(str(rig.id) for rig in rigs),
        count=len(rigs),
        able=len(able),
        changes=_changes(updates, able),
        older=len(older),
        cannot=[f"{counted(number, 'rig')}: {reason}" if len(rigs) > 1 else reason for reason, number in why.items()],
        fields=fields,
        back=back_of(fields, rigs[0].of.path),
    )


def _changes(updates: SentryUpdates, rigs: list[Rig]) -> list[str]:
    """`3 rigs: Sentry 0.2.0 to 0.3.0`."""
    offered = updates.offered()
    steps = Counter(
        (rig.specs.sentry_version, offer.version)
        for rig in rigs
        if rig.specs is not None and (offer := offer_for(rig, offered)) is not None
    )
    many = len(rigs) > 1
    return [
        (f"{counted(number, 'rig')}: " if many else "") + f"Sentry {before} to {after}"
        for (before, after), number in sorted(steps.items())
    ]


def _form(fields: Fields) -> UpdateForm:
    wrong = {}
    found = {}
    for name, default in (("first", 1), ("at_once", 10)):
        text = fields.get(name, "").strip()
        found[name] = default if not text else number(text) or 0
        if not 1 <= found[name] <= MAX_AT_ONCE:
            wrong[name] = f"Expected 1 to {count(MAX_AT_ONCE)} rigs."
    if wrong:
        raise Invalid.of(wrong)
    return UpdateForm(found["first"], found["at_once"], bool(fields.get("downgrade")))
