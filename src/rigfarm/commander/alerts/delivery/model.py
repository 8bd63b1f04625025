"""A channel: where alerts are sent, and when; and one message to it. Times are UTC milliseconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from rigfarm.commander.alerts.model import Severity
from rigfarm.commander.fields import form_field
from rigfarm.commander.names import clean_name, clean_time, clean_zone
from rigfarm.commander.numbers import read_decimal, within, write_decimal
from rigfarm.commander.refusals import Invalid
from rigfarm.units import count
from rigfarm.wire.template import TemplateError, names_in

__all__ = [
    "MAX_URL",
    "PLACEHOLDERS",
    "WINDOW",
    "Channel",
    "ChannelForm",
    "Message",
    "MessageState",
    "masked",
    "quiet_until",
]

MAX_URL = 2_000
MAX_TITLE_TEMPLATE = 200
MAX_BODY_TEMPLATE = 2_000
WINDOW = "waits for the end of a maintenance window"
"""Said of a message."""
MessageState = Literal["waiting", "sending", "sent", "failed", "skipped"]
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def _check_name(text: str, _: object) -> str:
    return clean_name(text, "A channel", "Kim's phone")


def _check_until(text: str, form: ChannelForm) -> str:
    until = clean_time(text, form)
    if bool(until) != bool(form.quiet_from.strip()):
        raise Invalid("Quiet hours need both a beginning and an end.")
    return until


PLACEHOLDERS: Mapping[str, str] = {
    "STATE": "the severity; or: still unacknowledged, resolved",
    "WHO": "the rig's name, or how many rigs it is about",
    "WHAT": "what was found, with its numbers; of several rigs: on the first",
    "RULE": "the rule's name",
    "RIGS": "the number of rigs",
    "SHARED": "what they share, such as a Sentry, a pool or a place",
    "LASTED": "for how long",
    "ENDING": "why it was resolved",
    "ALERT_URL": "the alert's page",
    "RIG_URL": "the charts of its rig around that time; empty for several rigs",
    "ACKNOWLEDGE_URL": "a link that acknowledges it without a login, once",
}
"""What a channel's wording may contain, for the page where it is written. None of it is secret but the last, which
every message has."""


def _check_wording(text: str, _: object) -> str:
    lines = [line.rstrip() for line in text.replace("\t", " ").splitlines()]
    if any(_CONTROL.search(line) for line in lines):
        raise Invalid("It contains a control character: remove it.")
    try:
        names = names_in(text)
    except TemplateError as error:
        raise Invalid(f"This can't be used: {error}.") from None
    if unknown := [name for name in names if name not in PLACEHOLDERS]:
        known = ", ".join(f"${name}" for name in PLACEHOLDERS)
        raise Invalid(f"${unknown[0][:40]} is not a placeholder here. There are {known}.")
    return "\n".join(lines).strip()


def _check_length(most: int) -> Callable[[str, object], str]:
    def check(text: str, form: object) -> str:
        if len(text) > most:
            raise Invalid(f"Enter at most {count(most)} characters.")
        return _check_wording(text, form)

    return check


class ChannelForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What operators set on a channel. Its URL is a secret and kept apart."""

    name: Annotated[str, form_field("Name", group="head", check=_check_name, required=True)]
    on: Annotated[bool, form_field("On", group="head")] = True
    lan: Annotated[bool, form_field("In the LAN: the service has an address of a private network", group="where")] = (
        False
    )
    severity: Annotated[
        Severity,
        form_field(
            "Lowest severity",
            group="what",
            choices={"info": "everything", "warning": "warnings and critical ones", "critical": "critical ones only"},
        ),
    ] = "info"
    use: Annotated[
        Literal["alerts", "escalations"],
        form_field(
            "It receives",
            group="what",
            choices={"alerts": "alerts when they fire", "escalations": "only alerts that weren't acknowledged in time"},
        ),
    ] = "alerts"
    resolved: Annotated[bool, form_field("Also say when an alert is resolved", group="what")] = True
    quiet_from: Annotated[
        str, form_field("Quiet from", group="quiet", check=clean_time, max_length=5, placeholder="22:00")
    ] = ""
    quiet_until: Annotated[
        str,
        form_field(
            "Quiet until",
            "What fires meanwhile is sent afterwards, in one message.",
            group="quiet",
            check=_check_until,
            max_length=5,
            placeholder="07:00",
        ),
    ] = ""
    zone: Annotated[
        str, form_field("Time zone", group="quiet", check=clean_zone, max_length=64, placeholder="Europe/Berlin")
    ] = "UTC"
    quiet_critical: Annotated[bool, form_field("Critical alerts are sent in quiet hours, too", group="quiet")] = True
    per_hour: Annotated[
        float,
        form_field(
            "Messages per hour, at most",
            "Further alerts are sent together, every 15 minutes.",
            group="storm",
            check=within(1, 1000, "messages"),
            read=read_decimal,
            write=write_decimal,
            max_length=5,
        ),
    ] = 20.0
    title_template: Annotated[
        str,
        form_field(
            "Title",
            "With placeholders such as $WHO and $WHAT. Empty: as Rigfarm writes it.",
            group="wording",
            check=_check_length(MAX_TITLE_TEMPLATE),
            max_length=MAX_TITLE_TEMPLATE,
            placeholder="[$STATE] $WHO: $WHAT",
        ),
    ] = ""
    body_template: Annotated[
        str,
        form_field(
            "Text",
            "Lines whose placeholders are all empty are left out. Messages about several alerts use the usual wording.",
            group="wording",
            check=_check_length(MAX_BODY_TEMPLATE),
            max_length=MAX_BODY_TEMPLATE,
            rows=5,
        ),
    ] = ""


class Channel(Struct, frozen=True):
    """A channel as it is kept."""

    id: int
    form: ChannelForm
    url: str
    """Secret: never shown whole again, and never logged."""
    revision: int
    updated_ms: int

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Channel({self.id!r}, {self.form.name!r})"


class Message(Struct):
    """What has to be sent about an alert to a channel, or was."""

    id: int
    alert_id: int
    channel_id: int
    what: str
    """`firing`, `again-N`, `escalated`, `resolved`."""
    state: MessageState
    attempts: int
    answer: str
    """What the service answered last, or why nothing was sent."""
    created_ms: int
    due_ms: int
    sent_ms: int | None = None
    link_used_ms: int | None = None


def masked(url: str) -> str:
    """A channel's URL as it may be shown: which kind of service it is."""
    scheme, found, _ = url.partition("://")
    return f"{scheme[:32]}://…" if found else "…"


def quiet_until(form: ChannelForm, now_ms: int) -> int | None:
    """When the channel's quiet hours end, if it has them now."""
    if not form.quiet_from or not form.quiet_until or form.quiet_from == form.quiet_until:
        return None
    zone = ZoneInfo(form.zone)
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    begin, end = time.fromisoformat(form.quiet_from), time.fromisoformat(form.quiet_until)
    clock = now.time().replace(tzinfo=None)
    if not (begin <= clock < end if begin < end else clock >= begin or clock < end):
        return None
    day = now.date() if clock < end else now.date() + timedelta(days=1)
    return int(datetime.combine(day, end, zone).timestamp() * 1000)
