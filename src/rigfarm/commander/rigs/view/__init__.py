"""What the pages of rigs show, ready for their templates: plain typed fields, numbers already formatted."""

from rigfarm.commander.rigs.view.actions import ACTIONS, Action, actions_of
from rigfarm.commander.rigs.view.charts import (
    ChartData,
    Mark,
    chart_data,
    compared,
    farm_course,
    marks_of,
    moment,
    new_points,
    no_charts,
    rig_course,
    values_of_moment,
    values_of_totals,
    with_latest,
)
from rigfarm.commander.rigs.view.coin_units import CoinUnits
from rigfarm.commander.rigs.view.columns import arranged
from rigfarm.commander.rigs.view.detail import DetailPage, detail_page
from rigfarm.commander.rigs.view.devices import DeviceTable, device_tables
from rigfarm.commander.rigs.view.heat import HeatMap, heat_map
from rigfarm.commander.rigs.view.index import COLUMNS, IndexPage, index_page, pager, waiting_rigs
from rigfarm.commander.rigs.view.join import JoinStep, JoinView, join_steps, join_view
from rigfarm.commander.rigs.view.overview import OverviewPage, overview_page
from rigfarm.commander.rigs.view.ranges import Asked, RangeView, page_range, range_view
from rigfarm.commander.rigs.view.rendering import RowRenderer
from rigfarm.commander.rigs.view.row import RigRow, coins_of_row, row
from rigfarm.commander.rigs.view.several import several_rigs
from rigfarm.commander.rigs.view.sparks import RowSparks
from rigfarm.commander.rigs.view.state import StateView, state_view
from rigfarm.commander.rigs.view.totals import TotalsView, totals_view

__all__ = [
    "ACTIONS",
    "COLUMNS",
    "Action",
    "Asked",
    "ChartData",
    "CoinUnits",
    "DetailPage",
    "DeviceTable",
    "HeatMap",
    "IndexPage",
    "JoinStep",
    "JoinView",
    "Mark",
    "OverviewPage",
    "RangeView",
    "RigRow",
    "RowRenderer",
    "RowSparks",
    "StateView",
    "TotalsView",
    "actions_of",
    "arranged",
    "chart_data",
    "coins_of_row",
    "compared",
    "detail_page",
    "device_tables",
    "farm_course",
    "heat_map",
    "index_page",
    "join_steps",
    "join_view",
    "marks_of",
    "moment",
    "new_points",
    "no_charts",
    "overview_page",
    "page_range",
    "pager",
    "range_view",
    "rig_course",
    "row",
    "several_rigs",
    "state_view",
    "totals_view",
    "values_of_moment",
    "values_of_totals",
    "waiting_rigs",
    "with_latest",
]
