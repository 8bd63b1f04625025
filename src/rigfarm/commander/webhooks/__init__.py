"""Webhooks: events of the farm, signed and sent to programs of yours."""

from jinja2 import Environment

from rigfarm.commander.noun import Noun
from rigfarm.commander.supervised import DATABASE_S, Work
from rigfarm.commander.webhooks.actions import Webhooks
from rigfarm.commander.webhooks.api import api_routes
from rigfarm.commander.webhooks.collecting.collector import Collector
from rigfarm.commander.webhooks.delivery.sender import Sender
from rigfarm.commander.webhooks.live import register_live_pages
from rigfarm.commander.webhooks.pages import page_routes

__all__ = ["Collector", "Sender", "Webhooks", "noun"]


def noun(webhooks: Webhooks, collector: Collector, sender: Sender, templates: Environment) -> Noun:
    """Its door."""

    async def load() -> None:
        await webhooks.load()
        await collector.load()

    return Noun(
        routes=[*page_routes, api_routes],
        parts={"webhooks": webhooks},
        live_pages=lambda routes: register_live_pages(routes, templates, webhooks),
        work=[
            Work("events for webhooks", collector.run, DATABASE_S),
            Work("webhooks", sender.run, DATABASE_S),
        ],
        load=load,
        close=collector.close,
    )
