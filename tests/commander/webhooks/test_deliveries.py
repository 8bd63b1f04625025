"""Deliveries to real receivers: signed, repeated until they are taken, and none waits for another's receiver."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from rigfarm.commander.live import Hub
from rigfarm.commander.refusals import Absent, Invalid
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.storage import Storage
from rigfarm.commander.webhooks import actions
from rigfarm.commander.webhooks.actions import Happened, Webhooks
from rigfarm.commander.webhooks.delivery.post import Poster
from rigfarm.commander.webhooks.delivery.sender import Sender
from rigfarm.commander.webhooks.model import Delivery, Webhook, WebhookForm
from rigfarm.common.clock import utc_ms
from support.receiver import Received, Receiver, is_signed
from support.until import until

FORM = WebhookForm(name="tickets", lan=True)


async def happen(storage: Storage, hooks: Webhooks, count: int = 1) -> None:
    events = [Happened("rig.added", utc_ms(), {"rig": f"rig-{number}"}) for number in range(count)]
    async with storage.begin() as tx:
        found = await hooks.put(tx, events)
    hooks.committed(found)


async def log(hooks: Webhooks) -> list[Delivery]:
    return await hooks.deliveries(100)


async def ended(hooks: Webhooks, count: int = 1) -> list[Delivery]:
    """All deliveries, once so many have ended."""
    while True:
        found = await log(hooks)
        if sum(one.state != "waiting" for one in found) >= count:
            return found
        await asyncio.sleep(0.01)


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def test_an_event_arrives_signed(storage: Storage, hooks: Webhooks, sender: Sender, receiver: Receiver) -> None:
    hook = await hooks.create(FORM, receiver.url)
    await happen(storage, hooks)
    await until(lambda: receiver.received)
    [one] = receiver.received
    assert one.path == "/hooks/s3cret-path"
    assert one.headers["content-type"] == "application/json"
    assert one.event["type"] == "rig.added"
    assert one.event["data"] == {"rig": "rig-0"}
    assert is_signed(one, hook.secret)
    assert not is_signed(one._replace(body=one.body + b" "), hook.secret)
    assert abs(int(one.headers["webhook-timestamp"]) - utc_ms() // 1000) < 60
    [row] = await ended(hooks)
    assert (row.state, row.answer, row.message_id) == ("sent", "HTTP 200 fine", one.message_id)
    await until(lambda: hooks.waiting(hook.id) == 0, "counted after it was stored")


async def test_a_new_secret_signs_next_to_the_old_one_for_a_day(
    storage: Storage, hub: Hub, incidents: Incidents, receiver: Receiver, hooks: Webhooks
) -> None:
    hook = await hooks.create(FORM, receiver.url)
    rotated = await hooks.rotate(hook.id)
    assert rotated.secret != hook.secret
    await hooks.test(hook.id)
    assert is_signed(receiver.received[0], hook.secret)
    assert is_signed(receiver.received[0], rotated.secret)
    assert rotated.secrets(utc_ms() + 25 * 3_600_000) == [rotated.secret]
    again = Webhooks(storage, hub, incidents)
    await again.load()
    assert again.get(hook.id) == rotated


async def test_what_fails_is_sent_again_with_the_same_id(
    storage: Storage, hooks: Webhooks, sender: Sender, receiver: Receiver
) -> None:
    answers = [http("500 Oops", b"try later"), b"\x00garbage\r\n\r\n", b"", http("200 OK")]
    receiver.answer = lambda _: answers[len(receiver.received) - 1]
    await hooks.create(FORM, receiver.url)
    await happen(storage, hooks)
    [row] = await ended(hooks)
    assert (row.state, row.attempts) == ("sent", 4)
    assert len({one.message_id for one in receiver.received}) == 1
    assert len({one.body for one in receiver.received}) == 1


async def test_what_never_arrives_is_given_up_and_says_why(
    storage: Storage, hooks: Webhooks, sender: Sender, receiver: Receiver
) -> None:
    receiver.answer = lambda _: http("503 No", b"over s3cret-path \x1b[31mcapacity")
    await hooks.create(FORM, receiver.url)
    await happen(storage, hooks)
    [row] = await ended(hooks)
    assert (row.state, row.attempts, len(receiver.received)) == ("failed", 4, 4)
    assert row.answer.startswith("Given up. HTTP 503 over … ")
    assert "\x1b" not in row.answer


async def test_a_redirect_is_not_followed(
    storage: Storage, hooks: Webhooks, sender: Sender, receiver: Receiver
) -> None:
    async with Receiver() as other:
        receiver.answer = lambda _: http("307 Elsewhere", b"", f"Location: {other.url}")
        hook = await hooks.create(FORM, receiver.url)
        answer = await hooks.test(hook.id)
        assert not answer.ok
        assert "redirects are not followed" in answer.text
        assert other.received == []


@pytest.mark.parametrize("repeats", [600])
async def test_a_receiver_that_is_down_gets_everything_when_it_is_back(
    storage: Storage, hooks: Webhooks, sender: Sender
) -> None:
    async with Receiver() as receiver:
        pass
    await hooks.create(FORM, receiver.url)
    await happen(storage, hooks, 5)
    while not any(one.attempts for one in await log(hooks)):
        await asyncio.sleep(0.01)
    assert "can't be reached" in (await log(hooks))[-1].answer
    async with Receiver(receiver.port) as back:
        rows = await ended(hooks, 5)
    assert {one.state for one in rows} == {"sent"}
    assert {one.message_id for one in back.received} == {one.message_id for one in rows}


@pytest.mark.parametrize("within_s", [1.0])
async def test_a_silent_receiver_stops_nobody_else(
    storage: Storage, hooks: Webhooks, sender: Sender, receiver: Receiver
) -> None:
    async with Receiver() as silent:
        silent.silent = True
        await hooks.create(replace(FORM, name="silent"), silent.url)
        await hooks.create(FORM, receiver.url)
        await happen(storage, hooks, 20)
        await until(lambda: len({one.message_id for one in receiver.received}) == 20)
        await until(lambda: len(silent.received) > 1)  # it was given up after a second, and is asked again
        assert any(one.answer.endswith("No answer within 1 s") for one in await log(hooks))


async def test_an_endless_answer_is_cut(hooks: Webhooks, receiver: Receiver) -> None:
    receiver.answer = lambda _: b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000_000
    answer = await hooks.test((await hooks.create(FORM, receiver.url)).id)
    assert answer.ok
    assert len(answer.text) <= 320


async def test_an_answer_that_is_announced_without_end_is_cut(hooks: Webhooks, receiver: Receiver) -> None:
    receiver.answer = lambda _: b"HTTP/1.1 102 Processing\r\n\r\n" * 20_000 + http("200 OK")
    hook = await hooks.create(FORM, receiver.url)
    answer = await hooks.test(hook.id)
    assert not answer.ok
    assert "the answer is too long" in answer.text


async def test_nothing_is_sent_to_addresses_that_only_this_machine_can_reach(
    storage: Storage, hub: Hub, incidents: Incidents, receiver: Receiver
) -> None:
    """With the farm's real rules: the LAN is private networks, and never this machine."""
    hooks = Webhooks(storage, hub, incidents, Poster())
    for url in (receiver.url, f"http://localhost:{receiver.port}/", f"http://[::ffff:127.0.0.1]:{receiver.port}/",
                f"http://2130706433:{receiver.port}/", "http://169.254.169.254/"):  # fmt: skip
        hook = await hooks.create(replace(FORM, name=f"to {url[:30]}"), url)
        answer = await hooks.test(hook.id)
        assert not answer.ok
        assert "blocked" in answer.text
    assert receiver.received == []


