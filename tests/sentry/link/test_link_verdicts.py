"""Only a removal ends mining; all else that can be wrong with a token or a Commander ends the sending at most."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from sentry_helpers import QUICK, FakePart, running

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.link import link as link_module
from rigfarm.sentry.spool.record import token_key
from rigfarm.wire.commands import RestartMiner
from rigfarm.wire.frames import (
    CommandResult,
    ConsoleWatch,
    Gap,
    Hello,
    Playbooks,
    ReportEvery,
    RigCommand,
    Verdict,
    Verdicts,
)
from rigfarm.wire.tokens import new_token
from support.toy_commander import ToyCommander, page
from support.until import until


def linked(settings: Settings, commander: ToyCommander, *parts: FakePart, **changed: float) -> Agent:
    timings = msgspec.structs.replace(QUICK, **changed)
    return Agent(msgspec.structs.replace(settings, commander=commander.url), parts, timings=timings)


async def test_a_removal_while_connected(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    token = part.token
    commander.good(token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        part.report(3)
        await until(lambda: len(commander.uptimes) == 3)
        commander.verdicts[token] = Verdict("removed", 1, "rig-01")
        await commander.tell(Verdicts([(0, Verdict("removed", 1, "rig-01"))]))
        await until(lambda: not part.mining)
        await until(lambda: agent.link.state is LinkState.IDLE)
        assert agent.judgements == {}
        assert not agent.reporter.latest


async def test_tokens_that_are_taken_away_while_it_connects(
    settings: Settings, commander: ToyCommander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A greeting without a token is refused as garbage, after which the next one waits longer."""
    part = FakePart()
    commander.good(part.token)
    prove, taken = link_module.prove, asyncio.Event()

    async def slowly(*given: Any) -> Any:
        proven = await prove(*given)
        if not taken.is_set():
            taken.set()
            agent.link.speak_for([])
        return proven

    monkeypatch.setattr(link_module, "prove", slowly)
    async with running(linked(settings, commander, part)) as agent:
        await until(taken.is_set)
        await until(lambda: agent.link.state is LinkState.IDLE)
        assert agent.link.error is None
        assert not part.verdicts
        agent.link.speak_for([part.token])
        await until(lambda: part.verdicts)


async def test_a_removal_heard_only_after_a_return(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.verdicts[part.token] = Verdict("removed", 1, "rig-01")
    await commander.stop()
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.reporter)
        part.report(250)
        await until(lambda: agent.spool.stats().logs == 250)
        assert part.mining
        await commander.start()
        await until(lambda: not part.mining)
        await until(lambda: agent.spool.stats().logs == 0, "its logs are deleted")
        assert agent.spool.gaps() == [(1, 250, False)]
        assert not commander.kept
    # The next rig this machine becomes: the old numbers are accounted for, and are nobody's loss.
    again = FakePart()
    commander.good(again.token)
    async with running(linked(settings, commander, again)) as agent:
        await until(lambda: again.verdicts)
        again.report(2)
        await until(lambda: len(commander.uptimes) == 2)
        await until(lambda: commander.of(Gap) and not agent.spool.gaps())
    assert commander.of(Gap) == [Gap(1, 250, False, [])]
    assert commander.lost == 0


async def test_a_removal_ends_one_rig_of_several(settings: Settings, commander: ToyCommander) -> None:
    parts = [FakePart(), FakePart()]
    gone = parts[0].token
    commander.good(gone, parts[1].token)
    async with running(linked(settings, commander, *parts)):
        await until(lambda: all(part.verdicts for part in parts))
        commander.verdicts[gone] = Verdict("removed")
        await commander.tell(Verdicts([(0, Verdict("removed"))]))
        await until(lambda: not parts[0].mining)
        numbers = parts[1].report(3)
        await until(lambda: commander.uptimes == numbers)
        assert parts[1].mining
        assert commander.connections == 1


async def test_a_refused_token_ends_the_sending_and_never_the_mining(
    settings: Settings, commander: ToyCommander
) -> None:
    part = FakePart()
    await commander.stop()
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.reporter)
        part.report(5)
        await commander.start()
        await until(lambda: part.verdicts)
        assert part.verdicts[0].kind == "unknown"
        await until(lambda: agent.link.state is LinkState.IDLE)
        assert part.mining
        assert agent.judgements[part.token].kind == "unknown"
        assert agent.spool.stats().logs == 5, "kept: the Commander may know the token again one day"
        # As a part does now and then:
        commander.good(part.token)
        part.set_token(part.token)
        await until(lambda: len(commander.uptimes) == 5)
        assert part.verdicts[-1].kind == "ok"


