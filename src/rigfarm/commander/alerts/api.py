"""The JSON API of alerts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from rigfarm.commander.alerts.actions import Alerts
from rigfarm.commander.alerts.automation.automation import Automation
from rigfarm.commander.alerts.automation.model import Act, ActState
from rigfarm.commander.alerts.delivery.api import delivery_routes
from rigfarm.commander.alerts.engine.causes import most_telling
from rigfarm.commander.alerts.engine.rule import Rule, RuleForm
from rigfarm.commander.alerts.engine.rulebook import RuleBook
from rigfarm.commander.alerts.model import FARM, Alert, AlertState, Member, MemberState, Severity, circuit_in
from rigfarm.commander.alerts.rules import rules
from rigfarm.commander.alerts.store import StoredRule
from rigfarm.commander.asked import OfRigs
from rigfarm.commander.auth import CONFIGURE, OPERATE, require
from rigfarm.commander.fields import Changes, changes_of
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.stats.marks import MARKS, Thresholds
from rigfarm.commander.web.conditional import IF_MATCH
from rigfarm.commander.web.paging import LIMIT, After, Limit, loaded_page, number_after, one_page
from rigfarm.common.clock import moment

__all__ = ["alert_answer", "api_routes", "settings_routes"]


class SharedAnswer(Struct):
    """Something that all rigs of an alert have in common."""

    what: str
    name: str


class NoteAnswer(Struct):
    """What a person wrote or did."""

    at: datetime
    who: str
    text: str


class AlertAnswer(Struct, omit_defaults=True):
    """One alert: one cause, on one rig or on many."""

    id: int
    rule_id: int
    rule: str
    severity: Severity
    state: AlertState
    text: str
    rigs: int
    open_rigs: int
    shared: list[SharedAnswer]
    started_at: datetime
    ended_at: datetime | UnsetType = UNSET
    ending: str | UnsetType = UNSET
    by: str | UnsetType = UNSET
    acted_at: datetime | UnsetType = UNSET
    """When `by` acknowledged or snoozed it."""
    escalated_at: datetime | UnsetType = UNSET
    snoozed_until: datetime | UnsetType = UNSET
    notes: list[NoteAnswer] = []


class MemberAnswer(Struct, omit_defaults=True):
    """A rig, or a part of it, in an alert. Of a circuit, `rig_id` is 0, `circuit_id` its own, and `rig` its name."""

    rig_id: int
    rig: str
    state: MemberState
    text: str
    since: datetime
    fired_at: datetime | UnsetType = UNSET
    part: str = ""
    value: float | UnsetType = UNSET
    ended_at: datetime | UnsetType = UNSET
    ending: str = ""
    circuit_id: int | UnsetType = UNSET


class ActAnswer(Struct, omit_defaults=True):
    """What the rule did to a rig by itself. `state` is that of a command, or `giving`."""

    rig_id: int
    rig: str
    what: str
    state: ActState
    at: datetime
    detail: str = ""
    command: str | UnsetType = UNSET


class AlertDetail(AlertAnswer, omit_defaults=True, kw_only=True):
    """With who is or was in it: at most 500, those in trouble first; and with what the rule did by itself."""

    members: list[MemberAnswer]
    actions: list[ActAnswer] = []


class Snooze(Struct, forbid_unknown_fields=True):
    """For how long."""

    minutes: Annotated[float, Meta(ge=1, le=10_080)]


class NewNote(Struct, forbid_unknown_fields=True):
    """What it was."""

    text: Annotated[str, Meta(max_length=2_000)]


@get("", summary="List alerts")
async def list_alerts(
    request: Request[Any, Any, Any],
    alerts: NamedDependency[Alerts],
    of_rigs: NamedDependency[OfRigs],
    which: Annotated[AlertState | None, QueryParameter(name="state")] = None,
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[AlertAnswer]]:
    """Open ones, those that fire first; with `state=resolved` those that are resolved, the latest first."""
    if which == "resolved":
        found = await alerts.resolved(limit + 1, number_after(after), rigs=of_rigs.ids)
        return loaded_page(request, found, limit, cursor=lambda one: str(one.id), answer=alert_answer)
    some = [one for one in alerts.open if which in (None, one.state) and of_rigs.has(*alerts.watch.rigs_in(one))]
    return one_page(request, some, limit, after, key=lambda one: one.id, answer=alert_answer)


@get("/{alert_id:int}", summary="One alert with its rigs")
async def get_alert(
    alert_id: FromPath[int], alerts: NamedDependency[Alerts], alert_automation: NamedDependency[Automation]
) -> AlertDetail:
    """`value` is in SI units: °C, W, H/s, a ratio."""
    alert = await alerts.get(alert_id)
    members = [_member(one) for one in await alerts.members(alert_id)]
    actions = [_act(one) for one in await alert_automation.of_alert(alert_id)]
    return AlertDetail(**_values(alert), members=members, actions=actions)


@post("/{alert_id:int}/acknowledge", opt=OPERATE, status_code=200, summary="Acknowledge an alert")
async def acknowledge_alert(alert_id: FromPath[int], alerts: NamedDependency[Alerts]) -> AlertAnswer:
    """It is no longer escalated."""
    return alert_answer(await alerts.acknowledge(alert_id))


@post("/{alert_id:int}/snooze", opt=OPERATE, status_code=200, summary="Snooze an alert")
async def snooze_alert(alert_id: FromPath[int], data: JSONBody[Snooze], alerts: NamedDependency[Alerts]) -> AlertAnswer:
    """It fires again afterwards, if it still lasts."""
    return alert_answer(await alerts.snooze(alert_id, data.minutes))


@post("/{alert_id:int}/notes", opt=OPERATE, status_code=201, summary="Add a note to an alert")
async def note_alert(alert_id: FromPath[int], data: JSONBody[NewNote], alerts: NamedDependency[Alerts]) -> AlertAnswer:
    """Also to one that is resolved."""
    return alert_answer(await alerts.note(alert_id, data.text))


@post("/{alert_id:int}/end", opt=OPERATE, status_code=200, summary="End an alert by hand")
async def end_alert(alert_id: FromPath[int], alerts: NamedDependency[Alerts]) -> AlertAnswer:
    """For what is measured no more. It fires again when it is seen again."""
    return alert_answer(await alerts.end(alert_id))


api_routes = Router(
    "/api/alerts",
    route_handlers=[list_alerts, get_alert, acknowledge_alert, snooze_alert, note_alert, end_alert],
    tags=["alerts"],
)


def alert_answer(alert: Alert) -> AlertAnswer:
    """As the API shows it."""
    return AlertAnswer(**_values(alert))


def _values(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "rule_id": alert.rule_id,
        "rule": alert.rule,
        "severity": alert.severity,
        "state": alert.state,
        "text": alert.text,
        "rigs": alert.rigs,
        "open_rigs": alert.open_rigs,
        "shared": [SharedAnswer(what, name) for what, name in most_telling(alert.shared)],
        "started_at": moment(alert.started_ms),
        "ended_at": UNSET if alert.ended_ms is None else moment(alert.ended_ms),
        "ending": alert.ending or UNSET,
        "by": alert.by or UNSET,
        "acted_at": UNSET if alert.by_ms is None else moment(alert.by_ms),
        "escalated_at": UNSET if alert.escalated_ms is None else moment(alert.escalated_ms),
        "snoozed_until": UNSET if alert.until_ms is None else moment(alert.until_ms),
        "notes": [NoteAnswer(moment(one.at_ms), one.who, one.text) for one in alert.notes],
    }


def _member(member: Member) -> MemberAnswer:
    return MemberAnswer(
        max(member.rig_id, FARM),
        member.rig_name,
        member.state,
        member.text,
        moment(member.since_ms),
        UNSET if member.fired_ms is None else moment(member.fired_ms),
        member.part,
        UNSET if member.value is None else member.value,
        UNSET if member.ended_ms is None else moment(member.ended_ms),
        member.ending,
        circuit_in(member.rig_id) if member.rig_id < FARM else UNSET,
    )


def _act(act: Act) -> ActAnswer:
    command = act.command_id or UNSET
    return ActAnswer(act.rig_id, act.rig_name, act.what, act.state, moment(act.at_ms), act.detail, command)


# Rules and thresholds


class RuleAnswer(Struct):
    """One rule. `form` has the settings of its kind; limits are in SI units, shares are ratios."""

    id: int
    kind: str
    title: str
    about: str
    revision: int
    updated_at: datetime
    form: dict[str, Any]


class NewRule(Struct, forbid_unknown_fields=True):
    """A kind of rule, as the list of rules names it, and its settings: those left out have their defaults."""

    kind: Annotated[str, Meta(max_length=32)]
    form: dict[str, Any]


class RuleChange(Struct, forbid_unknown_fields=True):
    """Settings that are left out don't change. `revision`: refuse if someone else has changed it since."""

    form: dict[str, Any]
    revision: int | UnsetType = UNSET


