"""Whatever a page changes, the JSON API changes, too. Both sides are taken from the router: a page that changes
something names its operation here, or says why it has none."""

from __future__ import annotations

import asyncio

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from rigfarm.commander.app import application, build
from rigfarm.commander.auth.scopes import changes_something
from rigfarm.commander.settings import Settings

PAGES = {
    "/addresses": "POST /api/addresses",
    "/addresses/{address_id}": "PATCH /api/addresses/{address_id}",
    "/addresses/{address_id}/remove": "DELETE /api/addresses/{address_id}",
    "/alerts/channels": "POST /api/alert-channels",
    "/alerts/channels/{channel_id}": "PATCH /api/alert-channels/{channel_id}",
    "/alerts/channels/{channel_id}/remove": "DELETE /api/alert-channels/{channel_id}",
    "/alerts/channels/{channel_id}/test": "POST /api/alert-channels/{channel_id}/test",
    "/alerts/rules": "POST /api/alert-rules",
    "/alerts/rules/{rule_id}": "PATCH /api/alert-rules/{rule_id}",
    "/alerts/rules/{rule_id}/remove": "DELETE /api/alert-rules/{rule_id}",
    "/alerts/thresholds": "PATCH /api/thresholds",
    "/alerts/windows": "POST /api/maintenance-windows",
    "/alerts/windows/{window_id}": "PATCH /api/maintenance-windows/{window_id}",
    "/alerts/windows/{window_id}/remove": "DELETE /api/maintenance-windows/{window_id}",
    "/alerts/{alert_id}/acknowledge": "POST /api/alerts/{alert_id}/acknowledge",
    "/alerts/{alert_id}/end": "POST /api/alerts/{alert_id}/end",
    "/alerts/{alert_id}/note": "POST /api/alerts/{alert_id}/notes",
    "/alerts/{alert_id}/snooze": "POST /api/alerts/{alert_id}/snooze",
    "/circuits": "POST /api/circuits",
    "/circuits/{circuit_id}": "PATCH /api/circuits/{circuit_id}",
    "/circuits/{circuit_id}/remove": "DELETE /api/circuits/{circuit_id}",
    "/commands": "POST /api/commands",
    "/commands/{batch}/cancel-rest": "DELETE /api/commands",
    "/commands/{command_id}/cancel": "DELETE /api/commands/{command_id}",
    "/import": "POST /api/imports",
    "/places/fill/{round_id}/put": "PATCH /api/rigs/{rig_id}",
    "/places/rules": "POST /api/placing-rules",
    "/places/rules/plan": "POST /api/placing-rules/apply",
    "/places/rules/{rule_id}": "PATCH /api/placing-rules/{rule_id}",
    "/places/rules/{rule_id}/move": "PUT /api/placing-rules/order",
    "/places/rules/{rule_id}/remove": "DELETE /api/placing-rules/{rule_id}",
    "/playbooks": "POST /api/playbooks",
    "/playbooks/{playbook_id}": "PATCH /api/playbooks/{playbook_id}",
    "/playbooks/{playbook_id}/apply": "POST /api/playbooks/{playbook_id}/apply",
    "/playbooks/{playbook_id}/remove": "DELETE /api/playbooks/{playbook_id}",
    "/playbooks/{playbook_id}/rigs": "POST /api/playbooks/{playbook_id}/stop",
    "/playbooks/{playbook_id}/rollback": "POST /api/playbooks/{playbook_id}/rollback",
    "/playbooks/{playbook_id}/rollouts/{rollout_id}/abort": "POST /api/rollouts/{rollout_id}/abort",
    "/reports/coins/sources": "POST /api/reports/coins/sources",
    "/reports/coins/sources/{source_id}/fetch": "POST /api/reports/coins/sources/{source_id}/fetch",
    "/reports/coins/sources/{source_id}/remove": "DELETE /api/reports/coins/sources/{source_id}",
    "/reports/coins/values": "POST /api/reports/coins/values",
    "/reports/coins/values/{value_id}/remove": "DELETE /api/reports/coins/values/{value_id}",
    "/reports/schedules": "POST /api/reports/schedules",
    "/reports/schedules/{schedule_id}": "PATCH /api/reports/schedules/{schedule_id}",
    "/reports/schedules/{schedule_id}/remove": "DELETE /api/reports/schedules/{schedule_id}",
    "/reports/settings": "PATCH /api/reports/settings",
    "/rigs": "POST /api/rigs",
    "/rigs/labels": "POST /api/rigs/labels",
    "/rigs/maintenance": "POST /api/rigs/maintenance",
    "/rigs/many": "POST /api/rigs/many",
    "/rigs/remove": "POST /api/rigs/remove",
    "/rigs/sheet": "PATCH /api/rigs",
    "/rigs/{rig_id}/name": "PATCH /api/rigs/{rig_id}",
    "/rigs/{rig_id}/remove": "DELETE /api/rigs/{rig_id}",
    "/rigs/{rig_id}/token": "POST /api/rigs/{rig_id}/token",
    "/rigs/{rig_id}/variables": "PATCH /api/rigs/{rig_id}/variables",
    "/scan/place": "PATCH /api/rigs/{rig_id}",
    "/sentry-updates": "POST /api/sentry-updates",
    "/sentry-updates/{update_id}/abort": "POST /api/sentry-updates/{update_id}/abort",
    "/settings/api-keys": "POST /api/keys",
    "/settings/api-keys/{key_id}/revoke": "DELETE /api/keys/{key_id}",
    "/settings/enrolment": "POST /api/enrolment-keys",
    "/settings/enrolment/{key_id}/revoke": "DELETE /api/enrolment-keys/{key_id}",
    "/settings/sessions/end-all": "DELETE /api/logins",
    "/settings/sessions/{name}/end": "DELETE /api/logins/{login_id}",
    "/settings/sessions/{name}/label": "PATCH /api/logins/{login_id}",
    "/settings/webhooks": "POST /api/webhooks",
    "/settings/webhooks/{webhook_id}": "PATCH /api/webhooks/{webhook_id}",
    "/settings/webhooks/{webhook_id}/remove": "DELETE /api/webhooks/{webhook_id}",
    "/settings/webhooks/{webhook_id}/rotate": "POST /api/webhooks/{webhook_id}/secret",
    "/settings/webhooks/{webhook_id}/test": "POST /api/webhooks/{webhook_id}/test",
    "/software": "POST /api/software",
    "/software/{software_id}": "PATCH /api/software/{software_id}",
    "/software/{software_id}/cancel": "DELETE /api/software/{software_id}/fetch",
    "/software/{software_id}/fetch": "POST /api/software/{software_id}/fetch",
    "/software/{software_id}/pin": "POST /api/software/{software_id}/pin",
    "/software/{software_id}/remove": "DELETE /api/software/{software_id}",
    "/software/{software_id}/upload": "PUT /api/software/{software_id}/archive",
    "/views": "POST /api/views",
    "/views/{view_id}": "PATCH /api/views/{view_id}",
    "/views/{view_id}/remove": "DELETE /api/views/{view_id}",
}
"""The path of a page's form -> the operation of the API that does the same. Those of ASICs are those of rigs."""
MORE = {
    "/playbooks/{playbook_id}/apply": {"POST /api/playbooks/{playbook_id}/rollouts"},
    "/playbooks/{playbook_id}/rigs": {
        f"POST /api/playbooks/{{playbook_id}}/{verb}" for verb in ("start", "restart", "take-off")
    },
    "/rigs/maintenance": {"POST /api/rigs/maintenance/end"},
}
"""A form with several buttons: what the others do."""
_WALK = "a person walks along a rack; a program gives the command `locate`, and a place to each rig"
PAGES_ONLY = {
    "/acknowledge/{token}": "the link in a message, for people who are not logged in; a program acknowledges the alert",
    "/login": "a program has a key",
    "/logout": "a program has a key",
    "/places/fill": _WALK,
    "/places/fill/{round_id}/skip": _WALK,
    "/places/fill/{round_id}/{verb}": _WALK,
}
"""What only people do -> why."""


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """`METHOD /path` of every route that changes something."""

    async def built() -> Litestar:
        folder = tmp_path_factory.mktemp("commander")
        async with build(Settings(data_dir=folder, password="correct horse", tls="off")) as commander:
            return application(commander)

    return {
        f"{method} {route.path_format}"
        for route in asyncio.run(built()).routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if changes_something(str(method), handler.opt)
    }


def _pages(changing: set[str]) -> set[str]:
    """Those of browsers; of both kinds of rig once."""
    paths = {one.partition(" ")[2] for one in changing if not one.partition(" ")[2].startswith("/api")}
    return {f"/rigs{path.removeprefix('/asics')}" if path.startswith("/asics") else path for path in paths}


def test_what_a_page_changes_the_api_changes_too(changing: set[str]) -> None:
    """A page that is missing here has to be added, with its operation; an entry without a page has to go."""
    pages = _pages(changing)
    assert pages - PAGES.keys() - PAGES_ONLY.keys() == set()
    assert (PAGES.keys() | PAGES_ONLY.keys()) - pages == set()


def test_those_operations_exist(changing: set[str]) -> None:
    named = set(PAGES.values()).union(*MORE.values())
    assert MORE.keys() <= PAGES.keys()
    assert named - changing == set()
