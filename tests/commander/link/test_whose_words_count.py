"""Whether a rig may speak is decided by its id, for each frame: whatever a Sentry did with its Hellos before, a token
that was removed, replaced or used elsewhere is worth nothing from that moment. And who is sent away is told why."""

from __future__ import annotations

import asyncio

import pytest
from speaker import speaker, stored

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import PROTOCOL, Acks, Hello, Verdict, Verdicts
from rigfarm.wire.log import OperationalLog

MAC = {"mac": "aa:bb:cc:dd:ee:ff"}


async def specs_of(commander: CommanderProcess, rig_id: int) -> object:
    answer = await asyncio.to_thread(commander.api, "GET", f"/api/rigs/{rig_id}")
    assert isinstance(answer, dict)
    return answer.get("specs")


async def test_a_token_named_twice_is_refused_with_a_reason(commander: CommanderProcess) -> None:
    """Its second slot survived the removal of its rig."""
    ((_, token),) = await asyncio.to_thread(commander.add_rigs, ["rig"])
    async with speaker(commander) as sentry:
        await sentry.socket.send(encode(Hello(PROTOCOL, "1", sentry.spool, [token, token])))
        assert await sentry.closed() == (4400, "a Hello names a token twice")
    async with speaker(commander) as sentry:
        await sentry.hello(token)
        await sentry.socket.send(encode(Hello(PROTOCOL, "1", sentry.spool, [token, "other", token])))
        assert (await sentry.closed())[0] == 4400


@pytest.mark.parametrize("end", ["remove", "rotate"])
async def test_after_a_token_ended_nothing_is_taken_whatever_was_greeted(commander: CommanderProcess, end: str) -> None:
    (ended, token), (stays, other) = await asyncio.to_thread(commander.add_rigs, ["ended", "stays"])
    async with speaker(commander) as sentry:
        await sentry.hello(token)
        await sentry.hello("bad", other, token)  # other slots than before
        await sentry.log(2, 1)
        if end == "remove":
            await asyncio.to_thread(commander.api, "DELETE", f"/api/rigs/{ended}")
        else:
            await asyncio.to_thread(commander.api, "POST", f"/api/rigs/{ended}/token")
        changes = (await sentry.hear(Verdicts)).changes
        assert [(slot, verdict.kind) for slot, verdict in changes] == [(2, "removed" if end == "remove" else "unknown")]
        await sentry.log(2, 2, 1)
        assert [one.kind for one in (await sentry.hello(other, token)).verdicts] == [
            "ok",
            "removed" if end == "remove" else "unknown",
        ]
        await sentry.log(1, 0)
        for frame in (
            [2, 1, {"sentry_version": "1"} | MAC],
            [4, 90, 99, True, [[1, 10, 0]]],
            [5, 1, [[0]]],
            [6, 1, [{"id": 1, "revision": 1, "state": "mining"}]],
            [7, 1, 1, 0, ["line"]],
            [8, "id", 1, "done"],
        ):
            await sentry.socket.send(encode(frame))
        await sentry.log(0)
        if end == "rotate":
            assert await specs_of(commander, ended) is None
    await asyncio.to_thread(commander.stop)
    assert stored(commander) == {ended: 1, stays: 4}


async def test_of_two_sentries_with_one_token_the_later_one_is_heard(commander: CommanderProcess) -> None:
    (rig, token), (other, other_token) = await asyncio.to_thread(commander.add_rigs, ["rig", "other"])
    async with speaker(commander) as first, speaker(commander) as second:
        await first.hello(token, other_token)
        await first.log(0, 1)
        await second.hello(token)
        await second.log(0)
        await first.log(0, 0, 1)  # acknowledged, and only the other rig's is kept
        await first.hello(other_token)  # no longer names it, and must not end the other's right to speak
        await second.log(0)
        await asyncio.to_thread(commander.api, "DELETE", f"/api/rigs/{rig}")
        await second.hear(Verdicts)
        await second.log(0)
        await first.log(0)
    await asyncio.to_thread(commander.stop)
    assert stored(commander) == {rig: 3, other: 3}


async def test_a_sentry_whose_only_token_is_used_elsewhere_is_told_so(commander: CommanderProcess) -> None:
    ((_, token),) = await asyncio.to_thread(commander.add_rigs, ["rig"])
    async with speaker(commander) as first, speaker(commander) as second:
        await first.hello(token)
        await second.hello(token)
        assert await first.closed() == (4409, "another Sentry connected with this token")