if TYPE_CHECKING:

    class ThresholdsChange(Changes):
        """See below: made of the fields of Thresholds."""

else:
    ThresholdsChange = changes_of("ThresholdsChange", Thresholds, "Marks that are left out don't change.")


@get("/api/alert-rules", summary="List alert rules", tags=["alerts"])
async def list_rules(
    request: Request[Any, Any, Any], alert_rules: NamedDependency[RuleBook], limit: Limit = LIMIT, after: After = ""
) -> Response[list[RuleAnswer]]:
    """All of them, on or off."""
    found = list(alert_rules.rules.values())
    return one_page(request, found, limit, after, key=lambda one: one.id, answer=_rule_answer)


@post("/api/alert-rules", opt=CONFIGURE, status_code=201, summary="Add an alert rule", tags=["alerts"])
async def create_rule(
    request: Request[Any, Any, Any], data: JSONBody[NewRule], alert_rules: NamedDependency[RuleBook]
) -> RuleAnswer:
    """Its revision is 1. One that acts on rigs needs the scope `operate`, too."""
    form = _rule_form(alert_rules.kind(data.kind), data.form)
    _may_act(request, form)
    return _rule_answer(await alert_rules.create(data.kind, form))


@get("/api/alert-rules/{rule_id:int}", summary="One alert rule", tags=["alerts"], sync_to_thread=False)
def get_rule(rule_id: FromPath[int], alert_rules: NamedDependency[RuleBook]) -> RuleAnswer:
    """On or off."""
    return _rule_answer(alert_rules.get(rule_id))


