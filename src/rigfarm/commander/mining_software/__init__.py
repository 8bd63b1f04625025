"""Mining software: versions of programs, each with one pinned file that rigs get from the Commander."""

from urllib.parse import urlencode

from jinja2 import Environment

from rigfarm.commander.finds import Hit, matching
from rigfarm.commander.mining_software.actions import MiningSoftware
from rigfarm.commander.mining_software.api import api_routes
from rigfarm.commander.mining_software.live import register_live_pages
from rigfarm.commander.mining_software.model import Kept, Software, SoftwareForm
from rigfarm.commander.mining_software.pages import page_routes
from rigfarm.commander.mining_software.serving import archive_routes
from rigfarm.commander.noun import Noun
from rigfarm.commander.web.shell import NavItem

__all__ = ["Kept", "MiningSoftware", "Software", "SoftwareForm", "noun"]


def noun(book: MiningSoftware, templates: Environment) -> Noun:
    """Its door."""
    return Noun(
        routes=[*page_routes, *archive_routes, api_routes],
        parts={"software": book},
        live_pages=lambda routes: register_live_pages(routes, templates, book),
        load=book.load,
        close=book.close,
        finds=lambda text: matching(
            text,
            (
                Hit(one.title, f"/software?{urlencode({'q': one.title})}", "mining software")
                for one in book.software.values()
            ),
        ),
        nav=[NavItem("software", "Software", "/software", go="s")],
    )
