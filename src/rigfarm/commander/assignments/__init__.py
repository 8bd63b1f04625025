"""Assignments: which rig shall run which revision of which playbook, and how it does."""

from collections.abc import Sequence

from jinja2 import Environment

from rigfarm.commander.assignments.actions import Assignments
from rigfarm.commander.assignments.api import api_routes
from rigfarm.commander.assignments.console.consoles import Consoles
from rigfarm.commander.assignments.console.pages import console_page, register_live_consoles
from rigfarm.commander.assignments.model import Assignment
from rigfarm.commander.assignments.pages import page_routes
from rigfarm.commander.assignments.sent import AssignmentSource, assigned_to
from rigfarm.commander.assignments.status.presence import is_away
from rigfarm.commander.assignments.status.statuses import Statuses
from rigfarm.commander.assignments.store import Assigned
from rigfarm.commander.assignments.view import RigPanels, section
from rigfarm.commander.events import Events
from rigfarm.commander.noun import Noun
from rigfarm.commander.supervised import Work
from rigfarm.units import counted
from rigfarm.wire.frames import Console, RigPlaybooks

__all__ = [
    "Assigned",
    "Assignment",
    "Assignments",
    "Consoles",
    "RigPanels",
    "Statuses",
    "assigned_to",
    "is_away",
    "noun",
    "section",
]


def noun(assignments: Assignments, consoles: Consoles, events: Events, templates: Environment) -> Noun:
    """Its door."""
    assigned = assignments.assigned

    def removal_effect(rig_ids: Sequence[int]) -> str:
        running = sum(len(assigned.of_rig(rig_id)) for rig_id in rig_ids)
        return "" if not running else f"{counted(running, 'playbook')} {'stops' if running == 1 else 'stop'}."

    def rename_effect(rig_id: int) -> str:
        if not assignments.restarts_when_renamed(rig_id):
            return ""
        return (
            "Its mining program restarts, and pools see it as another worker. To keep the worker's name, first set the "
            "variable WORKER_NAME on the rig's page."
        )

    return Noun(
        routes=[*page_routes, console_page, api_routes],
        parts={"assignments": assignments, "consoles": consoles},
        live_pages=lambda routes: register_live_consoles(routes, templates, assignments, consoles),
        link_handlers={
            RigPlaybooks: lambda rig_id, frame: assignments.receive(rig_id, frame.statuses),
            Console: consoles.receive,
        },
        source=AssignmentSource(events, assignments, consoles),
        removal_effect=removal_effect,
        rename_effect=rename_effect,
        work=[Work("consoles", consoles.run)],
        load=assignments.load,
    )