async def test_a_token_rotated_while_connected(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    old = part.token
    commander.good(old)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        del commander.verdicts[old]
        await commander.tell(Verdicts([(0, Verdict("unknown"))]))
        await until(lambda: agent.link.state is LinkState.IDLE)
        assert part.mining
        new = new_token()
        commander.good(new)
        agent.adopt(new)
        await until(lambda: agent.link.state is LinkState.ONLINE)
        numbers = part.report(2)
        await until(lambda: commander.uptimes == numbers)
        assert list(agent.judgements) == [new]


async def test_logs_of_a_refused_token_wait_aside_while_others_are_sent(
    settings: Settings, commander: ToyCommander
) -> None:
    good, refused = FakePart(), FakePart()
    refused.reports = 1_000
    commander.good(good.token)
    await commander.stop()
    async with running(linked(settings, commander, good, refused, resend_s=120.0)) as agent:
        await until(lambda: good.reporter and refused.reporter)
        for _ in range(30):
            good.report(1)
            refused.report(1)
        await until(lambda: agent.spool.stats().logs == 60)
        await commander.start()
        await until(lambda: len(commander.uptimes) == 30)
        await until(lambda: agent.spool.stats().logs == 30)
        assert refused.mining
        key = token_key(refused.token)
        await until(lambda: agent.spool.holds)
        commander.good(refused.token)
        refused.set_token(refused.token)
        await until(lambda: len(commander.uptimes) == 60)
        await until(lambda: agent.spool.stats().logs == 0)
        assert key
    assert sorted(commander.uptimes) == [float(n) for n in [*range(1, 31), *range(1_001, 1_031)]]
    assert commander.lost == 0
    assert all(count == 1 for count in commander.sends.values())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (page(403), "forbids"),
        (page(404), "no Commander"),
        (page(502), "the Commander behind it does not"),
        (page(200), "an ordinary web page"),
        (page(302, Location="https://login.example/portal"), "https://login.example/portal"),
        (page(401), "forbids"),
        (page(429), "rate-limiting us"),
    ],
)
async def test_a_proxy_that_answers_itself(
    settings: Settings, commander: ToyCommander, answer: object, words: str
) -> None:
    part = FakePart()
    commander.good(part.token)
    commander.answer = answer  # type: ignore[assignment]
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: agent.link.state is LinkState.WAITING)
        assert words in (agent.link.status().error or "")
        assert part.mining
        assert not part.verdicts
        commander.answer = None
        await until(lambda: agent.link.state is LinkState.ONLINE)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (4400, "could not read"),
        (4401, "none of this Sentry's tokens"),
        (4408, "greeting"),
        (1012, "restarting"),
        (1013, "overloaded"),
        (4999, "code 4999: because"),
    ],
)
async def test_a_commander_that_closes_says_why(
    settings: Settings, commander: ToyCommander, code: int, words: str
) -> None:
    part = FakePart()
    commander.close_at_hello = (code, "because\x1b[31m")
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: agent.link.state is LinkState.WAITING)
        error = agent.link.status().error or ""
        assert words in error
        assert error.isprintable()
        assert part.mining


async def test_a_bad_token_and_a_block_are_not_tried_again_at_once(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.close_at_hello = (4429, "too many bad tokens")
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: agent.link.state is LinkState.WAITING)
        status = agent.link.status()
        assert status.retry_at is not None
        assert status.retry_at - status.since > 59
        assert commander.connections == 1


async def test_somebody_who_speaks_something_else(settings: Settings) -> None:
    async def shout(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    part = FakePart()
    agent = Agent(msgspec.structs.replace(settings, commander=f"http://127.0.0.1:{port}"), [part], timings=QUICK)
    async with running(agent):
        await until(lambda: agent.link.state is LinkState.WAITING)
        assert "it is not a Commander" in (agent.link.status().error or "")
    server.close()


async def test_what_the_commander_says_reaches_the_part(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.verdicts)
        await commander.tell(Playbooks(0, 7, []))
        await commander.tell(RigCommand("c-1", 0, RestartMiner()))
        await commander.tell(ConsoleWatch(0, 3, True))
        await commander.tell(ReportEvery(12.5))
        await until(lambda: part.playbooks and part.orders and part.watched)
        await until(lambda: len(commander.of(CommandResult)) == 2)
        assert [(result.id, result.state) for result in commander.of(CommandResult)] == [  # type: ignore[union-attr]
            ("c-1", "running"),
            ("c-1", "done"),
        ]
        assert part.playbooks == [(7, [])]
        assert part.watched == [(3, True)]
        assert agent.reporter.interval_s == 12.5


async def test_an_order_that_raises_is_answered(settings: Settings, commander: ToyCommander) -> None:
    class Clumsy(FakePart):
        async def on_command(self, token: str, order: object) -> tuple[str, str]:  # type: ignore[override]
            raise OSError("no such device")

    part = Clumsy()
    commander.good(part.token)
    async with running(linked(settings, commander, part)):
        await until(lambda: part.verdicts)
        await commander.tell(RigCommand("c-1", 0, RestartMiner()))
        await until(lambda: len(commander.of(CommandResult)) == 2)
        assert commander.of(CommandResult)[-1].state == "failed"  # type: ignore[union-attr]


async def test_a_frame_for_a_slot_that_is_not_there_is_nobodys(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)):
        await until(lambda: part.verdicts)
        await commander.tell(Verdicts([(7, Verdict("removed")), (-1, Verdict("removed"))]))
        await commander.tell(Playbooks(5, 1, []))
        numbers = part.report(1)
        await until(lambda: commander.uptimes == numbers)
        assert part.mining
        assert not part.playbooks


