"""Playbooks: what the farm's CPU/GPU rigs mine, in revisions, applied to rigs at once or in stages."""

from collections.abc import Sequence

from jinja2 import Environment

from rigfarm.commander.events import Events
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.noun import Noun
from rigfarm.commander.playbooks import pages, pages_apply, pages_rig, regions
from rigfarm.commander.playbooks.api import api_routes
from rigfarm.commander.playbooks.api_rigs import api_rig_routes
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.consoles import Consoles
from rigfarm.commander.playbooks.form import PlaybookForm, WorkloadForm
from rigfarm.commander.playbooks.model import Assignment, Playbook, PlaybookContent, Revision
from rigfarm.commander.playbooks.rollouts import Rollouts
from rigfarm.commander.playbooks.source import PlaybookSource
from rigfarm.commander.supervised import DATABASE_S, Work
from rigfarm.commander.web.shell import NavItem
from rigfarm.wire.frames import Console, RigPlaybooks

__all__ = [
    "Assignment",
    "Consoles",
    "Playbook",
    "PlaybookBook",
    "PlaybookContent",
    "PlaybookForm",
    "Revision",
    "Rollouts",
    "WorkloadForm",
    "noun",
]


def noun(book: PlaybookBook, rollouts: Rollouts, consoles: Consoles, events: Events, templates: Environment) -> Noun:
    """Its door."""

    async def load() -> None:
        await book.load()
        await rollouts.load()

    def removal_effect(rig_ids: Sequence[int]) -> str:
        running = sum(len(book.assignments.of_rig(rig_id)) for rig_id in rig_ids)
        return "" if not running else "1 playbook stops." if running == 1 else f"{running:,} playbooks stop."

    def statuses(rig_id: int, frame: RigPlaybooks) -> None:
        book.heard(rig_id, frame.statuses)

    def live_pages(routes: PageRoutes) -> None:
        regions.register_live_pages(routes, templates, book, rollouts)
        pages_rig.register_live_consoles(routes, templates, book, consoles)

    return Noun(
        routes=[
            *pages.page_routes,
            *pages_apply.apply_routes,
            *pages_rig.rig_routes,
            api_routes,
            api_rig_routes,
        ],
        parts={"playbooks": book, "rollouts": rollouts, "consoles": consoles},
        live_pages=live_pages,
        link_handlers={RigPlaybooks: statuses, Console: consoles.receive},
        source=PlaybookSource(events, book, consoles),
        removal_effect=removal_effect,
        work=[Work("roll-outs", rollouts.run, DATABASE_S), Work("consoles", consoles.run)],
        load=load,
        nav=[NavItem("playbooks", "Playbooks", "/playbooks", go="p")],
    )
