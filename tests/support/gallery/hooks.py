"""Made-up webhooks and their deliveries."""

from __future__ import annotations

from typing import Any

from rigfarm.commander.webhooks.model import Delivery, DeliveryState, EventType
from rigfarm.commander.webhooks.view import WebhookRow, delivery_rows

__all__ = ["SECRET", "some_webhooks"]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
_ROWS = (
    WebhookRow(1, "ticket system", True, "https://tickets.example.org/…", "alerts, rigs", ""),
    WebhookRow(2, "night script, hall 2", True, "http://10.0.0.9:8080/…", "states of rigs, commands", "214 events"),
    WebhookRow(3, "audit", False, "https://audit-and-compliance.mining-farm.example.com:8443/…", "activity", ""),
)
_SENT: tuple[tuple[int, EventType, DeliveryState, int, str], ...] = (
    (2, "rig.state_changed", "waiting", 3, "It can't be reached: All connection attempts failed"),
    (1, "alert.firing", "sent", 1, "HTTP 200 ok"),
    (3, "activity.recorded", "failed", 9, "Given up. HTTP 503 <html><body>Service temporarily down</body></html>"),
    (1, "webhook.test", "sent", 1, "HTTP 204"),
)


def some_webhooks(now_ms: int) -> dict[str, Any]:
    """Context of the list."""
    deliveries = [
        Delivery(n, hook, f"msg_{n:032x}", kind, b"", state, tried, said, now_ms - n * 90_000, now_ms)
        for n, (hook, kind, state, tried, said) in enumerate(_SENT, 1)
    ]
    names = {one.id: one.name for one in _ROWS}
    return {"webhooks": _ROWS, "deliveries": delivery_rows(deliveries, names, now_ms)}
