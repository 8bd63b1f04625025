"""A webhook: where events are sent, which ones, and each delivery. Times are UTC milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from rigfarm.commander.fields import form_field
from rigfarm.commander.names import clean_name
from rigfarm.commander.outbound.reach import BadUrlError, check_url
from rigfarm.commander.refusals import Invalid

__all__ = [
    "EVENTS",
    "MAX_URL",
    "Delivery",
    "DeliveryState",
    "EventType",
    "Webhook",
    "WebhookForm",
    "checked_url",
    "masked",
]

MAX_URL = 2_000
DeliveryState = Literal["waiting", "sent", "failed"]
EventType = Literal[
    "alert.firing",
    "alert.escalated",
    "alert.resolved",
    "rig.added",
    "rig.renamed",
    "rig.removed",
    "rig.state_changed",
    "command.ended",
    "activity.recorded",
    "webhook.test",
]


def _check_name(text: str, _: object) -> str:
    return clean_name(text, "A webhook", "ticket system")


class WebhookForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What operators set on a webhook. Its URL and its secret are kept apart."""

    name: Annotated[str, form_field("Name", group="head", check=_check_name, required=True)]
    on: Annotated[bool, form_field("On", group="head")] = True
    lan: Annotated[bool, form_field("In the LAN: the URL has an address of a private network", group="where")] = False
    alerts: Annotated[bool, form_field("Alerts: fired, escalated, resolved", group="what")] = True
    rigs: Annotated[bool, form_field("Rigs: added, renamed, removed", group="what")] = True
    states: Annotated[bool, form_field("States of rigs: online, degraded, offline …", group="what")] = False
    commands: Annotated[bool, form_field("Commands that have a result", group="what")] = False
    activity: Annotated[bool, form_field("Activity: who changed what", group="what")] = False


EVENTS: Mapping[EventType, str] = {
    "alert.firing": "alerts",
    "alert.escalated": "alerts",
    "alert.resolved": "alerts",
    "rig.added": "rigs",
    "rig.renamed": "rigs",
    "rig.removed": "rigs",
    "rig.state_changed": "states",
    "command.ended": "commands",
    "activity.recorded": "activity",
}
"""Which field of the form stands for each."""


class Webhook(Struct, frozen=True):
    """A webhook as it is kept."""

    id: int
    form: WebhookForm
    url: str
    """Often a secret: never shown whole again, and never logged."""
    secret: str
    """What deliveries are signed with: never shown again, and never logged."""
    old_secret: str
    """The one before, until `old_until_ms`: deliveries are signed with both."""
    old_until_ms: int
    revision: int
    updated_ms: int

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Webhook({self.id!r}, {self.form.name!r})"

    def wants(self, kind: EventType) -> bool:
        """Whether it is sent such events."""
        wanted: bool = getattr(self.form, EVENTS[kind])
        return self.form.on and wanted

    def secrets(self, now_ms: int) -> list[str]:
        """Those that are valid now, the newest first."""
        return [self.secret, self.old_secret] if self.old_secret and now_ms < self.old_until_ms else [self.secret]


class Delivery(Struct):
    """One event on its way to a webhook."""

    id: int
    webhook_id: int
    message_id: str
    """The same for each attempt: a receiver that knows it already had the event before."""
    kind: EventType
    body: bytes
    state: DeliveryState
    attempts: int
    answer: str
    """What the receiver answered last, or why it could not be reached."""
    created_ms: int
    due_ms: int
    ended_ms: int | None = None


def checked_url(url: str, *, lan: bool) -> str:
    """A URL that may be sent to. Invalid."""
    url = url.strip()
    if not url or len(url) > MAX_URL:
        raise Invalid("Enter the receiver's URL, for example https://example.org/hooks/rigfarm.", field="url")
    try:
        check_url(url, lan=lan)
    except BadUrlError as error:
        said = str(error).partition(", for example")[0].removesuffix(" Upload the file instead.").rstrip(".")
        raise Invalid(f"{said.replace('from the LAN', 'In the LAN')}.", field="url") from None
    return url


def masked(url: str) -> str:
    """A URL as it may be shown: a path or query is often a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"
