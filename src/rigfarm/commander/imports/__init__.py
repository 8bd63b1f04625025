"""Moving in: files of HiveOS, Awesome Miner and Foreman become a plan, and what it says once it is accepted."""

from rigfarm.commander.auth.changes import ChangeLog
from rigfarm.commander.imports.actions import Imports
from rigfarm.commander.imports.api import api_routes
from rigfarm.commander.imports.pages import page_routes
from rigfarm.commander.imports.planning import Farm
from rigfarm.commander.noun import Noun

__all__ = ["Farm", "Imports", "noun"]


def noun(farm: Farm, change_log: ChangeLog) -> Noun:
    """Its entry point."""
    return Noun(routes=[*page_routes, api_routes], parts={"imports": Imports(farm, change_log)})
