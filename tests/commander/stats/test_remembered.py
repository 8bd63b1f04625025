"""A restart shows what was: the latest log of every rig, what is normal for it, and the day's course."""

from __future__ import annotations

import time

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.logs.rows import Row, pack_body, pack_rigs
from rigfarm.commander.stats import OperationalStats, remembered
from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog, Workload


def a_log(t: int, hashrate: float) -> OperationalLog:
    return OperationalLog(t=t, power_w=100.0, workloads=[Workload(coin="XMR", hashrate=hashrate)])


def stats_of(*rigs: int) -> OperationalStats:
    stats = OperationalStats(Hub(), Events(), interval_s=5.0)
    for rig_id in rigs:
        stats.add(rig_id, "cpu-gpu")
    return stats


def test_it_works() -> None:
    now = utc_ms()
    before = stats_of(1, 2, 3)
    for rig_id in (1, 2, 3):
        before.link_up(rig_id)
        before.receive(rig_id, a_log(now - 2000, 100.0 * rig_id))
    before.days["cpu-gpu"].sample(before.totals["cpu-gpu"], time.time())
    state = remembered.remember(before)()
    newer = encode(a_log(now - 1000, 5.0))
    row = Row(pack_rigs([2, 9]), pack_body([newer, newer], {}))

    after = stats_of(1, 2)
    remembered.restore(after, state, [(now - 1000, row)])
    assert {rig.rig_id: rig.log.workloads[0].hashrate for rig in after.rigs.values() if rig.log} == {1: 100.0, 2: 5.0}
    assert after.totals["cpu-gpu"].coins["XMR"].hashrate == 105.0
    assert after.totals["cpu-gpu"].alive == 2, "for the time in which all Sentries return they are believed"
    assert after.days["cpu-gpu"].sparks()["XMR"][-1] == 600.0


def test_a_rig_that_does_not_return_goes_offline() -> None:
    now = utc_ms()
    before = stats_of(1)
    before.link_up(1)
    before.receive(1, a_log(now, 100.0))
    after = stats_of(1)
    remembered.restore(after, remembered.remember(before)(), [])
    after.tick(time.monotonic() + 31.0)
    assert after.rigs[1].condition.state == "offline"
    assert after.totals["cpu-gpu"].coins == {}


def test_an_old_memory_is_shown_as_offline_at_once() -> None:
    before = stats_of(1)
    before.link_up(1)
    before.receive(1, a_log(1000, 100.0))
    before.rigs[1].heard_ms = 1000
    after = stats_of(1)
    remembered.restore(after, remembered.remember(before)(), [])
    assert after.rigs[1].condition.state == "offline"
    assert after.rigs[1].log is not None
