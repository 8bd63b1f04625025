"""The API of Mining Rig Monitor, version 1: its agents report to this Commander as they are. Nothing else knows of it.

An agent is a Sentry to the rest of the Commander: its requests become frames of a link of its own.
"""

from rigfarm.commander.assignments import Assignments
from rigfarm.commander.auth import RateLimit
from rigfarm.commander.events import Events
from rigfarm.commander.legacy.actions import Agents
from rigfarm.commander.legacy.api import api_routes
from rigfarm.commander.link.registry import Links
from rigfarm.commander.noun import Noun
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Work

__all__ = ["noun"]


def noun(links: Links, storage: Storage, events: Events, assignments: Assignments, bad_tokens: RateLimit) -> Noun:
    """Its entry point."""
    agents = Agents(links, storage, events, assignments, bad_tokens)
    return Noun(
        routes=api_routes,
        parts={"agents": agents},
        work=[Work("older agents", agents.run)],
        load=agents.switches.load,
    )
