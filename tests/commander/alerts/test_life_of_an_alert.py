"""The life of an alert over a database: stored before it is announced, the same after a restart at any moment."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.alerts import store
from rigfarm.commander.alerts.engine.changes import Changes
from rigfarm.commander.alerts.model import MAX_NOTES, Alert, Member
from rigfarm.commander.alerts.rules import rules
from rigfarm.commander.alerts.tables import alert_members, alerts
from rigfarm.commander.alerts.view import member_row
from rigfarm.commander.refusals import Conflict, Invalid
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view.ranges import page_range
from rigfarm.commander.stats import RigStats
from rigfarm.commander.storage import Storage
from rigfarm.wire.log import Device
from support.alerts import NOW_MS, AlertFarm, a_rig, a_workload

ENDS = {1, 2, 24, 25, 26, 30, 31, 32, 42, 43, 44, 55, 56, 57, 60, 61, 62, 72, 73, 74}
"""After which steps a Commander ends: around everything that happens."""


class Outbox:
    """Remembers what it was told, once it was committed."""

    def __init__(self) -> None:
        self.news: list[tuple[int, str]] = []
        self.fails = False

    async def write(self, tx: AsyncConnection, news: Sequence[tuple[Alert, str]]) -> None:
        if self.fails:
            raise OperationalError("disk full", None, Exception("disk full"))
        self.news += [(alert.id, what) for alert, what in news]

    def wake(self) -> None:
        """Committed."""


def _cool(rig_id: int) -> RigStats:
    return a_rig(rig_id, devices=[Device("gpu", 0, core_c=60.0)])


def _hot(rig_id: int = 1) -> RigStats:
    return a_rig(rig_id, devices=[Device("gpu", 0, core_c=99.0)])


async def test_it_works(any_storage: Storage) -> None:
    outbox = Outbox()
    farm = await AlertFarm(any_storage, outbox).load()
    await farm.new_rigs(2)
    assert {one.kind for one in farm.rule_book.rules.values()} == set(rules())
    farm.put(a_rig(1, link_up=False), a_rig(2))
    await farm.later(2.0)
    (alert,) = farm.alerts.open
    assert (alert.rule, alert.state, alert.severity, alert.rigs) == ("Rigs that go offline", "firing", "critical", 1)
    assert farm.alerts.firing == 1
    await farm.alerts.acknowledge(alert.id, "Kim")
    assert (farm.alerts.open[0].state, farm.alerts.firing) == ("acknowledged", 0)
    await farm.alerts.note(alert.id, "the breaker of hall 2")
    farm.put(a_rig(1))
    await farm.later(70.0, step_s=2.0)
    assert farm.alerts.open == []
    (old,) = await farm.alerts.resolved(10)
    assert (old.id, old.ending, [one.text for one in old.notes]) == (
        alert.id, "back to normal", ["acknowledged it", "the breaker of hall 2"],
    )  # fmt: skip
    assert [(one.rig_name, one.state, one.ending) for one in await farm.alerts.members(old.id)] == [
        ("rig-1", "ended", "back to normal")
    ]
    assert outbox.news == [(alert.id, "firing"), (alert.id, "resolved")]


async def test_a_restart_says_nothing_old_and_goes_on_where_it_was(any_storage: Storage) -> None:
    outbox = Outbox()
    farm = await AlertFarm(any_storage, outbox).load()
    await farm.new_rigs(3)
    farm.put(a_rig(1, link_up=False), a_rig(2), a_rig(3))
    await farm.later(3.0)
    farm.put(_hot(2), a_rig(3))
    await farm.later(60.0)
    assert [one.part for one in farm.alerts.pending()] == ["GPU 0"]
    again = await AlertFarm(any_storage, outbox, clock=farm.clock).load()
    assert [(one.id, one.state) for one in again.alerts.open] == [(1, "firing")]
    again.put(a_rig(1, link_up=False), _hot(2), a_rig(3))
    await again.later(30.0)
    assert outbox.news == [(1, "firing")]
    await again.later(35.0)
    assert outbox.news == [(1, "firing"), (2, "firing")], "what was pending kept the time that it had"
    again.put(a_rig(1))
    await again.later(70.0)
    assert outbox.news[-1] == (1, "resolved")


async def test_what_ended_while_the_commander_was_away_ends_now(any_storage: Storage) -> None:
    farm = await AlertFarm(any_storage).load()
    await farm.new_rigs(2)
    farm.put(a_rig(1, link_up=False), a_rig(2, link_up=False))
    await farm.later(2.0)
    await farm.book.remove(2)  # the Commander ends before it looks at that
    again = await AlertFarm(any_storage, clock=farm.clock).load()
    again.put(a_rig(1))
    await again.later(70.0)
    assert again.alerts.open == []
    assert {one.ending for one in await again.alerts.resolved(10)} == {"back to normal", "the rig was removed"}


@pytest.mark.parametrize("at", range(6))
async def test_a_write_that_fails_loses_and_doubles_nothing(storage: Storage, at: int) -> None:
    """The database refuses to write for some steps, at every step of an alert's life in turn."""
    outbox = Outbox()
    farm = await AlertFarm(storage, outbox).load()
    await farm.new_rigs(3)
    states = [
        [a_rig(1, link_up=False), a_rig(2)],
        [a_rig(2, link_up=False)],
        [_hot(3)],
        [a_rig(1), a_rig(2)],
        [_cool(3)],
        [],
    ]
    for step, rigs in enumerate(states):
        farm.put(*rigs)
        outbox.fails = step == at
        for _ in range(8):
            farm.clock[0] += 0.5
            try:
                await farm.alerts.step()
            except OperationalError:
                assert outbox.fails
        outbox.fails = False
        await farm.later(130.0, step_s=10.0)
    await farm.later(130.0, step_s=10.0)
    assert [one for one in outbox.news if one[1] == "firing"] == [(1, "firing"), (2, "firing"), (3, "firing")]
    assert sorted(one for one in outbox.news if one[1] == "resolved") == [
        (1, "resolved"), (2, "resolved"), (3, "resolved"),
    ]  # fmt: skip
    assert len(outbox.news) == 6
    async with storage.read() as tx:
        assert await tx.scalar(select(func.count()).select_from(alerts)) == 3
        assert await tx.scalar(select(func.count()).select_from(alert_members)) == 3


