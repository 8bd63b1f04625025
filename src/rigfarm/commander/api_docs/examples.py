"""An example of every request with a body. From top to bottom they are one story, and a test carries it out on an empty
Commander: a farm is set up, run, reported on and cleaned up."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example, Operation, RequestBody
from litestar.routes import HTTPRoute

__all__ = ["EXAMPLES", "show_examples"]

Body: TypeAlias = dict[str, Any]

EXAMPLES: dict[str, Body] = {
    "POST /api/keys": {"name": "dashboard", "scopes": ["read"], "expires_in_s": 2_592_000},
    "PATCH /api/logins/{login_id}": {"label": "Kim's phone"},
    "POST /api/enrolment-keys": {"name": "hall 2", "hours": 24},
    "POST /api/rigs": {"name": "rig-01", "kind": "cpu-gpu"},
    "POST /api/rigs/many": {"names": ["rig-02", "rig-03", "rig-04"], "kind": "cpu-gpu"},
    "POST /api/enrol": {"rigs": [{"name": "s19-01", "kind": "asic", "mac": "02:a5:1c:00:00:01"}]},
    "POST /api/rigs/with-api-codes": {
        "rigs": [{"name": "old-01", "api_code": "0123456789abcdef", "kind": "cpu-gpu"}],
    },
    "PATCH /api/rigs/{rig_id}": {"name": "rig-01", "place": "hall-2/rack-1", "tags": ["solar"]},
    "PATCH /api/rigs": {"rigs": [{"id": 2, "name": "rig-2"}, {"id": 3, "tags": ["old"], "revision": 1}]},
    "POST /api/rigs/labels": {"filter": {"q": "-place:hall-2"}, "place": "hall-1", "add_tags": ["new"]},
    "POST /api/circuits": {"name": "PDU-3", "limit_w": 3680, "places": ["hall-2/rack-1", "hall-2/rack-2"]},
    "PATCH /api/circuits/{circuit_id}": {"continuous": 0.75},
    "POST /api/circuits/forecast": {"filter": {"q": "circuit:PDU-3"}},
    "PUT /api/rigs/{rig_id}/maintenance": {"reason": "new fans"},
    "POST /api/rigs/maintenance": {"filter": {"q": "place:hall-1"}, "reason": "breaker"},
    "POST /api/rigs/maintenance/end": {"filter": {"q": "place:hall-1"}},
    "POST /api/views": {"kind": "cpu-gpu", "name": "Hot ones", "search": "q=temp>80&sort=-hottest"},
    "PATCH /api/views/{view_id}": {"search": "q=temp>85&sort=-hottest"},
    "POST /api/placing-rules": {
        "name": "racks of hall 1",
        "pattern": "rig-{slot:number}",
        "place": "hall-1/rack-1/slot-{slot}",
        "tags": ["air-cooled"],
    },
    "PATCH /api/placing-rules/{rule_id}": {"address": "10.1.2.0/24", "revision": 1},
    "PUT /api/placing-rules/order": {"rules": [1]},
    "POST /api/placing-rules/trial": {"name": "by address", "address": "10.1.{rack}.*", "place": "hall-1/rack-{rack}"},
    "POST /api/placing-rules/plan": {"which": "without-place"},
    "POST /api/placing-rules/apply": {
        "which": "without-place",
        "digest": "445959ed749e2bdbaff287c7cc3e5f6a0aa87474d43aa683b9935ab6b42eefb2",
    },
    "POST /api/addresses": {
        "name": "My pool",
        "kind": "pool",
        "coin": "XMR",
        "urls": ["stratum+ssl://pool.example:3333"],
    },
    "PATCH /api/addresses/{address_id}": {
        "urls": ["stratum+ssl://pool.example:3333", "stratum+ssl://backup.example:3333"],
    },
    "POST /api/software": {
        "name": "Xmrig",
        "version": "6.22.2",
        "executable": "xmrig",
        "adapter": "xmrig",
        "devices": "cpu",
    },
    "PATCH /api/software/{software_id}": {"notes": "needs huge pages"},
    "POST /api/software/{software_id}/pin": {"sha256": "0" * 64},
    "POST /api/playbooks": {
        "name": "XMR on CPUs",
        "software_id": 1,
        "template": "-o $CPU_POOL",
        "workloads": [{"slot": "cpu", "coin": "XMR", "algorithm": "rx/0", "pool_id": 1}],
    },
    "PATCH /api/playbooks/{playbook_id}": {"notes": "winter only", "revision": 1},
    "POST /api/playbooks/{playbook_id}/plan": {"filter": {"q": "place:hall-2/*"}},
    "POST /api/playbooks/{playbook_id}/apply": {"rigs": [1]},
    "POST /api/playbooks/{playbook_id}/stop": {"rigs": [1]},
    "POST /api/playbooks/{playbook_id}/start": {"rigs": [1]},
    "POST /api/playbooks/{playbook_id}/restart": {"rigs": [1]},
    "POST /api/playbooks/{playbook_id}/rollback": {"revision": 1},
    "PATCH /api/rigs/{rig_id}/variables": {"THREADS": "12"},
    "POST /api/playbooks/{playbook_id}/rollouts": {
        "filter": {},
        "rollout": {"first": [1], "watch_minutes": 15, "tolerance": 0.05},
    },
    "POST /api/rollouts/{rollout_id}/abort": {"put_back": True},
    "POST /api/playbooks/{playbook_id}/take-off": {"rigs": [1]},
    "POST /api/commands": {"filter": {}, "command": {"type": "reboot"}, "pace": {"at_once": 10, "pause_s": 30}},
    "POST /api/sentry-updates": {"filter": {}, "update": {"first": 1, "at_once": 20}},
    "PATCH /api/reports/settings": {"zone": "Europe/Berlin", "currency": "EUR", "prices": "Sat,Sun 0.19\n0.24"},
    "POST /api/reports/coins/values": {"coin": "XMR", "what": "price", "amount": 168.5, "day": "2026-01-31"},
    "POST /api/reports/coins/sources": {
        "coin": "XMR",
        "what": "price",
        "url": "https://prices.example/api/xmr",
        "path": "data.price",
    },
    "PATCH /api/thresholds": {"gpu_warn": 75, "gpu_bad": 85},
    "POST /api/alert-rules": {"kind": "offline", "form": {"name": "Hall 2 offline", "severity": "critical"}},
    "PATCH /api/alert-rules/{rule_id}": {"form": {"on": False}},
    "POST /api/alert-channels": {"name": "Night shift", "url": "json://alerts.example/hook", "severity": "critical"},
    "PATCH /api/alert-channels/{channel_id}": {"quiet_from": "22:00", "quiet_until": "06:00", "zone": "Europe/Berlin"},
    "POST /api/maintenance-windows": {
        "name": "Cleaning",
        "repeats": "weekly",
        "days": "Mon",
        "begins": "09:00",
        "ends": "11:00",
        "q": "place:hall-1",
    },
    "PATCH /api/maintenance-windows/{window_id}": {"ends": "12:00"},
    "POST /api/alerts/{alert_id}/snooze": {"minutes": 60},
    "POST /api/alerts/{alert_id}/notes": {"text": "fan ordered"},
    "POST /api/reports/schedules": {"every": "week", "at": "07:00", "channel": 1},
    "PATCH /api/reports/schedules/{schedule_id}": {"at": "08:00", "filter": "tag:solar"},
    "POST /api/webhooks": {"name": "Tickets", "url": "https://tickets.example/rigfarm", "states": True},
    "PATCH /api/webhooks/{webhook_id}": {"activity": True},
    "POST /api/rigs/remove": {"filter": {"q": "tag:new"}},
}
"""By method and path."""


def show_examples(app: Litestar) -> None:
    """Add them to the documentation."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                body = EXAMPLES.get(f"{method} {route.path_format}")
                if body is not None:
                    _show(handler, body)


def _show(handler: HTTPRouteHandler, body: Body) -> None:
    kind = handler.operation_class

    def operation(**fields: Any) -> Operation:
        made = kind(**fields)
        for media in made.request_body.content.values() if isinstance(made.request_body, RequestBody) else ():
            media.examples = {"example": Example(value=body)}
        return made

    handler.operation_class = operation  # type: ignore[assignment]  # it is called, and nothing else
