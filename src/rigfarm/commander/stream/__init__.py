"""The live stream of the API: rigs, alerts and activity as server-sent events, for other programs."""

from rigfarm.commander.activity import Activity
from rigfarm.commander.alerts import Alerts
from rigfarm.commander.live import Hub
from rigfarm.commander.noun import Noun
from rigfarm.commander.rigs import RigList, Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.stream.actions import Streams
from rigfarm.commander.stream.api import api_routes
from rigfarm.commander.stream.view import ActivityFeed, AlertFeed, RigFeed, RigRows
from rigfarm.commander.supervised import Work

__all__ = ["Streams", "noun"]


def noun(hub: Hub, book: Rigs, stats: OperationalStats, rig_list: RigList, alerts: Alerts, activity: Activity) -> Noun:
    """Its door."""
    rows = RigRows(book, stats)
    streams = Streams(
        {
            "rigs": lambda kind, search: RigFeed(hub, rows, rig_list, kind, search),
            "alerts": lambda _kind, _search: AlertFeed(hub, alerts),
            "activity": lambda _kind, _search: ActivityFeed(hub, activity),
        },
        on_empty=rows.clear,
    )

    async def close() -> None:
        await streams.close()

    return Noun(
        routes=[api_routes],
        parts={"streams": streams},
        work=[Work("live streams", streams.run)],
        close=close,
        closing=streams.end,
    )
