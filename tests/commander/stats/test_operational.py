"""What the operational stats tell whom: pages, alerts and totals hang on it. A change that nobody is told of leaves a
stale number that looks fresh; telling of what did not change costs a farm's pages their pace."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from rigfarm.commander.channels import TOTALS, operation_stats, operation_stats_index
from rigfarm.commander.events import (
    AttentionChanged,
    ConditionChanged,
    Events,
    MaintenanceChanged,
    NormalChanged,
    RigAdded,
    RigRemoved,
    RigRests,
    RigToldToStop,
    TokenRotated,
)
from rigfarm.commander.live import Event, Hub
from rigfarm.commander.stats import OperationalStats, operational
from rigfarm.commander.stats.condition import SILENT_INTERVALS
from rigfarm.commander.stats.normal import Normal
from rigfarm.commander.stats.operational import (
    FUTURE_MS,
    LINK_GRACE_S,
    MAX_TROUBLE,
    PAUSES_WITHIN_S,
    SHUTS_DOWN_WITHIN_S,
    START_GRACE_S,
)
from rigfarm.commander.stats.rig_stats import RigStats
from rigfarm.commander.supervised import Part
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload
from support.until import until

KINDS = (ConditionChanged, AttentionChanged, NormalChanged, RigRests)
INTERVAL_S = 5.0


class Farm:
    """Stats, somebody who looks at an index and at the page of rig 1, and what was said inside."""

    def __init__(self) -> None:
        self.hub, self.events = Hub(), Events()
        self.stats = OperationalStats(self.hub, self.events, INTERVAL_S)
        self.told: list[tuple[str, object, Event]] = []
        self.said: list[Any] = []
        for kind in KINDS:
            self.events.listen(kind, self.said.append)
        self.index, self.page = operation_stats_index("cpu-gpu"), operation_stats("cpu-gpu", 1)
        self.hub.subscribe(self, self.index, {1, 2, TOTALS})
        self.hub.subscribe(self, self.page, {1})

    def deliver(self, channel: str, key: object, event: Event, payload: object) -> None:
        self.told.append((channel, key, event))

    def channel_closed(self, channel: str) -> None:
        raise AssertionError(channel)

    def news(self) -> tuple[list[tuple[str, object, Event]], list[Any]]:
        """What viewers and parts were told since the last time."""
        told, said = self.told, self.said[:]
        self.told = []
        self.said.clear()
        return told, said

    def mining(self, *rigs: int) -> list[RigStats]:
        """Rigs that mine, as nobody is told of any more."""
        for rig_id in rigs:
            self.stats.add(rig_id, "cpu-gpu")
            self.stats.link_up(rig_id)
            self.stats.receive(rig_id, a_log())
        self.stats.tick(time.monotonic())
        self.stats.touched.clear()
        self.news()
        return [self.stats.rigs[rig_id] for rig_id in rigs]


def a_log(hashrate: float | None = 100.0, *, later: int = 0, devices: tuple[Device, ...] = (), **more: Any) -> Any:
    work = Workload(coin="XMR", hashrate=hashrate, accepted=10, rejected=1, state="mining")
    return OperationalLog(utc_ms() - 5_000 + later, workloads=[work], devices=Devices.from_rows(list(devices)), **more)


ROW = [(operation_stats_index("cpu-gpu"), 1, "updated"), (operation_stats("cpu-gpu", 1), 1, "updated")]
SUMS = [(operation_stats_index("cpu-gpu"), TOTALS, "updated")]


# Rigs come and go


def test_a_new_rig_waits_and_is_counted_once() -> None:
    farm = Farm()
    farm.events.publish(RigAdded(1, "cpu-gpu", "anna"))
    assert farm.news()[0] == SUMS
    rig = farm.stats.rigs[1]
    assert (rig.rig_id, rig.kind, rig.condition.state, rig.token_due, rig.maintenance) == (1, "cpu-gpu", "waiting",
                                                                                           False, False)  # fmt: skip
    assert farm.stats.add(1, "cpu-gpu") is rig
    assert (farm.stats.totals["cpu-gpu"].states["waiting"], farm.stats.totals["cpu-gpu"].rigs) == (1, 1)
    assert farm.stats.totals["asic"].rigs == 0
    other = farm.stats.add(2, "asic", token_due=True, maintenance=True)
    assert (other.token_due, other.maintenance, other.condition.maintenance) == (True, True, True)
    assert farm.stats.totals["asic"].maintained == 1


def test_a_removed_rig_leaves_nothing_behind() -> None:
    farm = Farm()
    farm.mining(1, 2)
    farm.stats.touched |= {1, 2}
    farm.stats.link_lost(1)
    farm.events.publish(RigRemoved(1, "cpu-gpu", "anna"))
    assert farm.news()[0] == [(farm.index, 1, "deleted"), *SUMS]
    totals = farm.stats.totals["cpu-gpu"]
    assert (totals.rigs, totals.states["online"], totals.coins["XMR"].rigs) == (1, 1, 1)
    assert (set(farm.stats.rigs), farm.stats.touched) == ({2}, {2})
    farm.stats.tick(time.monotonic() + 1e6)
    farm.news()
    farm.events.publish(RigRemoved(1, "cpu-gpu", "anna"))
    assert farm.news() == ([], [])


def test_what_is_said_of_a_rig_that_is_gone_is_nothing() -> None:
    farm = Farm()
    farm.stats.link_up(9)
    farm.stats.link_lost(9)
    farm.stats.rest(9, "why")
    farm.stats.trouble(9, "unreachable", "no answer")
    farm.stats.logs_dropped(9, 1)
    farm.stats.logs_not_kept(9, untimely=1)
    farm.stats.restore(9, a_log(), utc_ms())
    for event in (TokenRotated(9), MaintenanceChanged(9, True, "x"), RigToldToStop(9, paused="x")):
        farm.events.publish(event)
    assert farm.stats.receive(9, a_log()) is False
    assert farm.news() == ([], [])


# What is told


def test_each_log_is_told_once_and_the_totals_once_a_tick() -> None:
    farm = Farm()
    (rig,) = farm.mining(1)
    before = rig.version
    for later in (1, 2):
        assert farm.stats.receive(1, a_log(later=later))
    assert farm.news() == (ROW * 2, [])
    assert rig.version == before + 2
    assert farm.stats.touched == {1}
    farm.stats.tick(time.monotonic())
    assert farm.news()[0] == SUMS
    farm.stats.tick(time.monotonic())
    assert farm.news() == ([], [])


def test_what_changes_nothing_is_not_told() -> None:
    farm = Farm()
    (rig,) = farm.mining(1)
    before = rig.version
    farm.stats.link_up(1)
    farm.stats.link_lost(1)
    farm.stats.link_up(1, "a name")
    farm.stats.rest(1, "")
    farm.stats.logs_not_kept(1)
    farm.events.publish(RigToldToStop(1))
    assert not farm.stats.receive(1, a_log(later=-1_000))
    farm.stats.tick(time.monotonic() + LINK_GRACE_S + 1)
    assert farm.news() == ([], [])
    assert (rig.version, rig.sentry, farm.stats.touched) == (before, "a name", set())
    farm.stats.link_up(1)
    assert rig.sentry == ""


def test_a_change_of_state_says_what_and_why() -> None:
    farm = Farm()
    (rig,) = farm.mining(1)
    now = utc_ms()
    farm.stats.receive(1, a_log(later=1, devices=(Device(kind="gpu", index=3, core_c=88.0),)))
    told, (changed,) = farm.news()
    assert told == ROW
    assert changed == ConditionChanged(
        1, "cpu-gpu", "online", "degraded", "GPU 3 at 88 °C", "hot GPU 3", "hot", 2, 1, False, changed.t_ms
    )
    assert now <= changed.t_ms <= utc_ms()
    assert rig.since_ms is not None
    assert now <= rig.since_ms
    assert [(one.state, one.reason) for one in rig.happenings] == [("online", ""), ("degraded", "GPU 3 at 88 °C")]
    farm.stats.tick(time.monotonic())
    assert farm.news() == (SUMS, [AttentionChanged()])
    assert farm.stats.sick == {"cpu-gpu": 1, "asic": 0}


def test_only_another_cause_is_an_event_and_not_another_number() -> None:
    """Otherwise a hot card's page is a list of its degrees, and each rule judges it at every log."""
    farm = Farm()
    (rig,) = farm.mining(1)
    farm.stats.receive(1, a_log(later=1, devices=(Device(kind="gpu", index=3, core_c=88.0),)))
    since = rig.since_ms
    farm.news()
    farm.stats.receive(1, a_log(later=2, devices=(Device(kind="gpu", index=3, core_c=89.0),)))
    assert farm.news() == (ROW, [])
    assert (rig.condition.reason, len(rig.happenings)) == ("GPU 3 at 89 °C", 2)
    farm.stats.receive(1, a_log(later=3, devices=(Device(kind="gpu", index=4, core_c=89.0),)))
    (changed,) = farm.news()[1]
    assert (changed.before, changed.state, changed.cause) == ("degraded", "degraded", "hot GPU 4")
    assert (len(rig.happenings), rig.since_ms) == (3, since), "it is degraded since then"


