"""Alerts: what is wrong in the farm, found by rules, told to people."""

from __future__ import annotations

from functools import partial

from jinja2 import Environment

from rigfarm.commander.alerts.actions import Alerts, Outbox, Outboxes
from rigfarm.commander.alerts.api import api_routes, settings_routes
from rigfarm.commander.alerts.automation.automation import Automation
from rigfarm.commander.alerts.automation.guards import Guards
from rigfarm.commander.alerts.broadcasts import alerts_changed
from rigfarm.commander.alerts.delivery.channels import Channels
from rigfarm.commander.alerts.delivery.links import AckLinks
from rigfarm.commander.alerts.delivery.pages import page_routes as channel_pages
from rigfarm.commander.alerts.delivery.process import Courier
from rigfarm.commander.alerts.delivery.sender import Sender
from rigfarm.commander.alerts.delivery.windows import Windows
from rigfarm.commander.alerts.engine.farm import FarmView
from rigfarm.commander.alerts.engine.rulebook import RuleBook
from rigfarm.commander.alerts.engine.watch import Watch
from rigfarm.commander.alerts.live import register_live_pages
from rigfarm.commander.alerts.pages import page_routes
from rigfarm.commander.alerts.setup.pages import page_routes as rule_pages
from rigfarm.commander.alerts.view import bell, firing_lines, of_rig
from rigfarm.commander.finds import Hit, matching
from rigfarm.commander.noun import Noun
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.supervised import DATABASE_S, Work
from rigfarm.commander.web.shell import NavItem

__all__ = [
    "AckLinks",
    "Alerts",
    "Automation",
    "Channels",
    "Courier",
    "FarmView",
    "Guards",
    "Outbox",
    "Outboxes",
    "RuleBook",
    "Sender",
    "Watch",
    "Windows",
    "alerts_changed",
    "bell",
    "noun",
]


def noun(
    alerts: Alerts,
    channels: Channels,
    windows: Windows,
    sender: Sender,
    links: AckLinks,
    automation: Automation,
    rigs: Rigs,
    templates: Environment,
) -> Noun:
    """Its door. The overview and the pages of rigs show what fires."""
    templates.globals["firing_alerts"] = partial(firing_lines, alerts)
    templates.globals["alerts_of_rig"] = partial(of_rig, alerts)

    async def load() -> None:
        await channels.load()
        await windows.load()
        await alerts.load()
        await links.load()
        await sender.load()
        await automation.load()

    return Noun(
        routes=[*page_routes, *rule_pages, *channel_pages, api_routes, *settings_routes],
        parts={
            "alerts": alerts,
            "alert_rules": alerts.rules,
            "alert_channels": channels,
            "alert_links": links,
            "alert_windows": windows,
            "alert_automation": automation,
            "alert_sender": sender,
        },
        live_pages=lambda routes: register_live_pages(routes, templates, alerts, channels, windows, automation, rigs),
        work=[
            Work("alerts", alerts.run, DATABASE_S),
            Work("alert messages", sender.run, DATABASE_S),
            Work("actions of alert rules", automation.run, DATABASE_S),
        ],
        load=load,
        finds=lambda text: matching(
            text,
            (Hit(one.form.name, f"/alerts/rules/{one.id}/edit", "alert rule") for one in alerts.rules.rules.values()),
        ),
        nav=[NavItem("alerts", "Alerts", "/alerts", go="b")],
    )