@pytest.mark.parametrize(
    ("url", "lan"),
    [
        ("", True),
        ("http://example.org/x", False),
        ("https://user:password@example.org/", False),
        ("ftp://example.org/", True),
        ("https:///x", True),
        ("https://example.org:0/", True),
        ("https://example.org/a b", True),
        ("https://example.org/" + "x" * 2_000, False),
    ],
)
async def test_a_url_that_cannot_be_is_refused(hooks: Webhooks, url: str, lan: bool) -> None:
    with pytest.raises(Invalid) as refused:
        await hooks.create(replace(FORM, lan=lan), url)
    assert list(refused.value.fields) == ["url"]


async def test_a_removed_webhook_is_sent_nothing_more(
    storage: Storage, hooks: Webhooks, sender: Sender, receiver: Receiver
) -> None:
    receiver.answer = lambda _: http("500 Oops")
    hook = await hooks.create(FORM, receiver.url)
    await happen(storage, hooks, 3)
    await until(lambda: receiver.received)
    await hooks.remove(hook.id)
    assert await log(hooks) == []
    with pytest.raises(Absent):
        await hooks.test(hook.id)
    seen = len(receiver.received)
    other = await hooks.create(replace(FORM, name="other"), receiver.url)
    await hooks.test(other.id)
    assert len(receiver.received) <= seen + 2  # the test, and one that was under way


@pytest.mark.parametrize("repeats", [600])
async def test_a_webhook_that_is_off_waits_with_what_it_has(
    storage: Storage, hooks: Webhooks, sender: Sender, receiver: Receiver
) -> None:
    receiver.answer = lambda _: http("500 Oops")
    hook = await hooks.create(FORM, receiver.url)
    await happen(storage, hooks)
    await until(lambda: receiver.received)
    await hooks.change(hook.id, replace(FORM, on=False))
    await happen(storage, hooks)
    assert hooks.waiting(hook.id) == 1
    receiver.answer = lambda _: http("200 OK")
    await hooks.change(hook.id, FORM)
    [row] = await ended(hooks)
    assert row.state == "sent"


async def test_what_waits_is_bounded_and_the_limit_is_noted(
    storage: Storage, hooks: Webhooks, incidents: Incidents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MAX_WAITING", 10)
    hook = await hooks.create(FORM, "https://receiver.example/")
    await happen(storage, hooks, 8)
    await happen(storage, hooks, 8)
    assert hooks.waiting(hook.id) == 10
    assert len(await log(hooks)) == 10
    assert [one.count for one in incidents.all() if "events waiting" in one.kind] == [6]


async def test_a_restart_goes_on_with_what_waits(
    storage: Storage, hub: Hub, hooks: Webhooks, incidents: Incidents
) -> None:
    hook = await hooks.create(FORM, "https://receiver.example/")
    await happen(storage, hooks, 3)
    again = Webhooks(storage, hub, incidents)
    await again.load()
    assert again.waiting(hook.id) == 3


def test_secrets_are_not_shown_by_accident() -> None:
    hook = Webhook(1, FORM, "https://example.org/s3cret", "whsec_abc", "whsec_old", 0, 1, 0)
    assert "s3cret" not in repr(hook)
    assert "whsec" not in f"{hook!r} {hook}"


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the specification's reference implementation."""
    from rigfarm.commander.webhooks.delivery.signing import signed_headers

    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed_headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert is_signed(Received("", headers, b'{"test": 2432232314}'), secret)
