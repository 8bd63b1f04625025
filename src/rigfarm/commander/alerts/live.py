"""What keeps open pages of alerts fresh."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander.alerts.actions import Alerts
from rigfarm.commander.alerts.automation.automation import Automation
from rigfarm.commander.alerts.broadcasts import CHANNEL, SETTINGS
from rigfarm.commander.alerts.delivery.channels import Channels
from rigfarm.commander.alerts.delivery.pages import channels_listing
from rigfarm.commander.alerts.delivery.windows import Windows
from rigfarm.commander.alerts.setup.pages import rules_listing
from rigfarm.commander.alerts.view import Query, listing, of_alert
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.refusals import Absent, NotUnderstood
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.web.region_page import GoneError, RegionPage

__all__ = ["register_live_pages"]


def register_live_pages(
    routes: PageRoutes,
    templates: Environment,
    alerts: Alerts,
    channels: Channels,
    windows: Windows,
    automation: Automation,
    rigs: Rigs,
) -> None:
    """The list, each alert, rules and channels."""

    def index(_: Mapping[str, str], params: Mapping[str, str]) -> RegionPage | None:
        try:
            query = Query.parse(params)
        except NotUnderstood:
            return None

        async def regions() -> dict[str, str]:
            return {"alerts": templates.get_template("alert_list.html").render(**await listing(alerts, query))}

        return RegionPage([CHANNEL], regions)

    def one(path: Mapping[str, str], _: Mapping[str, str]) -> RegionPage:
        alert_id = int(path["id"])

        async def regions() -> dict[str, str]:
            try:
                context = await of_alert(alerts, channels, automation, alert_id, rigs.rigs.get)
            except Absent:
                raise GoneError("/alerts", "This alert is too old and was deleted.") from None
            return {"alert": templates.get_template("alert_body.html").render(**context)}

        return RegionPage([CHANNEL], regions)

    def rules(_: Mapping[str, str], __: Mapping[str, str]) -> RegionPage:
        async def regions() -> dict[str, str]:
            context = rules_listing(alerts.rules, channels, automation)
            return {"alert-rules": templates.get_template("alert_rules_list.html").render(**context)}

        return RegionPage([SETTINGS], regions)

    def sent(_: Mapping[str, str], __: Mapping[str, str]) -> RegionPage:
        async def regions() -> dict[str, str]:
            context = await channels_listing(channels, windows)
            return {"alert-channels": templates.get_template("alert_channels_list.html").render(**context)}

        return RegionPage([SETTINGS, CHANNEL], regions)

    routes.add(r"/alerts", index)
    routes.add(r"/alerts/rules", rules)
    routes.add(r"/alerts/channels", sent)
    routes.add(r"/alerts/(?P<id>\d{1,10})", one)