LOG = OperationalLog(t=1)
SPOILED: dict[str, bytes | str] = {
    "an impossible number": encode([3, (1 << 64) - 1, [0, 0], [LOG, LOG]]),
    "the last numbers there are": encode([3, (1 << 53) - 1, [0, 0], [LOG, LOG]]),
    "a slot nobody named": encode([3, 1, [4_999], [LOG]]),
    "no text": b"\x95\x01\x01\xa1\xff\xc4\x00\x90",
    "a log that is none": encode([3, 1, [0], ["log"]]),
    "a reason of many bytes": encode([3, 1, [0], [[1, *[None] * 4, [["x"] * 12 + ["\N{PILE OF POO}" * 500]]]]]),
    "a text message": "text",
    "an empty message": b"",
    "a gap that ends before it begins": encode([4, 5, 4]),
    "a thousand pieces": encode([3, 5_000, [0], [LOG]]),
}


async def test_who_sends_what_is_no_frame_is_told_so_and_harms_nobody(commander: CommanderProcess) -> None:
    """The close code reached nobody once: the handler had returned before it was sent, and the Sentry could not know
    that it should send its logs one by one."""
    (bad, token), (good, other) = await asyncio.to_thread(commander.add_rigs, ["bad", "good"])
    async with speaker(commander) as beside:
        await beside.hello(other)
        for what, spoiled in SPOILED.items():
            async with speaker(commander) as sentry:
                await sentry.hello(token)
                if what == "a thousand pieces":
                    for number in range(1_000):
                        await sentry.socket.send(encode([4, 2 * number, 2 * number]))
                await sentry.socket.send(spoiled)
                code, reason = await sentry.closed()
                assert (code, bool(reason)) == (4400, True), what
            await beside.log(0)
    async with speaker(commander) as again:
        assert (await again.hello(token)).verdicts == [Verdict("ok", bad, "bad")]
        await again.log(0)
    assert commander.ready()
    assert b"Traceback" not in await asyncio.to_thread(commander.log.read_bytes)
    await asyncio.to_thread(commander.stop)
    assert stored(commander) == {bad: 1, good: len(SPOILED)}


async def test_a_stranger_that_greets_wrongly_is_told_so(commander: CommanderProcess) -> None:
    for greeting in (encode([3, 1, [0], [LOG]]), b"\xc1", encode([1, 2, "1", bytes(16), ["t"]]), "text"):
        async with speaker(commander) as sentry:
            await sentry.socket.send(greeting)
            assert (await sentry.closed())[0] == 4400


async def test_a_sentry_learns_its_rigs_new_name_at_once(commander: CommanderProcess) -> None:
    (_, (rig_id, token)) = await asyncio.to_thread(commander.add_rigs, ["first", "second"])
    async with speaker(commander) as sentry:
        await sentry.hello("unknown", token)
        await asyncio.to_thread(commander.api, "PATCH", f"/api/rigs/{rig_id}", {"name": "renamed"})
        assert (await sentry.hear(Verdicts)).changes == [(1, Verdict("ok", rig_id, "renamed"))]


async def test_a_rig_with_a_new_token_is_shown_as_waiting_for_it(commander: CommanderProcess) -> None:
    ((rig_id, token),) = await asyncio.to_thread(commander.add_rigs, ["rig"])

    async def reason() -> object:
        answer = await asyncio.to_thread(commander.api, "GET", f"/api/rigs/{rig_id}")
        assert isinstance(answer, dict)
        return answer.get("reason")

    async with speaker(commander) as sentry:
        await sentry.hello(token)
        await sentry.log(0)
        made = await asyncio.to_thread(commander.api, "POST", f"/api/rigs/{rig_id}/token")
        assert isinstance(made, dict)
        async with asyncio.timeout(30):
            while await reason() != "waiting for its new token":
                await asyncio.sleep(0.1)
    async with speaker(commander) as sentry:
        await sentry.hello(made["token"])
        await sentry.log(0)
        assert await reason() != "waiting for its new token"


async def test_a_bad_log_makes_no_duplicates_of_the_good_ones_beside_it(commander: CommanderProcess) -> None:
    """The Sentry sends them again one by one, with the same numbers. Were those taken already, the logs would be lost
    and acknowledged."""
    ((rig, token),) = await asyncio.to_thread(commander.add_rigs, ["rig"])
    logs = [OperationalLog(t=1_700_000_000_000 + number) for number in range(3)]
    async with speaker(commander) as sentry:
        spool = sentry.spool
        await sentry.hello(token)
        await sentry.socket.send(encode([3, 1, [0, 0, 0], [logs[0], "log", logs[2]]]))
        assert (await sentry.closed())[0] == 4400
    async with speaker(commander) as sentry:
        sentry.spool = spool
        await sentry.hello(token)
        for number in (0, 2):
            await sentry.socket.send(encode([3, 1 + number, [0], [logs[number]]]))
        heard: set[int] = set()
        while heard < {1, 3}:
            heard.update(*(range(first, last + 1) for first, last in (await sentry.hear(Acks)).ranges))
    await asyncio.to_thread(commander.stop)
    assert stored(commander) == {rig: 2}
