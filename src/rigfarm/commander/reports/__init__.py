"""Reports: what was mined over some days, what the energy cost, and which rigs cost the most hashrate."""

from rigfarm.commander.noun import Noun
from rigfarm.commander.reports.actions import Reports
from rigfarm.commander.reports.api import api_routes
from rigfarm.commander.reports.earnings.api import api_routes as coin_api
from rigfarm.commander.reports.earnings.coins import FETCH_S, Coins
from rigfarm.commander.reports.earnings.pages import page_routes as coin_pages
from rigfarm.commander.reports.pages import page_routes
from rigfarm.commander.reports.schedule.api import api_routes as schedule_api
from rigfarm.commander.reports.schedule.pages import page_routes as schedule_pages
from rigfarm.commander.reports.schedule.schedules import DEADLINE_S, Schedules
from rigfarm.commander.supervised import Work
from rigfarm.commander.web.shell import NavItem

__all__ = ["Coins", "Reports", "Schedules", "noun"]


def noun(reports: Reports, schedules: Schedules) -> Noun:
    """Its door."""

    async def load() -> None:
        await reports.load()
        await schedules.load()

    return Noun(
        routes=[*page_routes, *coin_pages, *schedule_pages, api_routes, coin_api, schedule_api],
        parts={"reports": reports, "report_schedules": schedules},
        load=load,
        work=[
            Work("prices of coins", reports.coins.run, 2 * FETCH_S),
            Work("reports on a schedule", schedules.run, DEADLINE_S),
        ],
        nav=[NavItem("reports", "Reports", "/reports", go="e")],
    )
