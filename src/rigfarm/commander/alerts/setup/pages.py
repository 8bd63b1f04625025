"""The pages where rules and the farm's thresholds are set."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.alerts.automation.automation import Automation
from rigfarm.commander.alerts.delivery.channels import Channels
from rigfarm.commander.alerts.engine.rule import Rule, RuleForm
from rigfarm.commander.alerts.engine.rulebook import RuleBook
from rigfarm.commander.alerts.rules import rules
from rigfarm.commander.alerts.store import StoredRule
from rigfarm.commander.asked import known_names
from rigfarm.commander.auth import READ
from rigfarm.commander.fields import checked, columns_in, fields_of, read_form, revision_in, texts_of, typed_texts
from rigfarm.commander.refusals import Absent, Refusal
from rigfarm.commander.stats.marks import MARKS, Thresholds
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render, render_form

__all__ = ["page_routes", "rules_listing"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
Form: TypeAlias = URLEncodedBody[dict[str, object]]
GROUPS = ("limits", "time", "scope", "sends")
BOX = "channel-"
"""The box of a channel: this and its number."""
_ACTION = {
    name: text
    for name, text in texts_of(RuleForm(name="")).items()
    if any(name == field.name for field in columns_in(RuleForm, "action"))
}
"""What an action's fields say where a dialog does not have them."""


class RuleRow(Struct, frozen=True):
    """A rule in the list."""

    id: int
    name: str
    on: bool
    severity: str
    title: str
    about: str
    limits: str
    """Its own limits in words; empty where it has none, or follows the farm's thresholds."""
    minutes: str
    scope: str
    sends: str
    does: str
    """What it does by itself, in a sentence; empty: nothing."""


_OTHERS = {"farm": "the Commander", "circuit": "all circuits"}
"""What rules are for that aren't about rigs."""


def rules_listing(book: RuleBook, channels: Channels, automation: Automation) -> dict[str, Any]:
    """Context of the list of rules."""
    ordered = sorted(book.rules.values(), key=lambda one: (rules()[one.kind].title, one.id))
    return {
        "rows": [_row(one, channels, automation) for one in ordered],
        "kinds": sorted(((kind, rule.title, rule.about) for kind, rule in rules().items()), key=lambda one: one[1]),
        "any_channel": bool(channels.channels),
    }


def _row(one: StoredRule, channels: Channels, automation: Automation) -> RuleRow:
    rule, form, texts = rules()[one.kind], one.form, texts_of(one.form)
    limits = [f"{field.title}: {texts[field.name]}" for field in columns_in(rule.form, "limits") if texts[field.name]]
    kind = form.kind or (rule.kinds[0] if len(rule.kinds) == 1 else "")
    scope = {"": "all rigs", "cpu-gpu": "CPU/GPU rigs", "asic": "ASICs"}[kind]
    parts = [scope, f"matching “{form.q}”" if form.q else "", f"{len(form.rigs)} chosen" if form.rigs else ""]
    chosen = [channels.channels[one].form.name for one in form.channels if one in channels.channels]
    sends = {"all": "all channels", "none": "no channel", "chosen": ", ".join(chosen) or "no channel"}[form.sends]
    return RuleRow(
        one.id,
        form.name,
        form.on,
        form.severity,
        rule.title,
        rule.about,
        "; ".join(limits),
        "at once" if not form.minutes else f"{form.minutes:g} min",
        _OTHERS.get(rule.when) or ", ".join(filter(None, parts)),
        sends,
        automation.says(form),
    )


def _sent_form(rule: Rule[RuleForm], data: Mapping[str, object]) -> RuleForm:
    """What a dialog sent, as the form of its kind. Invalid has a text for each field that means nothing."""
    chosen = ",".join(name.removeprefix(BOX) for name in data if name.startswith(BOX))
    return read_form(rule.form, {**_ACTION, **data, "channels": chosen})


@get("/alerts/rules", include_in_schema=False)
async def rules_page(
    request: WebRequest,
    alert_rules: NamedDependency[RuleBook],
    alert_channels: NamedDependency[Channels],
    alert_automation: NamedDependency[Automation],
) -> Template:
    """All rules."""
    context = rules_listing(alert_rules, alert_channels, alert_automation)
    return render(request, "alert_rules.html", active="alerts", live="/alerts/rules", **context)


@get("/alerts/rules/new", opt=asks("kind"), include_in_schema=False)
async def new_rule(
    request: WebRequest,
    alert_rules: NamedDependency[RuleBook],
    alert_channels: NamedDependency[Channels],
    alert_automation: NamedDependency[Automation],
) -> Template:
    """An empty form for a kind of rule."""
    params = dict(request.query_params)
    known_names(params, ("kind",))
    kind = params.get("kind", "")
    rule = alert_rules.kind(kind)
    return _rule_form(request, kind, rule, texts_of(rule.defaults[0]) | {"on": "1"}, alert_channels, alert_automation)


@post("/alerts/rules/says", opt=READ, status_code=200, include_in_schema=False)
async def say_rule(
    request: WebRequest,
    data: Form,
    alert_rules: NamedDependency[RuleBook],
    alert_automation: NamedDependency[Automation],
) -> Template:
    """What the rule would do by itself, while one types."""
    rule = alert_rules.kind(str(data.get("kind_of_rule", ""))[:32])
    return render(request, "alert_rule_says.html", says=_says(rule, data, alert_automation))


