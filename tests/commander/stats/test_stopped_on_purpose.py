"""A rig that an operator paused or shut down is in no trouble, until it should mine again or was not stopped."""

from __future__ import annotations

import time

import pytest

from rigfarm.commander.events import Events, RigToldToStop
from rigfarm.commander.live import Hub
from rigfarm.commander.stats import OperationalStats, remembered
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import OperationalLog, Workload

PAUSED = RigToldToStop(1, paused="paused by an operator")
OFF = RigToldToStop(1, off="shut down by an operator")


def farm() -> tuple[OperationalStats, Events]:
    events = Events()
    stats = OperationalStats(Hub(), events, interval_s=5.0)
    stats.add(1, "asic")
    return stats, events


def says(stats: OperationalStats, hashrate: float) -> str:
    log = stats.rigs[1].log
    t = utc_ms() if log is None else log.t + 1
    stats.receive(1, OperationalLog(t=t, workloads=[Workload(coin="BTC", hashrate=hashrate, state="mining")]))
    return stats.rigs[1].condition.state


@pytest.fixture
def mining() -> tuple[OperationalStats, Events]:
    stats, events = farm()
    stats.link_up(1)
    assert says(stats, 100.0) == "online"
    return stats, events


def test_a_paused_asic_is_stopped(mining: tuple[OperationalStats, Events]) -> None:
    stats, events = mining
    events.publish(PAUSED)
    assert says(stats, 40.0) == "online", "a mean over some minutes goes down slowly"
    assert says(stats, 0.0) == "stopped"
    assert stats.rigs[1].condition.reason == "paused by an operator"
    assert stats.totals["asic"].sick.total() == 0
    events.publish(RigToldToStop(1))
    assert says(stats, 0.0) == "idle", "it should mine again, and does not"


def test_a_pause_that_ended_at_the_device_is_over(mining: tuple[OperationalStats, Events]) -> None:
    stats, events = mining
    events.publish(PAUSED)
    says(stats, 0.0)
    assert says(stats, 100.0) == "online"
    assert says(stats, 0.0) == "idle"


def test_a_pause_that_never_took_effect_hides_nothing(mining: tuple[OperationalStats, Events]) -> None:
    stats, events = mining
    events.publish(PAUSED)
    assert says(stats, 100.0) == "online"
    stats.rigs[1].paused_since -= 301.0
    assert says(stats, 100.0) == "online"
    assert says(stats, 0.0) == "idle", "weeks later it has a fault"


def test_a_rig_that_was_shut_down_is_away_on_purpose(mining: tuple[OperationalStats, Events]) -> None:
    stats, events = mining
    events.publish(OFF)
    stats.link_lost(1)
    stats.tick(time.monotonic() + 5)
    assert (stats.rigs[1].condition.state, stats.rigs[1].condition.severity) == ("offline", 0)
    assert stats.totals["asic"].alive == 0
    stats.link_up(1)
    says(stats, 100.0)
    stats.link_lost(1)
    stats.tick(time.monotonic() + 5)
    assert stats.rigs[1].condition.severity == 2, "that was once"


def test_a_rig_that_did_not_shut_down_is_missed(mining: tuple[OperationalStats, Events]) -> None:
    stats, events = mining
    events.publish(OFF)
    stats.rigs[1].off_since -= 121.0
    says(stats, 100.0)
    stats.link_lost(1)
    stats.tick(time.monotonic() + 5)
    assert stats.rigs[1].condition.severity == 2


@pytest.mark.parametrize("told", [PAUSED, OFF])
def test_it_outlives_a_restart(mining: tuple[OperationalStats, Events], told: RigToldToStop) -> None:
    stats, events = mining
    events.publish(told)
    if told is OFF:
        stats.rigs[1].heard_ms = utc_ms() - 3_600_000
    else:
        says(stats, 0.0)
    after, _ = farm()
    remembered.restore(after, remembered.remember(stats)(), [])
    assert after.rigs[1].condition.severity == 0
    assert after.rigs[1].condition.reason == told.paused + told.off