def test_what_was_hot_stays_so_until_it_is_cooler_by_some_degrees() -> None:
    farm = Farm()
    farm.mining(1)
    words = []
    for later, celsius in enumerate((88.0, 83.0, 81.0, 83.0), 1):
        farm.stats.receive(1, a_log(later=later, devices=(Device(kind="gpu", index=0, core_c=celsius),)))
        words.append(farm.stats.rigs[1].condition.word)
    assert words == ["hot", "hot", "", ""]


def test_new_marks_are_applied_to_every_rig() -> None:
    farm = Farm()
    farm.mining(1, 2)
    farm.stats.judge_all()
    assert farm.news()[0] == [*ROW, (farm.index, 2, "updated")]


# Links


def test_a_link_that_is_gone_for_the_grace_takes_the_rig_out_of_the_totals(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = 1_000.0
    monkeypatch.setattr(operational.time, "monotonic", lambda: lost)
    farm = Farm()
    (rig,) = farm.mining(1)
    farm.stats.link_lost(1)
    farm.stats.tick(lost + LINK_GRACE_S - 0.5)
    assert (rig.link_up, farm.news()) == (True, ([], []))
    farm.stats.tick(lost + LINK_GRACE_S + 0.1)
    told, said = farm.news()
    assert (rig.link_up, rig.condition.reason) == (False, "link lost")
    assert told == [*ROW, *SUMS]
    assert [type(one) for one in said] == [ConditionChanged, AttentionChanged]
    totals = farm.stats.totals["cpu-gpu"]
    assert (totals.coins, totals.alive, totals.states["offline"]) == ({}, 0, 1)
    farm.stats.link_lost(1)
    farm.stats.link_up(1)
    assert (rig.condition.state, totals.coins["XMR"].rigs) == ("online", 1)
    farm.stats.tick(lost + 3 * LINK_GRACE_S)
    assert rig.link_up, "one that was not up has nothing to lose"


def test_a_rig_that_stays_silent_is_offline_and_the_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    farm = Farm()
    clock = 1_000.0
    monkeypatch.setattr(operational.time, "monotonic", lambda: clock)
    one, two = farm.mining(1, 2)
    clock += SILENT_INTERVALS * INTERVAL_S - 1.0
    farm.stats.receive(1, a_log(later=1))
    clock += 1.5
    farm.stats.tick(clock)
    assert (one.condition.state, two.condition.state) == ("online", "offline")
    assert two.condition.reason == "connected, but sends nothing"
    farm.stats.receive(2, a_log(later=2))
    assert two.condition.state == "online"
    clock += SILENT_INTERVALS * INTERVAL_S + 0.1
    farm.stats.tick(clock)
    assert (one.condition.state, two.condition.state) == ("offline", "offline")


def test_a_new_token_is_waited_for_and_then_no_more() -> None:
    farm = Farm()
    (rig,) = farm.mining(1)
    farm.events.publish(TokenRotated(1))
    farm.stats.link_lost(1)
    farm.stats.tick(time.monotonic() + LINK_GRACE_S + 1)
    assert (rig.token_due, rig.condition.reason) == (True, "waiting for its new token")
    farm.news()
    farm.events.publish(TokenRotated(1))
    assert farm.news() == ([], []), "it waits already"
    farm.stats.link_up(1)
    assert (rig.token_due, rig.condition.state) == (False, "online")


# What a log may be


@pytest.mark.parametrize(
    ("ahead_ms", "taken"), [(FUTURE_MS - 2_000, False), (FUTURE_MS + 60_000, True), (-1, True), (0, False)]
)
def test_a_stamp_of_the_far_future_keeps_nothing_out(ahead_ms: int, *, taken: bool) -> None:
    farm = Farm()
    farm.mining(1)
    log = a_log()
    farm.stats.rigs[1].log = OperationalLog(log.t if ahead_ms in (-1, 0) else utc_ms() + ahead_ms)
    log.t -= min(ahead_ms, 0)
    assert farm.stats.receive(1, log) is taken


@pytest.mark.parametrize(
    ("rates", "others"),
    [
        ([5.0], [False]),
        ([5.0, 7.0], [True, True]),
        ([0.0, 7.0], [True, False]),
        ([0.0, 0.001], [True, False]),
        ([0.001, 0.0], [False, True]),
        ([0.0, 0.0], [False, False]),
    ],
)
def test_what_is_learned_of_each_coin(rates: list[float], others: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is normal is in H/s, and a pause of a coin is one only while another is mined."""
    seen: list[Any] = []

    def see(normals: object, coin: str, hashrate: float, now: float, *, since_s: float, others: bool) -> bool:
        seen.append((coin, hashrate, since_s, others))
        return False

    clock = 1_000.0
    monkeypatch.setattr(operational.time, "monotonic", lambda: clock)
    monkeypatch.setattr(operational, "see", see)
    farm = Farm()
    farm.stats.add(1, "cpu-gpu")
    coins = "ABC"[: len(rates)]
    for later in (0, 1):
        works = [Workload(coin=coin, hashrate=rate) for coin, rate in zip(coins, rates, strict=True)]
        farm.stats.receive(1, OperationalLog(utc_ms() - 5_000 + later, workloads=works))
        clock += 30.0
    expected = list(zip(coins, rates, others, strict=True))
    assert seen == [(coin, rate, since, other) for since in (0.0, 30.0) for coin, rate, other in expected]


def test_another_normal_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    farm = Farm()
    (rig,) = farm.mining(1)
    monkeypatch.setattr(operational, "see", lambda *_, **__: True)
    farm.stats.receive(1, a_log(later=1))
    assert farm.news()[1] == [], "not known yet"
    rig.normal["XMR"] = Normal(value=95.0)
    farm.stats.receive(1, a_log(later=2))
    assert farm.news()[1] == [NormalChanged(1, "XMR", 95.0)]


def test_what_was_lost_is_counted_and_when() -> None:
    farm = Farm()
    (rig,) = farm.mining(1)
    now = utc_ms()
    farm.stats.logs_dropped(1, 0)
    assert farm.news() == ([], [])
    farm.stats.logs_not_kept(1, over_quota=2)
    assert (rig.over_quota, rig.untimely, rig.untimely_ms) == (2, 0, None)
    farm.stats.logs_not_kept(1, untimely=3)
    farm.stats.logs_dropped(1, 4)
    assert (rig.over_quota, rig.untimely, rig.dropped) == (2, 3, 4)
    assert rig.untimely_ms is not None
    assert rig.dropped_ms is not None
    assert now <= rig.untimely_ms <= rig.dropped_ms <= utc_ms()
    assert farm.news() == (ROW * 3, [])
    untimely_ms = rig.untimely_ms
    farm.stats.logs_not_kept(1, over_quota=1)
    assert rig.untimely_ms == untimely_ms


# On purpose


def test_who_works_on_a_rig_is_on_its_list_of_events() -> None:
    farm = Farm()
    (rig,) = farm.mining(1)
    farm.events.publish(MaintenanceChanged(1, True, "by Kim · fans"))
    told, (changed,) = farm.news()
    assert (told, changed.maintenance, changed.severity) == (ROW, True, 0)
    assert (rig.happenings[-1].state, rig.happenings[-1].reason) == ("maintenance", "by Kim · fans")
    farm.events.publish(MaintenanceChanged(1, True, "by Ada"))
    assert farm.news() == (ROW, []), "another reason is no other condition"
    farm.events.publish(MaintenanceChanged(1, False, ""))
    assert (farm.news()[1][0].maintenance, rig.condition.state) == (False, "online")


def test_a_rest_is_said_when_it_begins_and_ends() -> None:
    farm = Farm()
    farm.mining(1)
    farm.stats.receive(1, a_log(0.0, later=1))
    farm.news()
    farm.stats.rest(1, "its playbook was stopped")
    _, said = farm.news()
    assert said[-1] == RigRests(1, "its playbook was stopped")
    farm.stats.rest(1, "its playbook was stopped")
    assert farm.news() == ([], [])
    farm.stats.rest(1, "")
    assert farm.news()[1][-1] == RigRests(1, "")


def test_a_pause_ends_with_the_first_hash_after_it_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    farm = Farm()
    clock = 1_000.0
    monkeypatch.setattr(operational.time, "monotonic", lambda: clock)
    (rig,) = farm.mining(1)
    farm.events.publish(RigToldToStop(1, paused="paused by Kim"))
    assert farm.news()[1] == [RigRests(1, "paused by Kim")]
    clock += PAUSES_WITHIN_S
    farm.stats.receive(1, a_log(later=1))
    assert (rig.paused, rig.paused_seen) == ("paused by Kim", False), "it has some minutes to do so"
    farm.stats.receive(1, a_log(0.0, later=2))
    assert (rig.paused_seen, rig.condition.state) == (True, "stopped")
    farm.news()
    farm.stats.receive(1, a_log(later=3))
    assert (rig.paused, rig.paused_seen) == ("", False)
    assert RigRests(1, "") in farm.news()[1]
    farm.events.publish(RigToldToStop(1, paused="paused by Kim"))
    clock += PAUSES_WITHIN_S + 0.1
    farm.stats.receive(1, a_log(later=4))
    assert rig.paused == "", "it never paused"


def test_a_rig_that_reports_long_after_it_was_told_to_shut_down_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    farm = Farm()
    clock = 1_000.0
    monkeypatch.setattr(operational.time, "monotonic", lambda: clock)
    (rig,) = farm.mining(1)
    farm.events.publish(RigToldToStop(1, off="shut down by Kim"))
    clock += SHUTS_DOWN_WITHIN_S
    farm.stats.receive(1, a_log(later=1))
    assert rig.off == "shut down by Kim"
    clock += 0.1
    farm.stats.receive(1, a_log(later=2))
    assert rig.off == ""
    farm.events.publish(RigToldToStop(1, off="shut down by Kim"))
    farm.stats.link_up(1)
    assert rig.off == "shut down by Kim", "it was connected all the time"
    farm.stats.link_lost(1)
    farm.stats.tick(clock + LINK_GRACE_S)
    assert rig.condition.reason == "shut down by Kim"
    farm.stats.link_up(1)
    assert rig.off == "", "it came back"


def test_trouble_is_shown_in_bounded_words_until_it_is_over() -> None:
    farm = Farm()
    rig = farm.stats.add(1, "cpu-gpu")
    farm.news()
    farm.stats.trouble(1, "wrong\x00login" * 200, "line\nafter line" * 200)
    assert [len(text) for text in rig.trouble] == [MAX_TROUBLE, MAX_TROUBLE]
    assert (rig.trouble[0][:11], rig.trouble[1][:15]) == ("wrong?login", "line after line")
    told = farm.news()[0]
    assert told == ROW
    farm.stats.trouble(1, "wrong\x00login" * 200, "line\nafter line" * 200)
    assert farm.news() == ([], [])
    farm.stats.trouble(1, "", "")
    assert (rig.trouble, rig.condition.reason) == (("", ""), "")
    farm.stats.trouble(1, "unreachable", "no answer")
    farm.stats.link_up(1)
    assert rig.trouble == ("", ""), "its Sentry says it again if it is still so"


# A start


def test_what_the_journal_remembers_is_believed_for_the_time_in_which_all_return(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    restored = 1_000.0
    monkeypatch.setattr(operational.time, "monotonic", lambda: restored)
    farm = Farm()
    rig = farm.stats.add(1, "cpu-gpu")
    heard_ms = utc_ms() - 20_000
    farm.stats.restore(1, a_log(), heard_ms)
    assert (rig.link_up, rig.condition.state, rig.heard_ms) == (True, "online", heard_ms)
    assert farm.stats.totals["cpu-gpu"].coins["XMR"].hashrate == 100.0
    farm.stats.restore(1, a_log(5.0), utc_ms())
    assert farm.stats.totals["cpu-gpu"].coins["XMR"].hashrate == 100.0, "it is there already"
    farm.stats._heard.clear()
    farm.stats.tick(restored + START_GRACE_S - 1.0)
    assert rig.link_up
    farm.stats.tick(restored + START_GRACE_S + 1.0)
    assert (rig.link_up, rig.condition.state) == (False, "offline")


@pytest.mark.parametrize(("age_s", "token_due", "up"), [(40, False, True), (50, False, False), (1, True, False)])
def test_who_was_away_before_the_start_is_shown_so(age_s: float, *, token_due: bool, up: bool) -> None:
    farm = Farm()
    rig = farm.stats.add(1, "cpu-gpu", token_due=token_due)
    farm.stats.restore(1, a_log(), utc_ms() - int(age_s * 1000))
    assert (rig.link_up, rig.counted) == (up, up)
    assert (1 in farm.stats._leaving, 1 in farm.stats._heard) == (up, up)
    assert rig.heard is not None
    assert up or time.monotonic() - rig.heard >= age_s - 0.1


def test_a_rig_as_it_was_is_counted_as_it_was() -> None:
    """The time machine: stats that stand for another time."""
    farm = Farm()
    now, then = farm.mining(1)[0], Farm().stats
    then.recall(now)
    totals = then.totals["cpu-gpu"]
    assert (then.rigs, totals.states["online"], totals.coins["XMR"].rigs) == ({1: now}, 1, 1)
    away = Farm().stats
    now.counted = False
    away.recall(now)
    assert (away.totals["cpu-gpu"].coins, away.totals["cpu-gpu"].rigs) == ({}, 1)


# Time passes


async def test_totals_are_sampled_at_a_pace_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sparklines of a day and the charts of the last minutes are made of these."""
    monkeypatch.setattr(operational, "TICK_S", 0.001)
    monkeypatch.setattr(operational, "SAMPLE_EVERY_S", 3_600.0)
    farm = Farm()
    farm.mining(1)
    ticks: list[float] = []
    tick = farm.stats.tick
    monkeypatch.setattr(farm.stats, "tick", lambda now: (ticks.append(now), tick(now)))
    running = asyncio.create_task(farm.stats.run(Part("stats")))
    try:
        await until(lambda: len(ticks) > 20)
        assert {kind: len(one.samples) for kind, one in farm.stats.lately.items()} == {"cpu-gpu": 1, "asic": 1}
        assert farm.stats.days["cpu-gpu"].coins["XMR"].samples == 1
        (sample,) = farm.stats.lately["cpu-gpu"].samples
        assert (sample.rates, abs(sample.t_ms - utc_ms()) < 60_000) == ({"XMR": 100.0}, True)
        assert abs(farm.stats.days["cpu-gpu"].bucket * 900 - time.time()) < 1_800
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
