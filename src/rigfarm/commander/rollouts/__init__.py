"""Roll-outs: a playbook applied in stages, the first rigs watched before the rest is told."""

from jinja2 import Environment
from msgspec.structs import replace

from rigfarm.commander.assignments import Assignments
from rigfarm.commander.assignments.view import summary
from rigfarm.commander.noun import Noun
from rigfarm.commander.playbooks import Playbook, Summary
from rigfarm.commander.rollouts.actions import Rollouts
from rigfarm.commander.rollouts.api import api_routes
from rigfarm.commander.rollouts.live import register_live_pages
from rigfarm.commander.rollouts.model import Rollout, RolloutForm
from rigfarm.commander.rollouts.pages import page_routes
from rigfarm.commander.rollouts.view import section
from rigfarm.commander.supervised import DATABASE_S, Work

__all__ = ["Rollout", "RolloutForm", "Rollouts", "noun", "section", "summary_of"]


def summary_of(playbook: Playbook, assignments: Assignments, rollouts: Rollouts) -> Summary:
    """How a playbook does on its rigs, and its roll-out."""
    active = rollouts.of(playbook.id)
    return replace(summary(playbook, assignments), rollout=None if active is None else (active.id, active.state))


def noun(rollouts: Rollouts, assignments: Assignments, templates: Environment) -> Noun:
    """Its door."""
    return Noun(
        routes=[*page_routes, api_routes],
        parts={"rollouts": rollouts},
        live_pages=lambda routes: register_live_pages(routes, templates, assignments, rollouts),
        work=[Work("roll-outs", rollouts.run, DATABASE_S)],
        load=rollouts.load,
    )
