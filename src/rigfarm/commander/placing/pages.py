"""The list of rules that place rigs, its dialogs, and the plan of what they would do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec.structs import replace

from rigfarm.commander.asked import one_of
from rigfarm.commander.auth import READ
from rigfarm.commander.fields import (
    checked,
    columns_in,
    differences,
    read_form,
    revision_in,
    texts_of,
    typed_texts,
    words_of,
)
from rigfarm.commander.numbers import number
from rigfarm.commander.placing.actions import PlacingRules
from rigfarm.commander.placing.model import WHICH, PlacingForm, PlacingRule, Which
from rigfarm.commander.placing.view import listing, plan_page, trial_lines
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Invalid, Refusal
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.render import render, render_form

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
Rules: TypeAlias = NamedDependency[PlacingRules]
Form: TypeAlias = URLEncodedBody[dict[str, object]]
INDEX = "/places/rules"
STEPS = {"up": -1, "down": 1}


@get(INDEX, include_in_schema=False)
async def placing_rules_page(request: WebRequest, placing_rules: Rules) -> Template:
    """All rules, in their order."""
    return render(request, "placing_index.html", active="places", live=INDEX, **listing(placing_rules))


@get(f"{INDEX}/new", include_in_schema=False)
async def new_placing_rule(request: WebRequest) -> Template:
    """An empty form."""
    return _form(request, texts_of(PlacingForm(name="", place="")))


@post(INDEX, status_code=200, include_in_schema=False)
async def create_placing_rule(request: WebRequest, data: Form, placing_rules: Rules) -> Answer:
    """Add it; no rig is moved by that."""
    try:
        await placing_rules.create(read_form(PlacingForm, data))
    except Refusal as refusal:
        return _form(request, typed_texts(PlacingForm, data), refusal=refusal)
    return done(request, INDEX)


@post(f"{INDEX}/trial", opt=READ, status_code=200, include_in_schema=False)
async def try_placing_rule(request: WebRequest, data: Form, placing_rules: Rules) -> Template:
    """While one types: which rigs the rule matches, and where they belong."""
    rule_id = number(str(data.get("rule", "")))
    why, trial = "", None
    if any(str(data.get(name, "")).strip() for name in ("address", "pattern")) and str(data.get("place", "")).strip():
        try:
            trial = await placing_rules.trial(replace(read_form(PlacingForm, data), name="trial"), rule_id)
        except Invalid as refusal:
            why = " ".join(refusal.fields.values()) or str(refusal)
    return render(
        request, "placing_trial.html", trial=trial, why=why, lines=[] if trial is None else trial_lines(trial)
    )


@get(f"{INDEX}/{{rule_id:int}}/edit", include_in_schema=False)
async def edit_placing_rule(request: WebRequest, rule_id: FromPath[int], placing_rules: Rules) -> Template:
    """The form with what it says now."""
    rule = placing_rules.get(rule_id)
    return _form(request, texts_of(rule.form), rule)


@post(f"{INDEX}/{{rule_id:int}}", status_code=200, include_in_schema=False)
async def change_placing_rule(request: WebRequest, rule_id: FromPath[int], data: Form, placing_rules: Rules) -> Answer:
    """Save it; no rig is moved by that."""
    try:
        await placing_rules.change(rule_id, read_form(PlacingForm, data), revision_in(data))
    except Absent:
        raise
    except Refusal as refusal:
        return _form(request, typed_texts(PlacingForm, data), placing_rules.get(rule_id), refusal, data)
    return done(request, INDEX)


@post(f"{INDEX}/{{rule_id:int}}/move", status_code=200, include_in_schema=False)
async def move_placing_rule(request: WebRequest, rule_id: FromPath[int], data: Form, placing_rules: Rules) -> Answer:
    """Try it before the one above it, or after the one below."""
    await placing_rules.step(rule_id, STEPS[one_of("to", str(data.get("to", "")), STEPS)])
    return done(request, INDEX)


@get(f"{INDEX}/{{rule_id:int}}/remove", include_in_schema=False)
async def ask_remove_placing_rule(request: WebRequest, rule_id: FromPath[int], placing_rules: Rules) -> Template:
    """What removing it means."""
    rule = placing_rules.get(rule_id)
    return render_form(
        request,
        "remove.html",
        active="places",
        target=f"the rule {rule.name}",
        action=f"{INDEX}/{rule_id}/remove",
        back=INDEX,
        consequences=["Rigs stay where they are, and keep their tags."],
    )


@post(f"{INDEX}/{{rule_id:int}}/remove", status_code=200, include_in_schema=False)
async def remove_placing_rule(request: WebRequest, rule_id: FromPath[int], placing_rules: Rules) -> Answer:
    """Remove it."""
    await placing_rules.remove(rule_id)
    return done(request, INDEX)


@get(f"{INDEX}/plan", opt=asks("which"), include_in_schema=False)
async def placing_plan(request: WebRequest, placing_rules: Rules) -> Template:
    """What the rules would do to all rigs."""
    return await _plan(request, placing_rules, _which(request.query_params))


@post(f"{INDEX}/plan", status_code=200, include_in_schema=False)
async def apply_placing_rules(request: WebRequest, data: Form, placing_rules: Rules) -> Answer:
    """Do what the plan says, if it is still the same."""
    which = _which({"which": str(data.get("which", ""))})
    try:
        await placing_rules.apply(which, str(data.get("digest", "")))
    except ChangedMeanwhile as changed:
        return await _plan(request, placing_rules, which, changed)
    return Redirect("/places", status_code=303)


page_routes = [
    placing_rules_page,
    new_placing_rule,
    create_placing_rule,
    try_placing_rule,
    edit_placing_rule,
    change_placing_rule,
    move_placing_rule,
    ask_remove_placing_rule,
    remove_placing_rule,
    placing_plan,
    apply_placing_rules,
]


def _which(params: Mapping[str, str]) -> Which:
    wanted = one_of("which", params.get("which", "") or "without-place", WHICH)
    return next(one for one in WHICH if one == wanted)


async def _plan(
    request: WebRequest, rules: PlacingRules, which: Which, changed: ChangedMeanwhile | None = None
) -> Template:
    return render(
        request,
        "placing_plan.html",
        status=200 if changed is None else changed.status,
        active="places",
        error="" if changed is None else str(changed),
        rules=len(rules.listed()),
        **plan_page(await rules.plan(which)),
    )


def _form(
    request: WebRequest,
    texts: Mapping[str, str],
    rule: PlacingRule | None = None,
    refusal: Refusal | None = None,
    data: Mapping[str, object] | None = None,
) -> Template:
    theirs = None
    if rule is not None and data is not None and isinstance(refusal, ChangedMeanwhile):
        theirs = differences(words_of(rule.form), words_of(checked(read_form(PlacingForm, data))))
    return render_form(
        request,
        "placing_form.html",
        refusal,
        active="places",
        rule=rule,
        form=texts,
        revision=0 if rule is None else revision_in(data or {}) or rule.revision,
        group=partial(columns_in, PlacingForm),
        theirs=theirs,
    )
