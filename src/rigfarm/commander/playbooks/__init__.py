"""Playbooks: what the farm's CPU/GPU rigs may mine, in revisions."""

from jinja2 import Environment

from rigfarm.commander.finds import Hit, matching
from rigfarm.commander.noun import Noun
from rigfarm.commander.playbooks.actions import Playbooks
from rigfarm.commander.playbooks.api import api_routes
from rigfarm.commander.playbooks.content.form import PlaybookForm, WorkloadForm
from rigfarm.commander.playbooks.live import register_live_pages
from rigfarm.commander.playbooks.model import Playbook, PlaybookContent, Revision
from rigfarm.commander.playbooks.pages import page_routes
from rigfarm.commander.playbooks.view import PlaybookViews, Summary
from rigfarm.commander.web.shell import NavItem

__all__ = [
    "Playbook",
    "PlaybookContent",
    "PlaybookForm",
    "PlaybookViews",
    "Playbooks",
    "Revision",
    "Summary",
    "WorkloadForm",
    "noun",
]


def noun(playbooks: Playbooks, views: PlaybookViews, templates: Environment) -> Noun:
    """Its door."""
    return Noun(
        routes=[*page_routes, api_routes],
        parts={"playbooks": playbooks, "playbook_views": views},
        live_pages=lambda routes: register_live_pages(routes, templates, views),
        load=playbooks.load,
        finds=lambda text: matching(
            text, (Hit(one.name, f"/playbooks/{one.id}", "playbook") for one in playbooks.playbooks.values())
        ),
        nav=[NavItem("playbooks", "Playbooks", "/playbooks", go="p")],
    )
