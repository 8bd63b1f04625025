"""What pages of alerts show, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from rigfarm.commander.alerts.actions import Alerts
from rigfarm.commander.alerts.automation.automation import Automation, too_many
from rigfarm.commander.alerts.automation.model import Act
from rigfarm.commander.alerts.delivery.channels import Channels
from rigfarm.commander.alerts.delivery.pages import message_rows
from rigfarm.commander.alerts.delivery.texts import headline, lasted
from rigfarm.commander.alerts.engine.causes import most_telling
from rigfarm.commander.alerts.model import (
    AROUND_MS,
    FARM,
    SEVERITIES,
    SHARED_WORDS,
    Alert,
    Member,
    Note,
    around,
    circuit_in,
)
from rigfarm.commander.asked import known_names, one_of, whole_number
from rigfarm.commander.playbooks.view import ago
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.web.shell import AlertCount
from rigfarm.common.clock import iso, utc_ms
from rigfarm.units import duration

__all__ = [
    "ActRow",
    "AlertRow",
    "MemberRow",
    "Query",
    "bell",
    "firing_lines",
    "headline",
    "listing",
    "of_alert",
    "of_rig",
]

LIST_PARAMS = ("state", "severity", "rule", "before")
PER_PAGE = 50
MOST_OPEN = 200
MOST_PENDING = 20
MOST_MESSAGES = 50
FindRig = Callable[[int], Rig | None]
_TONES = {"critical": "bad", "warning": "warn", "info": ""}
_SHAPES = {"critical": "cross", "warning": "up", "info": "ring"}


class Query(Struct, frozen=True):
    """What the list's URL asks for."""

    state: str = ""
    """`open`, `firing` or `resolved`; empty: open ones, then the latest that are resolved."""
    severity: str = ""
    rule: int | None = None
    before: int | None = None
    """Resolved ones that are older than this alert."""

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> Query:
        """NotUnderstood for a name or a value that has no meaning."""
        known_names(params, LIST_PARAMS)
        return cls(
            state=one_of("state", params.get("state", ""), ("", "firing", "open", "resolved")),
            severity=one_of("severity", params.get("severity", ""), ("", *SEVERITIES)),
            rule=whole_number(params, "rule"),
            before=whole_number(params, "before"),
        )

    def fits(self, alert: Alert) -> bool:
        """Whether it is one of those that are asked for."""
        return (
            self.severity in ("", alert.severity)
            and self.rule in (None, alert.rule_id)
            and (self.state != "firing" or alert.state == "firing")
        )


class AlertRow(Struct, frozen=True):
    """An alert in the list."""

    id: int
    title: str
    severity: str
    tone: str
    shape: str
    state: str
    rule: str
    rule_id: int
    text: str
    shared: str
    by: str
    since_iso: str
    since: str
    lasted: str
    ended_iso: str
    ended: str
    ending: str
    until: str
    notes: list[Note]
    open: bool
    href: str


class MemberRow(Struct, frozen=True):
    """A rig in an alert, or an alert of a rig."""

    name: str
    href: str
    part: str
    text: str
    state: str
    alert: str
    since_iso: str
    since: str
    ended: str
    """How it ended; empty while it lasts."""
    then_href: str = ""
    """The rig as it was when it was first seen."""


class ActRow(Struct, frozen=True):
    """What the rule did to a rig."""

    name: str
    href: str
    what: str
    at_iso: str
    at: str
    state: str
    tone: str
    detail: str


def act_row(act: Act, find_rig: FindRig, now_ms: int) -> ActRow:
    """With its time in words."""
    rig = find_rig(act.rig_id)
    state = "under way" if act.state in ("giving", "queued", "running") else act.state
    return ActRow(
        name=act.rig_name if rig is None else rig.name,
        href="" if rig is None else rig.href,
        what=act.what,
        at_iso=iso(act.at_ms),
        at=ago(act.at_ms, now_ms),
        state=state,
        tone={"failed": "bad", "refused": "warn", "done": "good"}.get(state, ""),
        detail=act.detail,
    )


def bell(alerts: Alerts) -> AlertCount:
    """How many alerts haven't been acknowledged, how bad the worst is, and which is the newest that is not muted."""
    worst, now_ms = alerts.worst, utc_ms()
    fires = [one for one in alerts.watch.alerts.values() if one.state == "firing" and one.urgent_since_ms <= now_ms]
    newest = max(fires, key=lambda one: one.urgent_since_ms, default=None)
    return AlertCount(
        alerts.firing,
        "" if worst is None else _TONES[worst],
        0 if newest is None else newest.urgent_since_ms,
        "" if newest is None else f"{headline(newest)}: {newest.text if newest.rigs <= 1 else newest.rule}",
    )


def shared_words(alert: Alert) -> str:
    """What they have in common: `same Sentry: 10.0.0.5, same pool: pool.example:3333`."""
    if alert.rigs <= 1:
        return ""
    return ", ".join(f"same {SHARED_WORDS[what]}: {name}" for what, name in most_telling(alert.shared) if what != "rig")