@post("/alerts/rules", status_code=200, include_in_schema=False)
async def create_rule(
    request: WebRequest,
    data: Form,
    alert_rules: NamedDependency[RuleBook],
    alert_channels: NamedDependency[Channels],
    alert_automation: NamedDependency[Automation],
) -> Answer:
    """Add it."""
    kind = str(data.get("kind_of_rule", ""))[:32]
    rule = alert_rules.kind(kind)
    try:
        await alert_rules.create(kind, _sent_form(rule, data))
    except Refusal as refusal:
        return _rule_form(request, kind, rule, _kept(rule, data), alert_channels, alert_automation, refusal=refusal)
    return done(request, "/alerts/rules")


@get("/alerts/rules/{rule_id:int}/edit", include_in_schema=False)
async def edit_rule(
    request: WebRequest,
    rule_id: FromPath[int],
    alert_rules: NamedDependency[RuleBook],
    alert_channels: NamedDependency[Channels],
    alert_automation: NamedDependency[Automation],
) -> Template:
    """The form with what it says now."""
    one = alert_rules.get(rule_id)
    texts = texts_of(one.form) | {f"{BOX}{channel}": "1" for channel in one.form.channels}
    return _rule_form(request, one.kind, rules()[one.kind], texts, alert_channels, alert_automation, one)


@post("/alerts/rules/{rule_id:int}", status_code=200, include_in_schema=False)
async def change_rule(
    request: WebRequest,
    rule_id: FromPath[int],
    data: Form,
    alert_rules: NamedDependency[RuleBook],
    alert_channels: NamedDependency[Channels],
    alert_automation: NamedDependency[Automation],
) -> Answer:
    """Save it."""
    one = alert_rules.get(rule_id)
    rule = rules()[one.kind]
    try:
        await alert_rules.change(rule_id, _sent_form(rule, data), revision_in(data))
    except Absent:
        raise
    except Refusal as refusal:
        theirs = alert_rules.get(rule_id)
        return _rule_form(request, one.kind, rule, _kept(rule, data), alert_channels, alert_automation, theirs, refusal)
    return done(request, "/alerts/rules")


@get("/alerts/rules/{rule_id:int}/remove", include_in_schema=False)
async def ask_remove_rule(
    request: WebRequest, rule_id: FromPath[int], alert_rules: NamedDependency[RuleBook]
) -> Template:
    """What removing it means."""
    one = alert_rules.get(rule_id)
    return render(
        request,
        "remove.html",
        active="alerts",
        hx=is_htmx(request.scope),
        target=one.form.name,
        action=f"/alerts/rules/{rule_id}/remove",
        back="/alerts/rules",
        items=[],
        consequences=["Its open alerts end, and it finds nothing more. To pause it, switch it off instead."],
    )


@post("/alerts/rules/{rule_id:int}/remove", status_code=200, include_in_schema=False)
async def remove_rule(request: WebRequest, rule_id: FromPath[int], alert_rules: NamedDependency[RuleBook]) -> Answer:
    """Remove it."""
    await alert_rules.remove(rule_id)
    return done(request, "/alerts/rules")


@get("/alerts/thresholds", include_in_schema=False)
async def thresholds_page(request: WebRequest) -> Template:
    """The farm's thresholds."""
    return _thresholds(request, texts_of(MARKS.thresholds))


@post("/alerts/thresholds", status_code=200, include_in_schema=False)
async def change_thresholds(request: WebRequest, data: Form, alert_rules: NamedDependency[RuleBook]) -> Answer:
    """Save them: pages, states and rules follow."""
    try:
        await alert_rules.set_thresholds(read_form(Thresholds, data))
    except Refusal as refusal:
        return _thresholds(request, typed_texts(Thresholds, data), refusal)
    return done(request, "/alerts/rules")


def _kept(rule: Rule[RuleForm], data: Mapping[str, object]) -> dict[str, str]:
    return typed_texts(rule.form, data) | {name: "1" for name in data if name.startswith(BOX)}


def _rule_form(
    request: WebRequest,
    kind: str,
    rule: Rule[RuleForm],
    texts: Mapping[str, str],
    channels: Channels,
    automation: Automation,
    one: StoredRule | None = None,
    refusal: Refusal | None = None,
) -> Template:
    return render_form(
        request,
        "alert_rule_form.html",
        refusal,
        active="alerts",
        kind=kind,
        rule=rule,
        one=one,
        form=texts,
        groups=GROUPS if rule.of_rigs else ("limits", "time", "sends"),
        group=partial(columns_in, rule.form),
        channels=[(channel.id, channel.form.name) for channel in channels.channels.values()],
        acts=rule.of_rigs,
        playbooks=automation.playbooks(),
        says=_says(rule, texts, automation),
    )


def _says(rule: Rule[RuleForm], typed: Mapping[str, object], automation: Automation) -> str:
    """What the rule would do by itself, as far as what is typed means something."""
    try:
        return automation.says(checked(_sent_form(rule, {**typed, "name": "x"})))
    except Refusal:
        return ""


def _thresholds(request: WebRequest, texts: Mapping[str, str], refusal: Refusal | None = None) -> Template:
    return render_form(
        request,
        "alert_thresholds.html",
        refusal,
        active="alerts",
        form=texts,
        fields=fields_of(Thresholds),
    )


page_routes = [
    rules_page,
    new_rule,
    say_rule,
    create_rule,
    edit_rule,
    change_rule,
    ask_remove_rule,
    remove_rule,
    thresholds_page,
    change_thresholds,
]
