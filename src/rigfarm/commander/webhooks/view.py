"""What is shown of webhooks, as data."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from rigfarm import units
from rigfarm.commander.names import name_sort
from rigfarm.commander.playbooks.view import ago
from rigfarm.commander.webhooks.actions import Webhooks
from rigfarm.commander.webhooks.model import EVENTS, Delivery, masked
from rigfarm.common.clock import iso, utc_ms

__all__ = ["DeliveryRow", "WebhookRow", "delivery_rows", "listing", "webhook_rows"]

LISTED = 50
_WORDS = {
    "alerts": "alerts",
    "rigs": "rigs",
    "states": "states of rigs",
    "commands": "commands",
    "activity": "activity",
}
_TONES = {"sent": "", "waiting": "warn", "failed": "bad"}


class WebhookRow(Struct, frozen=True):
    """A line of the list."""

    id: int
    name: str
    on: bool
    url: str
    events: str
    waiting: str
    """How many events wait for it; empty where none does."""


class DeliveryRow(Struct, frozen=True):
    """A line of the log."""

    webhook: str
    what: str
    message_id: str
    state: str
    tone: str
    answer: str
    at_iso: str
    at: str


def webhook_rows(webhooks: Webhooks) -> list[WebhookRow]:
    """All, by name."""
    return [
        WebhookRow(
            one.id,
            one.form.name,
            one.form.on,
            masked(one.url),
            ", ".join(_WORDS.get(field, field) for field in dict.fromkeys(EVENTS.values()) if getattr(one.form, field)),
            units.counted(webhooks.waiting(one.id), "event") if webhooks.waiting(one.id) else "",
        )
        for one in sorted(webhooks.webhooks.values(), key=lambda one: name_sort(one.form.name))
    ]


def delivery_rows(deliveries: list[Delivery], names: dict[int, str], now_ms: int) -> list[DeliveryRow]:
    """The log, in its order."""
    return [
        DeliveryRow(
            names.get(one.webhook_id, ""),
            one.kind,
            one.message_id,
            one.state if one.attempts < 2 else f"{one.state}, tried {one.attempts} times",
            _TONES[one.state],
            one.answer,
            iso(one.ended_ms or one.created_ms),
            ago(one.ended_ms or one.created_ms, now_ms),
        )
        for one in deliveries
    ]


async def listing(webhooks: Webhooks) -> dict[str, Any]:
    """Context of the list."""
    names = {one.id: one.form.name for one in webhooks.webhooks.values()}
    deliveries = await webhooks.deliveries(LISTED)
    return {"webhooks": webhook_rows(webhooks), "deliveries": delivery_rows(deliveries, names, utc_ms())}