def row(alert: Alert, now_ms: int) -> AlertRow:
    """With its times in words."""
    ended = alert.ended_ms
    return AlertRow(
        id=alert.id,
        title=headline(alert),
        severity=alert.severity,
        tone=_TONES[alert.severity] if alert.open else "",
        shape=_SHAPES[alert.severity] if alert.open else "dot",
        state=alert.state,
        rule=alert.rule,
        rule_id=alert.rule_id,
        text=alert.text if alert.rigs <= 1 else f"first: {alert.text}",
        shared=shared_words(alert),
        by=alert.by,
        since_iso=iso(alert.started_ms),
        since=ago(alert.started_ms, now_ms),
        lasted=lasted(alert, now_ms),
        ended_iso=iso(ended),
        ended=ago(ended, now_ms),
        ending=alert.ending,
        until="" if alert.until_ms is None else duration(max(alert.until_ms - now_ms, 0) / 1000),
        notes=alert.notes,
        open=alert.open,
        href=f"/alerts/{alert.id}",
    )


async def listing(alerts: Alerts, query: Query) -> dict[str, Any]:
    """Context of the list."""
    now_ms = utc_ms()
    shown = [] if query.state == "resolved" or query.before is not None else alerts.open
    opened = [row(one, now_ms) for one in shown if query.fits(one)]
    old: list[Alert] = []
    if query.state in ("", "resolved"):
        old = await alerts.resolved(PER_PAGE + 1, query.before, query.rule)
    pending = [] if query.state or query.severity or query.rule or query.before else alerts.pending()
    soon = sorted(pending, key=lambda one: one.since_ms)[:MOST_PENDING]
    return {
        "rows": opened[:MOST_OPEN],
        "more_open": max(len(opened) - MOST_OPEN, 0),
        "resolved": [row(one, now_ms) for one in old[:PER_PAGE] if query.fits(one)],
        "older": old[PER_PAGE - 1].id if len(old) > PER_PAGE else None,
        "pending": [member_row(one, lambda _: None, now_ms) for one in soon],
        "more_pending": max(len(pending) - MOST_PENDING, 0),
        "query": query,
        "counts": {"firing": alerts.firing, "open": len(alerts.watch.alerts)},
    }


async def of_alert(
    alerts: Alerts, channels: Channels, automation: Automation, alert_id: int, find_rig: FindRig
) -> dict[str, Any]:
    """Context of an alert's page."""
    alert = await alerts.get(alert_id)
    now_ms = utc_ms()
    members = [member_row(one, find_rig, now_ms) for one in await alerts.members(alert_id)]
    notes = [(iso(one.at_ms), ago(one.at_ms, now_ms), one.who, one.text) for one in reversed(alert.notes)]
    messages = message_rows(await channels.messages(MOST_MESSAGES, alert_id=alert_id), channels)
    rule = alerts.rules.rules.get(alert.rule_id)
    form = None if rule is None or not alert.open else rule.form
    return {
        "alert": row(alert, now_ms),
        "members": members,
        "noun": "Circuit" if any(kind == "circuit" for kind, _ in alert.shared) else "Rig",
        "notes": notes,
        "messages": messages,
        "says": "" if form is None else automation.says(form),
        "too_many": "" if form is None else too_many(alert, form),
        "acts": [act_row(one, find_rig, now_ms) for one in await automation.of_alert(alert_id)],
        "waits": automation.waits(alert_id),
    }


def of_rig(alerts: Alerts, rig_id: int) -> list[MemberRow]:
    """What is in trouble on a rig now."""
    now_ms = utc_ms()
    members = [one for one in alerts.watch.of_rig(rig_id) if one.state == "firing"]
    return [member_row(one, lambda _: None, now_ms) for one in sorted(members, key=lambda one: one.since_ms)]


def firing_lines(alerts: Alerts, most: int = 5) -> tuple[list[AlertRow], int]:
    """The worst alerts that fire, for the overview; and how many more there are."""
    now_ms = utc_ms()
    fires = [one for one in alerts.open if one.state == "firing"]
    return [row(one, now_ms) for one in fires[:most]], max(len(fires) - most, 0)


def member_row(member: Member, find_rig: FindRig, now_ms: int) -> MemberRow:
    """With its times in words."""
    rig = find_rig(member.rig_id)
    return MemberRow(
        name=member.rig_name if rig is None else rig.name,
        href=_href(member, rig, now_ms),
        part=member.part,
        text=member.text,
        state=member.state,
        alert="" if member.alert_id is None else f"/alerts/{member.alert_id}",
        since_iso=iso(member.since_ms),
        since=ago(member.since_ms, now_ms),
        ended="" if member.ended_ms is None else member.ending,
        then_href="" if rig is None else f"{rig.href}?at={member.since_ms}",
    )


def _href(member: Member, rig: Rig | None, now_ms: int) -> str:
    if member.rig_id < FARM:
        return f"/circuits/{circuit_in(member.rig_id)}"
    return "" if rig is None else f"{rig.href}{_charts(member, now_ms)}"


def _charts(member: Member, now_ms: int) -> str:
    """Its charts around that time; while that is now, they move on."""
    if member.ended_ms is None and now_ms - member.since_ms < AROUND_MS:
        return ""
    return around(member.since_ms, member.ended_ms)