async def test_killed_after_any_transaction_nothing_is_lost_or_doubled(storage: Storage) -> None:
    """A Commander ends after each step without another word; the next one goes on with the same rigs."""
    outbox = Outbox()
    farm = await AlertFarm(storage, outbox).load()
    await farm.new_rigs(3)
    clock = farm.clock
    course = [
        *([[a_rig(1, link_up=False), a_rig(2), _hot(3)]] * 30),
        *([[a_rig(1), a_rig(2, link_up=False), _hot(3)]] * 30),
        *([[a_rig(1), a_rig(2), _cool(3)]] * 30),
    ]
    for step, rigs in enumerate(course):
        if step in ENDS:
            farm = await AlertFarm(storage, outbox, clock=clock).load()
        farm.put(*rigs)
        await farm.later(5.0, step_s=5.0)
    news = [what for _, what in outbox.news]
    assert (news.count("firing"), news.count("resolved")) == (3, 3)
    assert len(set(outbox.news)) == len(outbox.news)


async def test_snoozed_it_waits_and_fires_again(storage: Storage) -> None:
    outbox = Outbox()
    farm = await AlertFarm(storage, outbox).load()
    await farm.new_rigs(1)
    farm.put(a_rig(1, link_up=False))
    await farm.later(2.0)
    await farm.alerts.snooze(1, 30.0)
    await farm.later(1790.0, step_s=30.0)
    assert farm.alerts.open[0].state == "snoozed"
    await farm.later(20.0)
    assert farm.alerts.open[0].state == "firing"
    assert [what.partition("-")[0] for _, what in outbox.news] == ["firing", "again"]
    with pytest.raises(Invalid, match="Snooze for 1 minute"):
        await farm.alerts.snooze(1, 0.0)


async def test_ended_by_hand_it_is_over_and_cannot_be_acknowledged(storage: Storage) -> None:
    farm = await AlertFarm(storage).load()
    await farm.new_rigs(1)
    farm.put(a_rig(1, link_up=False))
    await farm.later(2.0)
    await farm.alerts.end(1)
    assert (await farm.alerts.get(1)).ending == "ended by someone"
    with pytest.raises(Conflict, match="is resolved"):
        await farm.alerts.acknowledge(1, "Kim")


