"""What is held against a revision on its first rig, and what is not: at the edges a good one is rolled back, or a bad
one spreads over the farm."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.rollouts.model import Before, Progress, Rollout, RolloutPlan, Watched
from rigfarm.commander.rollouts.watch.compare import SETTLE_S, SETTLE_SHARE, before_of, look, worse
from rigfarm.commander.rollouts.watch.observations import Observations
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.stats.normal import Normal
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import OperationalLog, Workload
from rigfarm.wire.playbooks import PlaybookStatus

PLAYBOOK, REVISION = 7, 3


def rollout(
    *first: int, before: dict[int, dict[str, Before]] | None = None, watch_s: float = 600.0, state: Any = "watching"
) -> Rollout:
    plan = RolloutPlan(REVISION, list(first), [], watch_s, 0.1, 0.05, True, {}, before or {})
    return Rollout(1, PLAYBOOK, state, plan, Progress(), "", 0)


def farm(*rigs: int) -> OperationalStats:
    stats = OperationalStats(Hub(), Events(), 5.0)
    for rig_id in rigs:
        stats.add(rig_id, "cpu-gpu")
        stats.link_up(rig_id)
    return stats


def reports(stats: OperationalStats, rig_id: int, *works: Workload) -> None:
    log = stats.rigs[rig_id].log
    stats.receive(rig_id, OperationalLog(utc_ms() - 60_000 if log is None else log.t + 1, workloads=list(works)))


def work(hashrate: float | None, coin: str | None = "XMR", playbook: int | None = PLAYBOOK, **more: Any) -> Workload:
    return Workload(coin=coin, hashrate=hashrate, playbook=playbook, **more)


# Before


def test_before_is_what_is_normal_or_what_it_does_now() -> None:
    stats = farm(1)
    assert before_of(None, ["XMR"]) == {"XMR": Before()}
    assert before_of(stats.rigs[1], ["XMR"]) == {"XMR": Before()}
    reports(stats, 1, work(400.0), work(500.0), work(7.0, "ZIL"), work(None))
    assert before_of(stats.rigs[1], ["XMR", "ZIL"]) == {"XMR": Before(900.0), "ZIL": Before(7.0)}
    stats.rigs[1].normal["XMR"] = Normal(value=1_000.0)
    stats.rigs[1].normal["KAS"] = Normal(value=5.0)
    assert before_of(stats.rigs[1], ["XMR", "KAS"]) == {"XMR": Before(1_000.0), "KAS": Before()}, "KAS is not mined now"
    reports(stats, 1, work(1e300), work(-5.0))
    assert before_of(stats.rigs[1], ["XMR"]) == {"XMR": Before()}


# Watching


@pytest.mark.parametrize(("watch_s", "settled_s"), [(100.0, 100.0 * SETTLE_SHARE), (3_600.0, SETTLE_S)])
def test_the_first_part_of_the_watch_says_nothing_of_the_hashrate(watch_s: float, settled_s: float) -> None:
    stats, one = farm(1), rollout(1, watch_s=watch_s)
    reports(stats, 1, work(100.0, accepted=5))
    one.progress.watched_s = settled_s - 0.1
    look(one, stats.rigs, 5.0)
    seen = one.progress.seen[1]["XMR"]
    assert (seen.seconds, seen.hashes, seen.last_accepted) == (0.0, 0.0, 5), "its shares are counted from the beginning"
    one.progress.watched_s = settled_s
    look(one, stats.rigs, 5.0)
    reports(stats, 1, work(200.0))
    look(one, stats.rigs, 15.0)
    assert (seen.seconds, seen.hashrate) == (20.0, (5 * 100.0 + 15 * 200.0) / 20.0)


def test_only_what_the_playbook_mines_is_watched() -> None:
    stats, one = farm(1, 2), rollout(9, 1, 2)
    one.progress.watched_s = 300.0
    reports(stats, 1, work(5.0), work(900.0, playbook=8), work(700.0, playbook=None), work(3.0, None, algorithm="rx/0"))
    reports(stats, 2, work(6.0, None), work(None, "KAS"))
    look(one, stats.rigs, 10.0)
    assert {rig: {coin: one.hashrate for coin, one in coins.items()} for rig, coins in one.progress.seen.items()} == {
        1: {"XMR": 5.0, "rx/0": 3.0}, 2: {"?": 6.0, "KAS": None},
    }  # fmt: skip


def test_shares_of_the_watch_are_those_that_came_in_it() -> None:
    stats, one = farm(1), rollout(1)
    for accepted, rejected in ((1_000, 400), (1_010, 402), (None, None), (1_015, 402), (3, 1), (4, 1)):
        reports(stats, 1, work(5.0, accepted=accepted, rejected=rejected))
        look(one, stats.rigs, 1.0)
    seen = one.progress.seen[1]["XMR"]
    assert (seen.accepted, seen.rejected) == (10 + 5 + 3 + 1, 2 + 1), "a counter that begins again counts from zero"
    assert (seen.last_accepted, seen.last_rejected) == (4, 1)
    reports(stats, 1, work(5.0, accepted=-7, rejected=-7))
    look(one, stats.rigs, 1.0)
    assert (seen.accepted, seen.rejected) == (19, 3)


# Worse


@pytest.mark.parametrize(
    ("before", "seen", "said"),
    [
        (Before(1_000.0), Watched(10.0, 9_000.0), ""),
        (Before(1_000.0), Watched(10.0, 8_999.0), "rig-1, XMR: 0.8999 instead of 1.000 kH/s, 10 % less"),
        (Before(1_000.0), Watched(10.0, 20_000.0), ""),
        (Before(), Watched(10.0, 1.0), ""),
        (Before(), Watched(10.0, 0.0), "rig-1, XMR: it had no hashrate"),
        (Before(1_000.0), Watched(), "rig-1, XMR: it had no hashrate"),
        (Before(1_000.0), None, "rig-1, XMR: it had no hashrate"),
        (Before(rejects=0.25), Watched(1.0, 1.0, 70, 30), ""),
        (Before(rejects=0.25), Watched(1.0, 1.0, 69, 31), "rig-1, XMR: 31 % of its shares were rejected"),
        (Before(), Watched(1.0, 1.0, 95, 5), ""),
        (Before(), Watched(1.0, 1.0, 94, 6), "rig-1, XMR: 6.0 % of its shares were rejected"),
        (Before(), Watched(1.0, 1.0, 4, 5), ""),  # too few to tell
        (Before(), Watched(1.0, 1.0, 5, 5), "rig-1, XMR: 50 % of its shares were rejected"),
    ],
)
def test_what_is_worse(before: Before, seen: Watched | None, said: str) -> None:
    one = rollout(1, before={1: {"XMR": before}})
    if seen is not None:
        one.progress.seen = {1: {"XMR": seen}}
    assert worse(one, {1: "rig-1"}) == said


def test_each_first_rig_and_each_of_its_coins_is_looked_at() -> None:
    good, bad = Watched(1.0, 100.0), Watched(1.0, 10.0)
    before = {1: {"XMR": Before(100.0)}, 2: {"XMR": Before(100.0), "ZIL": Before(100.0)}}
    one = rollout(1, 2, 3, before=before)
    one.progress.seen = {1: {"XMR": good}, 2: {"XMR": good, "ZIL": good}}
    assert worse(one, {1: "a", 2: "b"}) == ""
    one.progress.seen[2]["ZIL"] = bad
    assert worse(one, {1: "a"}).startswith("rig 2, ZIL: 10.00 instead of 100.0 H/s, 90 %")


# What the Sentries say


class Said:
    """Observations of rigs 1 and 2, whose Sentries say what a test says."""

    def __init__(self) -> None:
        self.statuses: dict[int, PlaybookStatus] = {}
        self.assigned: dict[int, Any] = {}
        self.stats = farm(1, 2)
        rigs = {1: SimpleNamespace(name="rig-1"), 2: SimpleNamespace(name="rig-2")}
        assignments: Any = SimpleNamespace(
            statuses=SimpleNamespace(
                get=lambda rig, playbook: self.statuses.get(rig) if playbook == PLAYBOOK else None
            ),
            assigned=SimpleNamespace(
                get=lambda rig, playbook: self.assigned.get(rig) if playbook == PLAYBOOK else None
            ),
            rigs=SimpleNamespace(rigs=rigs),
        )
        self.rigs = rigs
        self.seen = Observations(assignments, self.stats)

    def says(self, rig_id: int, state: Any, revision: int = REVISION, **more: Any) -> None:
        self.statuses[rig_id] = PlaybookStatus(PLAYBOOK, revision, state, **more)


@pytest.mark.parametrize(
    ("state", "revision", "works", "mines"),
    [
        ("mining", REVISION, [work(5.0)], True),
        ("mining", REVISION, [work(None), work(5.0)], True),
        ("mining", REVISION, [work(0.5)], True),
        ("mining", REVISION, [work(0.0)], False),
        ("mining", REVISION, [work(None)], False),
        ("mining", REVISION, [work(5.0, playbook=8)], False),
        ("mining", REVISION, [], False),
        ("mining", REVISION - 1, [work(5.0)], False),
        ("starting", REVISION, [work(5.0)], False),
    ],
)
def test_a_first_rig_mines_once_it_hashes_with_the_new_revision(
    state: str, revision: int, works: list[Workload], *, mines: bool
) -> None:
    said = Said()
    assert not said.seen.mines(rollout(1), 1)
    said.says(1, state, revision)
    assert not said.seen.mines(rollout(1), 1), "it has not reported since"
    reports(said.stats, 1, *works)
    assert said.seen.mines(rollout(1), 1) is mines
    assert not said.seen.mines(rollout(9), 9)


@pytest.mark.parametrize(
    ("state", "revision", "more", "trouble"),
    [
        ("mining", REVISION, {}, ""),
        ("failed", REVISION, {}, "It failed on rig-2."),
        ("failed", REVISION, {"detail": "no such option"}, "It failed on rig-2. no such option"),
        ("failed", REVISION - 1, {"detail": "an old one"}, ""),
        ("backing-off", REVISION, {"detail": "out of memory"},
         "The mining program does not keep running on rig-2. out of memory"),
        ("mining", REVISION, {"restarts": 2}, ""),
        ("mining", REVISION, {"restarts": 3}, "The mining program had to be restarted on rig-2."),
        ("mining", REVISION, {"restarts": 3, "detail": "x"}, "The mining program had to be restarted on rig-2. x"),
    ],
)  # fmt: skip
def test_trouble_of_any_first_rig(state: str, revision: int, more: dict[str, Any], trouble: str) -> None:
    said, one = Said(), rollout(1, 2)
    one.progress.restarts = {2: 2}
    said.says(1, "mining")
    assert said.seen.trouble(one) == "", "one that said nothing yet is no trouble"
    said.says(2, state, revision, **more)
    assert said.seen.trouble(one) == trouble
    if "restarts" in more:
        one.state = "starting"
        assert said.seen.trouble(one) == "", "until it mines it may try"
        one.state = "watching"
        one.progress.restarts = {}
        said.says(2, "mining", restarts=1)
        assert "restarted" in said.seen.trouble(one)
    del said.rigs[1]
    assert said.seen.trouble(one) == "A first rig was removed."


def test_what_a_person_gave_a_first_rig_since() -> None:
    said, one = Said(), rollout(1, 2)
    mine = SimpleNamespace(revision=REVISION, wanted="running")
    said.assigned.update({1: mine, 2: mine})
    assert not said.seen.taken_away(one)
    for other in (
        None,
        SimpleNamespace(revision=9, wanted="running"),
        SimpleNamespace(revision=REVISION, wanted="stopped"),
    ):
        said.assigned = {1: mine, 2: other}
        assert said.seen.taken_away(one)


def test_who_is_up() -> None:
    said = Said()
    assert [said.seen.up(rig) for rig in (1, 9)] == [False, False]
    reports(said.stats, 1, work(0.0))
    assert said.seen.up(1), "idle is up"
    assert (said.seen.stats(1), said.seen.stats(9)) == (said.stats.rigs[1], None)
