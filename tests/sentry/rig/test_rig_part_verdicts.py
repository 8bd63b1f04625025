"""Only a removal ever ends mining; a refused token ends the reporting."""

from __future__ import annotations

import asyncio

import pytest
from rig_fakes import TOKEN, Rig, running

from rigfarm.sentry.rig import standing
from rigfarm.sentry.rig.standing import Standing, TokenState
from rigfarm.wire.frames import Verdict
from rigfarm.wire.playbooks import Archive, AssignedPlaybook
from support.until import until

OTHER = "rf_" + "o" * 43
ORDER = AssignedPlaybook(
    id=7,
    revision=1,
    name="p",
    archive=Archive("x", "1", "0" * 64, 1, "x", "tar.gz", "x"),
    template="",
    variables={},
    adapter="xmrig",
    api_arguments="",
    workloads=[],
)


async def test_removed_ends_mining_then_forgets_the_token() -> None:
    async with running(Rig()) as rig:
        await until(lambda: rig.reporter.logs)
        await rig.part.on_verdict(TOKEN, Verdict("removed"))
        assert rig.runner.removed == 1
        assert rig.stored == [None]
        assert rig.part.tokens() == []
        assert rig.part.standing.state is TokenState.NONE
        assert rig.reporter.token_changes == 1
        count = len(rig.reporter.logs)
        await asyncio.sleep(0.1)
        assert len(rig.reporter.logs) == count


async def test_a_removal_that_fails_is_tried_again_and_the_token_kept_until_it_is_done() -> None:
    rig = Rig()
    rig.runner.removals_fail = 2
    async with running(rig):
        await rig.part.on_verdict(TOKEN, Verdict("removed"))
        assert rig.stored == []
        assert rig.part.tokens() == []
        await until(lambda: rig.stored == [None])
        assert rig.runner.removed == 3


async def test_a_rig_without_a_runner_can_be_removed_too() -> None:
    rig = Rig(runner=None)
    await rig.part.on_verdict(TOKEN, Verdict("removed"))
    assert rig.stored == [None]


async def test_unknown_ends_the_reporting_and_nothing_else() -> None:
    async with running(Rig()) as rig:
        await until(lambda: rig.reporter.logs)
        await rig.part.on_verdict(TOKEN, Verdict("unknown"))
        count = len(rig.reporter.logs)
        await asyncio.sleep(0.1)
        assert len(rig.reporter.logs) == count
        assert rig.part.tokens() == []
        assert (rig.runner.removed, rig.runner.applied, rig.stored) == (0, [], [])


async def test_a_refused_token_is_offered_again_and_reports_once_it_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "OFFER_AGAIN_S", 0.05)
    async with running(Rig()) as rig:
        await rig.part.on_verdict(TOKEN, Verdict("unknown"))
        rig.reporter.logs.clear()
        await until(lambda: rig.part.tokens() == [TOKEN])
        assert rig.part.standing.state is TokenState.OFFERED
        await asyncio.sleep(0.05)
        assert rig.reporter.logs == []
        await rig.part.on_verdict(TOKEN, Verdict("ok", rig=3, name="rig three"))
        await until(lambda: rig.reporter.logs)
        assert rig.part.rig_name == "rig three"


async def test_a_verdict_on_another_token_is_not_ours() -> None:
    rig = Rig()
    await rig.part.on_verdict(OTHER, Verdict("removed"))
    assert (rig.runner.removed, rig.stored, rig.part.tokens()) == (0, [], [TOKEN])


async def test_a_new_token_is_stored_and_reported_for_with_specs_and_statuses() -> None:
    async with running(Rig(token=None)) as rig:
        await asyncio.sleep(0.05)
        assert (rig.reporter.logs, rig.part.tokens()) == ([], [])
        rig.part.set_token(OTHER)
        assert (rig.stored, rig.part.tokens()) == ([OTHER], [OTHER])
        await until(lambda: rig.reporter.logs and rig.reporter.told_specs)
        assert rig.reporter.logs[0][0] == OTHER
        assert rig.reporter.told_specs[0][0] == OTHER
        assert rig.reporter.statuses[-1][0] == OTHER


async def test_playbooks_go_to_the_runner_and_their_statuses_back() -> None:
    async with running(Rig()) as rig:
        await until(lambda: rig.reporter.statuses)
        await rig.part.on_playbooks(TOKEN, 4, [ORDER])
        assert rig.runner.applied == [(4, [ORDER])]
        assert rig.reporter.statuses[-1] == (TOKEN, rig.runner.statuses())
        rig.part.tell_console(7, 100, ["a line"])
        assert rig.reporter.lines == [(TOKEN, 7, 100, ["a line"])]
        await rig.part.on_console_watch(TOKEN, 7, True)
        assert rig.runner.watched == [(7, True)]


async def test_playbooks_of_another_token_or_a_removed_rig_are_not_applied() -> None:
    rig = Rig()
    await rig.part.on_playbooks(OTHER, 4, [ORDER])
    await rig.part.on_verdict(TOKEN, Verdict("removed"))
    await rig.part.on_playbooks(TOKEN, 5, [ORDER])
    assert rig.runner.applied == []


async def test_a_rig_without_a_runner_ignores_playbooks() -> None:
    rig = Rig(runner=None)
    await rig.part.on_playbooks(TOKEN, 4, [ORDER])
    async with running(rig):
        await until(lambda: rig.reporter.logs)
    assert rig.reporter.statuses == []


def test_the_states_of_a_token() -> None:
    now = [0.0]
    token = Standing("t", lambda: now[0])
    assert token.reports
    token.judged("unknown")
    assert (token.reports, token.speaks, token.offer_again()) == (False, False, False)
    now[0] = 601.0
    assert token.offer_again()
    assert (token.reports, token.speaks) == (False, True)
    token.judged("unknown")
    assert not token.offer_again()
    token.judged("removed")
    assert (token.reports, token.speaks) == (False, False)
    token.judged("ok")
    assert token.state is TokenState.REMOVED
    token.replace(None)
    token.judged("ok")
    assert token.state is TokenState.NONE
