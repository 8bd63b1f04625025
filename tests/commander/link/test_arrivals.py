"""Of many logs of a rig in one turn of the loop the newest is what its row and the totals show."""

from __future__ import annotations

import asyncio

import pytest

from rigfarm.commander.channels import operation_stats_index
from rigfarm.commander.events import Events
from rigfarm.commander.link.arrivals import Arrivals
from rigfarm.commander.live import Event, Hub
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats import OperationalStats
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import OperationalLog
from support.load import a_log

NOW = utc_ms()


class Farm:
    """Two rigs that are up, and somebody who looks at their rows."""

    def __init__(self) -> None:
        hub, events = Hub(), Events()
        self.stats = OperationalStats(hub, events, 5.0)
        self.book = Rigs(None, hub, events)  # type: ignore[arg-type]
        self.arrivals = Arrivals(self.book, self.stats)
        self.told: list[object] = []
        for rig_id in (1, 2):
            self.book.put(Rig(rig_id, f"rig-{rig_id}", "cpu-gpu", NOW), rig_id.to_bytes(32, "big"))
            self.stats.add(rig_id, "cpu-gpu")
            self.stats.link_up(rig_id)
        hub.subscribe(self, operation_stats_index("cpu-gpu"), {1, 2})

    def deliver(self, channel: str, key: object, event: Event, payload: object) -> None:
        self.told.append(key)

    def channel_closed(self, channel: str) -> None:
        raise AssertionError(channel)


async def test_the_newest_counts_whatever_the_order_of_arrival() -> None:
    farm = Farm()
    for age in (300, 100, 200):
        farm.arrivals.add(1, a_log(1, NOW - age))
    farm.arrivals.add(2, a_log(2, NOW))
    assert farm.stats.rigs[1].log is None
    await asyncio.sleep(0)
    log = farm.stats.rigs[1].log
    assert log is not None
    assert log.t == NOW - 100
    assert farm.told == [1, 2], "each row once"
    assert farm.book.said._first == {1, 2}


async def test_every_turn_is_heard_and_a_rig_that_was_removed_is_no_matter() -> None:
    farm = Farm()
    for t in (NOW, NOW + 1, NOW + 2):
        farm.arrivals.add(1, a_log(1, t))
        farm.arrivals.add(3, a_log(3, t))
        await asyncio.sleep(0)
    assert farm.told == [1, 1, 1]
    farm.arrivals.add(1, a_log(1, NOW + 3))
    farm.arrivals.hand_on()
    assert farm.told == [1, 1, 1, 1], "at once, where somebody asks for the state of this moment"


async def test_a_log_that_breaks_the_stats_costs_no_other_rig_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this rigs that report are shown offline because of another one's log."""
    farm = Farm()
    receive = farm.stats.receive

    def fragile(rig_id: int, log: OperationalLog) -> bool:
        if rig_id == 1:
            raise OverflowError("cannot convert float infinity to integer")
        return receive(rig_id, log)

    monkeypatch.setattr(farm.stats, "receive", fragile)
    farm.arrivals.add(1, a_log(1, NOW))
    farm.arrivals.add(2, a_log(2, NOW))
    await asyncio.sleep(0)
    assert farm.stats.rigs[1].log is None
    assert farm.stats.rigs[2].log is not None