async def test_what_an_operator_does_is_done_after_what_could_not_be_stored_yet(storage: Storage) -> None:
    outbox = Outbox()
    farm = await AlertFarm(storage, outbox).load()
    await farm.new_rigs(2)
    farm.put(a_rig(1, link_up=False))
    await farm.later(2.0)
    outbox.fails = True
    farm.put(a_rig(2, link_up=False))
    for _ in range(4):
        farm.clock[0] += 0.5
        with contextlib.suppress(OperationalError):
            await farm.alerts.step()
    with pytest.raises(OperationalError):
        await farm.alerts.end(1)
    outbox.fails = False
    await farm.alerts.end(1)
    await farm.later(5.0)
    assert outbox.news[:3] == [(1, "firing"), (2, "firing"), (1, "resolved")]
    assert 2 in {alert.id for alert in farm.alerts.open}


async def test_of_too_many_notes_the_oldest_goes(storage: Storage) -> None:
    farm = await AlertFarm(storage).load()
    await farm.new_rigs(1)
    farm.put(a_rig(1, link_up=False))
    await farm.later(2.0)
    for at in range(MAX_NOTES):
        await farm.alerts.note(1, f"note {at}")
    await farm.alerts.acknowledge(1, "Kim")
    texts = [one.text for one in farm.alerts.open[0].notes]
    assert (texts[0], texts[-2:], len(texts)) == ("note 1", ["note 99", "acknowledged it"], MAX_NOTES)


async def test_whatever_a_rig_calls_its_coin_is_stored(any_storage: Storage) -> None:
    farm = await AlertFarm(any_storage).load()
    await farm.new_rigs(1)
    low = a_rig(1, workloads=[a_workload(1.0, "X\0MR")], normal={"X\0MR": 1000.0})
    for _ in range(70):
        farm.put(low)
        await farm.later(10.0, step_s=10.0)
    (alert,) = farm.alerts.open
    assert [one.part for one in await farm.alerts.members(alert.id)] == ["X?MR"]


async def test_many_rigs_are_stored_without_comparing_each_with_each(storage: Storage) -> None:
    compared = 0

    class Counted(Member, eq=False):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return self is other

        __hash__ = object.__hash__

    many = [Counted(0, 1, rig, "", f"rig-{rig}", "pending", "offline", None, 0) for rig in range(1, 1001)]
    changes = Changes(fired=many, ended=many)
    async with storage.begin() as tx:
        await store.save_changes(tx, changes, [])
        await store.save_changes(tx, changes, [])
    assert compared < 2 * len(many)


async def test_old_ones_are_forgotten_and_open_ones_never(storage: Storage) -> None:
    farm = await AlertFarm(storage).load()
    await farm.new_rigs(2)
    farm.put(a_rig(1, link_up=False))
    await farm.later(2.0)
    farm.put(a_rig(1), a_rig(2, link_up=False))
    await farm.later(100.0)
    async with storage.begin() as tx:
        await store.prune(tx, farm.wall() + 1, 1_000)
    assert await farm.alerts.resolved(10) == []
    assert [one.id for one in farm.alerts.open] == [2]


async def test_a_rule_that_an_operator_switches_off_ends_its_alerts(storage: Storage) -> None:
    from msgspec.structs import replace

    farm = await AlertFarm(storage).load()
    await farm.new_rigs(1)
    farm.put(a_rig(1, link_up=False))
    await farm.later(2.0)
    rule = farm.rule_book.get(farm.alerts.open[0].rule_id)
    await farm.rule_book.change(rule.id, replace(rule.form, on=False))
    await farm.later(2.0)
    assert farm.alerts.open == []
    again = await AlertFarm(storage, clock=farm.clock).load()
    assert not again.rule_book.get(rule.id).form.on
    assert len(again.rule_book.rules) == len(farm.rule_book.rules), "rules are made once"


@pytest.mark.parametrize("ended", [False, True])
def test_a_rig_of_an_alert_links_to_its_charts_around_that_time_once_it_is_past(ended: bool) -> None:
    now_ms, rig = NOW_MS, Rig(7, "rig-7", "asic", 0)
    member = Member(1, 1, 7, "", "rig-7", "firing", "offline", None, now_ms - 60_000)
    if ended:
        member.ended_ms = now_ms - 10_000
    shown = member_row(member, {7: rig}.get, now_ms)
    assert shown.then_href == f"/asics/7?at={now_ms - 60_000}"
    path, _, query = shown.href.partition("?")
    assert path == "/asics/7"
    assert bool(query) is ended, "while that time is now, the charts move on"
    if ended:
        span = page_range(dict(parse_qsl(query)), "-1h", now_ms).span
        assert (span.from_ms, span.to_ms) == (now_ms - 1_860_000, now_ms + 1_790_000)
    late = member_row(member, {7: rig}.get, now_ms + 7_200_000)
    assert "?from=" in late.href