@pytest.mark.parametrize("data", [b"\xc1", b"", b"\x92\x65\x01", "text", b"\x94\x65\x00\x05\x90"])
async def test_garbage_of_a_commander_ends_the_link_and_nothing_else(
    settings: Settings, commander: ToyCommander, data: bytes | str
) -> None:
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: agent.link.state is LinkState.ONLINE)
        await commander.sockets[0].send(data)
        await until(lambda: commander.connections == 2)
        numbers = part.report(1)
        await until(lambda: commander.uptimes == numbers)


async def test_a_frame_from_the_future_is_ignored(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)):
        await until(lambda: part.verdicts)
        for _ in range(3):
            await commander.sockets[0].send(msgspec.msgpack.encode([190, "new"]))
        numbers = part.report(1)
        await until(lambda: commander.uptimes == numbers)
        assert commander.connections == 1


async def test_tokens_added_while_connected(settings: Settings, commander: ToyCommander) -> None:
    first, second = FakePart(), FakePart("")
    later = new_token()
    commander.good(first.token, later)
    async with running(linked(settings, commander, first, second)):
        await until(lambda: first.verdicts)
        second.set_token(later)
        await until(lambda: second.verdicts)
        second.reports = 100
        second.report(2)
        first.report(1)
        await until(lambda: sorted(commander.uptimes) == [1.0, 101.0, 102.0])
        assert commander.connections == 1
        assert [len(hello.tokens) for hello in commander.of(Hello)] == [1, 2]  # type: ignore[union-attr]


async def test_a_sentry_without_a_token_waits_for_one(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart("")
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.reporter)
        await until(lambda: agent.link.state is LinkState.IDLE)
        assert commander.connections == 0
        token = new_token()
        commander.good(token)
        agent.adopt(token)
        await until(lambda: part.verdicts)


async def test_a_log_the_commander_cannot_read_holds_up_no_other(settings: Settings, commander: ToyCommander) -> None:
    part = FakePart()
    commander.good(part.token)
    commander.unreadable = {57.0}
    await commander.stop()
    async with running(linked(settings, commander, part)) as agent:
        await until(lambda: part.reporter)
        part.report(120)
        await until(lambda: agent.spool.stats().logs == 120)
        await commander.start()
        await until(lambda: len(commander.uptimes) == 119, within_s=60)
        await until(lambda: agent.spool.stats().logs == 0)
        assert agent.spool.stats().dropped == 1
    assert commander.lost == 1


async def test_a_cloned_disk_is_noticed(settings: Settings, commander: ToyCommander) -> None:
    commander.tells_highest = True
    part = FakePart()
    commander.good(part.token)
    async with running(linked(settings, commander, part)):
        await until(lambda: part.verdicts)
        part.report(10)
        await until(lambda: len(commander.uptimes) == 10)
    copy = (settings.data_dir / "spool.db").read_bytes()
    other = FakePart(part.token)
    other.reports = 10
    async with running(linked(settings, commander, other)):
        await until(lambda: other.verdicts)
        other.report(10)
        await until(lambda: len(commander.uptimes) == 20)
    (settings.data_dir / "spool.db").write_bytes(copy)
    clone = FakePart(part.token)
    clone.reports = 100
    async with running(linked(settings, commander, clone)):
        await until(lambda: clone.verdicts)
        numbers = clone.report(10)
        await until(lambda: set(numbers) <= set(commander.uptimes), "its new logs are not taken for old ones")
    assert len(commander.kept) == 2