@patch("/api/alert-rules/{rule_id:int}", opt=CONFIGURE, summary="Change an alert rule", tags=["alerts"])
async def change_rule(
    request: Request[Any, Any, Any],
    rule_id: FromPath[int],
    data: JSONBody[RuleChange],
    alert_rules: NamedDependency[RuleBook],
) -> RuleAnswer:
    """Alerts that the rule no longer stands for end. One that acts on rigs needs the scope `operate`, too."""
    stored = alert_rules.get(rule_id)
    form = _rule_form(alert_rules.kind(stored.kind), {**msgspec.to_builtins(stored.form), **data.form})
    _may_act(request, form)
    revision = stored.revision if data.revision is UNSET else data.revision
    return _rule_answer(await alert_rules.change(rule_id, form, revision))


@delete("/api/alert-rules/{rule_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove an alert rule", tags=["alerts"])
async def delete_rule(rule_id: FromPath[int], alert_rules: NamedDependency[RuleBook]) -> None:
    """Its open alerts end."""
    await alert_rules.remove(rule_id)


@get("/api/thresholds", summary="The farm's thresholds", tags=["alerts"], sync_to_thread=False)
def get_thresholds() -> Thresholds:
    """°C, and ratios from 0 to 1."""
    return MARKS.thresholds


@patch("/api/thresholds", opt=CONFIGURE, summary="Change the farm's thresholds", tags=["alerts"])
async def change_thresholds(data: JSONBody[ThresholdsChange], alert_rules: NamedDependency[RuleBook]) -> Thresholds:
    """Colours of pages, states of rigs, and rules without limits of their own follow them."""
    return await alert_rules.set_thresholds(data.over(MARKS.thresholds))


settings_routes = [
    list_rules,
    create_rule,
    get_rule,
    change_rule,
    delete_rule,
    get_thresholds,
    change_thresholds,
    *delivery_routes,
]


def _may_act(request: Request[Any, Any, Any], form: RuleForm) -> None:
    """What a key must not do itself, it cannot have done by a rule."""
    if form.action:
        require(request.auth, "operate")


def _rule_form(rule: Rule[RuleForm], values: dict[str, Any]) -> RuleForm:
    try:
        return msgspec.convert({"name": "", **values}, rule.form)
    except msgspec.ValidationError as error:
        raise Invalid(f"form: {error}", field="form") from None


def _rule_answer(rule: StoredRule) -> RuleAnswer:
    kind = rules()[rule.kind]
    form: dict[str, Any] = msgspec.to_builtins(rule.form)
    return RuleAnswer(rule.id, rule.kind, kind.title, kind.about, rule.revision, moment(rule.updated_ms), form)
