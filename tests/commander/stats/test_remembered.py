"""A restart shows what was: the latest log of every rig, what is normal for it, and the day's course."""

from __future__ import annotations

import time

import msgspec

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.logs.rows import Row, pack_body, pack_rigs
from rigfarm.commander.stats import OperationalStats, remembered
from rigfarm.commander.stats.normal import Normal
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


HOUR_MS = 3_600_000


def test_what_is_normal_is_so_after_a_restart() -> None:
    """Otherwise a rig that lost half its cards looks fine for an hour after every restart of the Commander."""
    now = utc_ms()
    before = stats_of(1)
    before.link_up(1)
    before.rigs[1].normal = {"XMR": Normal(hours=[100.0], value=100.0)}
    before.receive(1, a_log(now - 1000, 100.0))
    after = stats_of(1)
    remembered.restore(after, remembered.remember(before)(), [])
    assert after.rigs[1].condition.state == "online"
    after.link_up(1)
    after.receive(1, a_log(now, 40.0))
    assert after.rigs[1].condition.state == "degraded"


def test_since_when_outlives_a_restart() -> None:
    """Otherwise every restart makes all troubles look new, and the order by age is lost."""
    now = utc_ms()
    before = stats_of(1)
    before.link_up(1)
    before.receive(1, a_log(now - 1000, 100.0))
    before.rigs[1].since_ms = now - 5 * HOUR_MS
    after = stats_of(1)
    remembered.restore(after, remembered.remember(before)(), [])
    assert after.rigs[1].since_ms == now - 5 * HOUR_MS


def test_since_when_outlives_an_update_from_a_version_that_kept_no_state() -> None:
    now = utc_ms()
    old = remembered._RigMemory(1, a_log(now - 1000, 100.0), now - 1000, now - 5 * HOUR_MS, {})
    parts = [msgspec.msgpack.encode([old])]
    after = stats_of(1)
    remembered.restore(after, msgspec.msgpack.encode(remembered._Memory(parts, msgspec.msgpack.encode({}))), [])
    assert after.rigs[1].since_ms == now - 5 * HOUR_MS


def test_a_rig_that_is_offline_after_a_restart_is_so_since_its_last_log() -> None:
    """It has not been offline since it came online, which is what was remembered."""
    now = utc_ms()
    before = stats_of(1)
    before.link_up(1)
    before.receive(1, a_log(now - HOUR_MS, 100.0))
    before.rigs[1].since_ms = now - 5 * HOUR_MS
    before.rigs[1].heard_ms = now - HOUR_MS
    after = stats_of(1)
    remembered.restore(after, remembered.remember(before)(), [])
    assert (after.rigs[1].condition.state, after.rigs[1].since_ms) == ("offline", now - HOUR_MS)
    again = stats_of(1)
    remembered.restore(again, remembered.remember(after)(), [])
    assert again.rigs[1].since_ms == now - HOUR_MS


def test_what_happened_outlives_restarts() -> None:
    """What went wrong at night is not forgotten because the Commander was updated in the morning."""
    now = utc_ms()
    before = stats_of(1)
    before.link_up(1)
    before.receive(1, a_log(now - 2000, 100.0))
    before.receive(1, OperationalLog(t=now - 1000))
    was = [(one.state, one.reason) for one in before.rigs[1].happenings]
    assert was == [("online", ""), ("idle", "no mining program is running")]
    state = remembered.remember(before)()
    for _ in range(3):
        after = stats_of(1)
        remembered.restore(after, state, [])
        assert [(one.state, one.reason) for one in after.rigs[1].happenings] == was, "a restart is no event of the rig"
        state = remembered.remember(after)()
    after.tick(time.monotonic() + 31.0)
    assert [one.state for one in after.rigs[1].happenings] == ["online", "idle", "offline"]


def test_of_many_events_the_latest_are_kept() -> None:
    now = utc_ms()
    before = stats_of(1)
    before.link_up(1)
    for second in range(60):
        log = (
            a_log(now - 60_000 + 1000 * second, 100.0) if second % 2 else OperationalLog(t=now - 60_000 + 1000 * second)
        )
        before.receive(1, log)
    before.rigs[1].heard_ms = now - HOUR_MS
    after = stats_of(1)
    remembered.restore(after, remembered.remember(before)(), [])
    assert len(after.rigs[1].happenings) == 20
    assert after.rigs[1].happenings[-1].state == "offline"


def test_an_old_log_that_came_late_is_not_the_latest_after_a_restart() -> None:
    """A Sentry that drains its backlog sends old logs after new ones: the row that came last has an older one."""
    now = utc_ms()
    before = stats_of(1, 2)
    for rig_id in (1, 2):
        before.link_up(rig_id)
        before.receive(rig_id, a_log(now - 1000, 10.0 * rig_id))
    state = remembered.remember(before)()
    backlog = encode(a_log(now - 60_000, 1.0))
    after = stats_of(1, 2)
    remembered.restore(after, state, [(now, Row(pack_rigs([1, 2]), pack_body([backlog, backlog], {})))])
    assert {rig.rig_id: rig.log.workloads[0].hashrate for rig in after.rigs.values() if rig.log} == {1: 10.0, 2: 20.0}


def test_what_cannot_be_read_costs_no_other_rig_its_latest_log() -> None:
    """A log that an older version took, a rig of which the snapshot is damaged: the others are shown all the same."""
    now = utc_ms()
    rows = [
        Row(pack_rigs([1, 2, 3]), pack_body([encode(a_log(now - 500, 10.0)), b"\xff", encode(a_log(now, 30.0))], {}))
    ]
    after = stats_of(1, 2, 3)
    assert remembered.restore(after, b"", [(now, row) for row in rows]) == []
    assert {rig.rig_id: rig.log.workloads[0].hashrate for rig in after.rigs.values() if rig.log} == {1: 10.0, 3: 30.0}
    assert after.rigs[1].heard_ms == now
    state = remembered.remember(after)()
    for damaged in (b"\xff", state[: len(state) // 2]):
        again = stats_of(1, 2, 3)
        (why,) = remembered.restore(again, damaged, [(now, row) for row in rows])
        assert why.startswith("state: ")
        assert again.rigs[3].log is not None


def test_of_a_rig_that_waits_nothing_is_remembered_and_of_many_all_is() -> None:
    now = utc_ms()
    before = stats_of(*range(1, 604))
    for rig_id in range(1, 602):
        before.receive(rig_id, a_log(now, float(rig_id)))
    after = stats_of(*range(1, 604))
    assert remembered.restore(after, remembered.remember(before)(), []) == []
    assert {one.rig_id: one.log.workloads[0].hashrate for one in after.rigs.values() if one.log} == {
        rig_id: float(rig_id) for rig_id in range(1, 602)
    }


def test_a_newer_log_of_the_journal_counts_with_the_time_it_came() -> None:
    now = utc_ms()
    before = stats_of(1)
    before.link_up(1)
    before.receive(1, a_log(now - 10_000, 1.0))
    state = remembered.remember(before)()
    for stamp, hashrate in ((now - 10_000, 1.0), (now - 9_999, 2.0)):
        after = stats_of(1)
        row = Row(pack_rigs([1]), pack_body([encode(a_log(stamp, 2.0))], {}))
        remembered.restore(after, state, [(now - 7, row)])
        log = after.rigs[1].log
        assert log is not None
        assert log.workloads[0].hashrate == hashrate, "the same log again is not newer"
        assert (after.rigs[1].heard_ms == now - 7) is (hashrate == 2.0)
