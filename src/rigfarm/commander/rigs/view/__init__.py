"""What the pages of rigs show, ready for their templates: plain typed fields, numbers already formatted."""

from rigfarm.commander.rigs.view.actions import ACTIONS, Action, actions_of
from rigfarm.commander.rigs.view.charts import ChartData, chart_data, moment, new_points
from rigfarm.commander.rigs.view.coin_units import CoinUnits
from rigfarm.commander.rigs.view.detail import DetailPage, detail_page
from rigfarm.commander.rigs.view.devices import DeviceTable, device_tables
from rigfarm.commander.rigs.view.heat import HeatMap, heat_map
from rigfarm.commander.rigs.view.index import COLUMNS, IndexPage, index_page, pager, waiting_rigs
from rigfarm.commander.rigs.view.join import JoinStep, JoinView, join_steps, join_view
from rigfarm.commander.rigs.view.overview import OverviewPage, overview_page
from rigfarm.commander.rigs.view.rendering import RowRenderer
from rigfarm.commander.rigs.view.row import PATHS, RigRow, coins_of_row, href, row
from rigfarm.commander.rigs.view.state import StateView, state_view
from rigfarm.commander.rigs.view.totals import TotalsView, totals_view

__all__ = [
    "ACTIONS",
    "COLUMNS",
    "PATHS",
    "Action",
    "ChartData",
    "CoinUnits",
    "DetailPage",
    "DeviceTable",
    "HeatMap",
    "IndexPage",
    "JoinStep",
    "JoinView",
    "OverviewPage",
    "RigRow",
    "RowRenderer",
    "StateView",
    "TotalsView",
    "actions_of",
    "chart_data",
    "coins_of_row",
    "detail_page",
    "device_tables",
    "heat_map",
    "href",
    "index_page",
    "join_steps",
    "join_view",
    "moment",
    "new_points",
    "overview_page",
    "pager",
    "row",
    "state_view",
    "totals_view",
    "waiting_rigs",
]
