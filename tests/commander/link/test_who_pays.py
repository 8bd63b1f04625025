"""What a frame costs, and whose budget it is taken from: a rig that pays for another one waits for another one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from desk import NOW, Desk, Sentry

from rigfarm.commander.link import charge
from rigfarm.commander.link.budgets import BYTES_AT_ONCE, BYTES_PER_S, LOGS_AT_ONCE, LOGS_PER_S, Budget
from rigfarm.wire.log import OperationalLog

T = 1_000.0


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(charge, "time", SimpleNamespace(monotonic=lambda: T))
    return Desk(tmp_path)


def paid(desk: Desk, rig_id: int) -> tuple[float, float]:
    """Logs and bytes that were taken from its budget."""
    budget = desk.links.budgets.of(rig_id)
    return (
        round(max(budget._logs_until - T, 0.0) * LOGS_PER_S, 3),
        round(max(budget._bytes_until - T, 0.0) * BYTES_PER_S, 3),
    )


@pytest.mark.parametrize(
    ("logs", "size", "wait_s"),
    [
        (LOGS_AT_ONCE, 0.0, 0.0),
        (LOGS_AT_ONCE + LOGS_PER_S, 0.0, 1.0),
        (0.0, BYTES_AT_ONCE, 0.0),
        (0.0, BYTES_AT_ONCE + 2 * BYTES_PER_S, 2.0),
        (LOGS_AT_ONCE + LOGS_PER_S, BYTES_AT_ONCE + 2 * BYTES_PER_S, 2.0),
        (LOGS_AT_ONCE + 3 * LOGS_PER_S, BYTES_AT_ONCE, 3.0),
    ],
)
def test_a_budget_is_of_logs_and_of_bytes(logs: float, size: float, wait_s: float) -> None:
    budget = Budget(1.0)
    assert budget.take(logs, size, T) == pytest.approx(wait_s)
    assert budget.take(0.0, 0.0, T) == pytest.approx(wait_s), "it is owed until it is earned"
    assert budget.take(0.0, 0.0, T + wait_s) == pytest.approx(0.0)
    assert budget.take(LOGS_AT_ONCE, BYTES_AT_ONCE, T + 9e6) == 0.0, "and no more is saved up than that"


def test_a_rig_on_a_link_of_its_own_pays_for_all_of_it(desk: Desk) -> None:
    link = desk.online("t1").link
    assert charge.for_logs(desk.links, link, [1, 1], [b"x" * 100, b"x" * 200], 2, 1_000) is None
    assert paid(desk, 1) == (2, 1_000)
    assert charge.for_logs(desk.links, link, [1], [b"x" * 100], 3, 500) is None
    assert paid(desk, 1) == (5, 1_500), "what came twice is paid for, too"
    assert link._owes == 0.0


def test_each_rig_of_a_link_pays_for_its_own_and_the_first_for_the_rest(desk: Desk) -> None:
    link = desk.online("t1", "t2").link
    raws = [b"x" * 100, b"x" * 200, b"x" * 300]
    assert charge.for_logs(desk.links, link, [1, 1, 2], raws, 4, 1_000) is None
    assert (paid(desk, 1), paid(desk, 2)) == ((2.5, 500), (1, 300)), "what is nobody's is shared by all in the end"
    assert charge.for_logs(desk.links, link, [2, 1, 2], raws, 3, 600) is None
    assert (paid(desk, 1), paid(desk, 2)) == ((3.5, 700), (3, 700))


async def test_a_link_on_which_no_rig_may_speak_pays_itself(desk: Desk) -> None:
    link = desk.online("t1").link
    desk.online("t1")
    for _ in range(40):
        assert charge.for_logs(desk.links, link, [], [], 500, 1 << 20) is None
    assert link._owes > 100.0
    assert paid(desk, 1) == (0, 0)


def test_a_rig_beyond_its_share_keeps_what_it_has_earned(desk: Desk) -> None:
    sentry = desk.online("t1", "t2")
    budget = desk.links.budgets.of(2)
    budget.journal.take((512 << 20) - 250, T)
    raws = [b"x" * 100] * 4
    kept = charge.for_logs(desk.links, sentry.link, [2, 1, 2, 2], raws, 4, 400)
    assert kept == [0, 1, 2], "250 bytes are left, of the 300 that it sent"
    assert (desk.stats.rigs[2].over_quota, desk.stats.rigs[1].over_quota) == (1, 0)
    assert desk.limits() == [("rig-2", "sends more than its share of the journal", 1, 2)], "not the first of the link"


async def test_a_spool_that_is_new_for_rigs_that_are_not_is_compared(desk: Desk) -> None:
    """A restored disk: its logs come again under other numbers, and would be stored twice."""
    first = desk.online("t1", "t2")
    assert first.link.newcomer is None
    first.log(OperationalLog(NOW - 9), OperationalLog(NOW - 5), slots=[0, 0])
    again = Sentry(desk, spool=b"another spool !!")
    again.greet("t3", "t1", "nonsense")
    assert again.link.newcomer is not None
    assert (again.link.newcomer.spool, again.link.newcomer.newest) == (again.spool, {1: NOW - 5})
    assert Sentry(desk, spool=b"a third spool !!").greet("t3").highest is None
    same = Sentry(desk)
    same.greet("t1")
    assert same.link.newcomer is None, "this one is known"
