"""Messages reach a real local HTTP receiver by Apprise: exactly those that must, whatever the receiver does."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import random
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from rigfarm.commander.alerts import AckLinks, Channels, Courier, Sender, Windows
from rigfarm.commander.alerts.delivery import rows
from rigfarm.commander.alerts.delivery.model import PLACEHOLDERS, ChannelForm, quiet_until
from rigfarm.commander.alerts.delivery.process import Answer
from rigfarm.commander.alerts.delivery.sender import BACKOFF_S
from rigfarm.commander.alerts.delivery.texts import sample
from rigfarm.commander.alerts.delivery.windows import WindowForm, window_end
from rigfarm.commander.fields import checked
from rigfarm.commander.live import Hub
from rigfarm.commander.outbound.secrets import without_secrets
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from support.alerts import AlertFarm, a_rig
from support.until import until

HERE = [ipaddress.ip_network("127.0.0.1/32")]


class Receiver:
    """A web hook."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        self.hangs = False
        self.port = 0
        self._server: asyncio.Server | None = None
        self._ended = asyncio.Event()

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._ended.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        body = await reader.readexactly(length)
        self.got.append(json.loads(body) if body else {})
        if self.hangs:
            await self._ended.wait()
        writer.write(self.answer)
        await writer.drain()
        writer.close()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook/secret-token"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as one:
        yield one


# The process


async def test_it_works(receiver: Receiver) -> None:
    answer = await Courier(HERE).send(receiver.url, "Title", "Body", "critical", lan=True)
    assert answer == Answer(True, "HTTP 200 ok", "JSON")
    assert [(one["title"], one["message"], one["type"]) for one in receiver.got] == [("Title", "Body", "failure")]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 500 Oh no\r\nContent-Length: 18\r\n\r\ntoken secret-token", "HTTP 500 token …"),
        (b"\x00\xff garbage\r\n\r\n", "ConnectionError"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n",
            "169.254.169.254",
        ),
        (b"HTTP/1.1 500 Oh no\r\nContent-Length: 302\r\n\r\n" + b"x" * 290 + b"secret-token", "HTTP 500 xxx"),
    ],
)
async def test_what_a_service_answers_is_said_without_its_secrets(receiver: Receiver, answer: bytes, said: str) -> None:
    receiver.answer = answer
    found = await Courier(HERE).send(receiver.url, "Title", "Body", lan=True)
    assert not found.ok
    assert said in found.answer
    assert "secret" not in found.answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("no p%40ss%2Fword", "no …"),
        ("no p@ss/word", "no …"),
        ("no p%40ss%2fword", "no …"),
        ("no long token", "no …"),
        ("no long+token", "no …"),
        ("no LONG%20TOKEN", "no …"),
        ("no p@ss/wo", "no "),
        ("no harm", "no harm"),
    ],
)
def test_a_secret_is_known_again_however_it_is_written(answer: str, said: str) -> None:
    assert without_secrets(answer, "json://host/p%40ss%2Fword/long%20token") == said


async def test_a_process_that_cannot_be_started_is_an_answer_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", none)
    found = await Courier(HERE).send("json://host", "Title", "Body", lan=True)
    assert found == Answer(False, "the process that sends it could not be started: Resource temporarily unavailable")


@pytest.mark.parametrize(
    "url",
    [
        "mailto://user:password@example.org?smtp=8.8.8.8",
        "mailtos://user:password@example.org?smtp=8.8.8.8&mode=insecure",
        "irc://8.8.8.8/#farm",
        "rsyslog://8.8.8.8",
    ],
)
async def test_nothing_is_sent_outside_the_lan_without_encryption(url: str) -> None:
    found = await Courier().send(url, "Title", "Body", lan=True)
    assert found.answer == "Not sent: 8.8.8.8 is outside the LAN: only encrypted connections are allowed there."


async def test_one_that_never_answers_is_given_up(receiver: Receiver) -> None:
    receiver.hangs = True
    found = await Courier(HERE, within_s=6.0).send(receiver.url, "Title", "Body", lan=True)
    assert not found.ok


@pytest.mark.parametrize(
    "url", ["json://127.0.0.1:{}/", "json://8.8.8.8/", "json://169.254.169.254/", "json://[::1]:{}/"]
)
async def test_nothing_is_sent_where_nothing_may_be(receiver: Receiver, url: str) -> None:
    found = await Courier().send(url.format(receiver.port), "Title", "Body", lan=True)
    assert not found.ok
    assert found.answer.startswith("Not sent:")
    assert receiver.got == []


async def test_the_lan_only_for_a_channel_that_is_in_it(receiver: Receiver) -> None:
    found = await Courier(HERE).send(receiver.url, "Title", "Body", lan=False)
    assert "address of the LAN" in found.answer
    assert receiver.got == []


# The rows


class Post:
    """Stands for the process: what it is given, and what it answers."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.ok = True
        self.fails: BaseException | None = None

    async def check(self, url: str) -> Answer:
        return Answer("://" in url, "Apprise does not know this kind of URL.")

    async def send(self, url: str, title: str, body: str, severity: str = "info", *, lan: bool) -> Answer:
        self.sent.append((title, body))
        if self.fails is not None:
            raise self.fails
        return Answer(self.ok, "HTTP 200" if self.ok else "HTTP 503")


class Office(AlertFarm):
    """Alerts with what sends them."""

    def __init__(self, storage: Storage, post: Post, clock: list[float] | None = None) -> None:
        self.clock = clock if clock is not None else [1_000.0]
        self.post = post
        self.channels = Channels(storage, Hub(), None, post, wall=self.wall)  # type: ignore[arg-type]
        super().__init__(storage, self.channels, clock=self.clock)
        self.channels._rules = self.rule_book
        self.links = AckLinks(storage, lambda: "https://farm.example")
        self.windows = Windows(storage, self.hub, self.book, RigList(self.book, self.stats), wall=self.wall)
        self.sender = Sender(
            storage,
            self.channels,
            self.alerts.get,
            self.links,
            self.windows,
            self.alerts.rigs_in,
            lambda rig_id: f"/rigs/{rig_id}",
            lambda: "https://farm.example",
            wall=self.wall,
        )

    def muted_until(self, rig_ids: Iterable[int]) -> int | None:
        return self.windows.muted_until(rig_ids)

    async def load(self) -> Office:
        await self.channels.load()
        await self.windows.load()
        await super().load()
        await self.links.load()
        await self.sender.load()
        return self

    async def work(self, seconds: float = 0.0) -> None:
        """Let time pass, and everything be sent that is due."""
        await self.later(seconds, step_s=max(seconds / 20, 1.0))
        await self.sender.step()
        await self.sender.settle()

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.post.sent]


@pytest.fixture
async def office(storage: Storage) -> Office:
    made = await Office(storage, Post()).load()
    await made.new_rigs(40)
    return made


async def _channel(office: Office, **values: Any) -> int:
    form = ChannelForm(**{"name": f"channel {len(office.channels.channels)}", **values})
    return (await office.channels.create(form, "json://hook")).id


async def test_one_message_when_it_fires_and_one_when_it_is_resolved(office: Office) -> None:
    await _channel(office)
    office.put(a_rig(1, link_up=False), a_rig(2))
    await office.work(3)
    await office.work(60)
    office.put(a_rig(1))
    await office.work(70)
    await office.work(600)
    assert office.titles == ["[critical] rig-1: offline: link lost", "[resolved] rig-1: offline: link lost"]
    assert "https://farm.example/alerts/1" in office.post.sent[0][1]
    assert "Resolved after" in office.post.sent[1][1]
    assert [one.state for one in await office.channels.messages(10)] == ["sent", "sent"]


async def test_a_new_channel_and_a_restart_are_sent_nothing_old(office: Office, storage: Storage) -> None:
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    await _channel(office)
    await office.work(60)
    again = await Office(storage, office.post, office.clock).load()
    again.put(a_rig(1, link_up=False))
    await again.work(120)
    assert office.post.sent == []


async def test_a_service_that_is_down_gets_it_later_and_only_once(office: Office) -> None:
    await _channel(office)
    office.post.ok = False
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    await office.work(5)
    await office.work(6)
    assert len(office.titles) == 2, "the second attempt comes after ten seconds"
    office.post.ok = True
    await office.work(31)
    await office.work(3600)
    assert len(office.titles) == 3
    (sent,) = await office.channels.messages(10)
    assert (sent.state, sent.attempts, sent.answer) == ("sent", 2, "HTTP 200")


async def test_one_that_is_never_taken_is_given_up_and_says_so(office: Office) -> None:
    await _channel(office)
    office.post.ok = False
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    for wait in BACKOFF_S:
        await office.work(wait + 1)
    await office.work(100_000)
    (sent,) = await office.channels.messages(10)
    assert (sent.state, sent.answer) == ("failed", "given up: HTTP 503")
    assert len(office.titles) == len(BACKOFF_S) + 1


async def test_killed_while_it_was_sent_it_is_sent_once_more(office: Office, storage: Storage) -> None:
    await _channel(office)
    office.post.fails = asyncio.CancelledError()
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    assert [one.state for one in await office.channels.messages(10)] == ["sending"]
    office.post.fails = None
    again = await Office(storage, office.post, office.clock).load()
    again.put(a_rig(1, link_up=False))
    await again.work(1)
    await again.work(60)
    assert len(office.titles) == 2
    assert [one.state for one in await again.channels.messages(10)] == ["sent"]


@pytest.mark.parametrize("fails", [asyncio.CancelledError(), RuntimeError("unexpected")], ids=["restarted", "failed"])
async def test_a_message_that_was_interrupted_is_sent_again_without_a_restart(
    office: Office, fails: BaseException
) -> None:
    await _channel(office)
    office.post.fails = fails
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    assert [one.state for one in await office.channels.messages(10)] == ["sending"]
    office.post.fails = None
    await office.work(1)
    (unsure,) = await office.channels.messages(10)
    assert (unsure.state, unsure.answer) == ("waiting", "interrupted while it was sent: it may arrive twice")
    await office.work(11)
    assert [one.state for one in await office.channels.messages(10)] == ["sent"]
    assert len(office.titles) == 2


async def test_a_result_that_cannot_be_stored_is_stored_later_and_nothing_is_sent_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, full = rows.change_messages, True

    async def fails(tx: AsyncConnection, ids: Sequence[int], **values: object) -> None:
        if full and values.get("state") == "sent":
            raise OperationalError("disk full", None, Exception("disk full"))
        await change(tx, ids, **values)

    monkeypatch.setattr(rows, "change_messages", fails)
    await _channel(office)
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    for _ in range(3):
        with pytest.raises(OperationalError):
            await office.sender.step()
    full = False
    await office.work(3600)
    assert [one.state for one in await office.channels.messages(10)] == ["sent"]
    assert len(office.titles) == 1


async def test_a_database_that_refuses_is_the_trouble_of_its_part(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, full = rows.change_messages, True

    async def fails(tx: AsyncConnection, ids: Sequence[int], **values: object) -> None:
        if full:
            raise OperationalError("disk full", None, Exception("disk full"))
        await change(tx, ids, **values)

    def again(wanted: str | None) -> bool:
        office.channels.wake()
        return part.trouble == wanted

    monkeypatch.setattr(rows, "change_messages", fails)
    await _channel(office)
    office.put(a_rig(1, link_up=False))
    await office.later(3)
    part = Part("alert messages")
    running = asyncio.create_task(office.sender.run(part))
    await until(lambda: again("messages about alerts cannot be read or stored"))
    full = False
    await until(lambda: again(None))
    running.cancel()
    await asyncio.wait({running})  # before its database is closed
    assert len(office.titles) == 1


async def test_a_channel_that_is_gone_stops_no_other(office: Office) -> None:
    gone, stays = await _channel(office), await _channel(office)
    office.put(a_rig(1, link_up=False))
    await office.later(3)
    del office.channels.channels[gone]
    await office.work()
    assert {(one.channel_id, one.state, one.answer) for one in await office.channels.messages(10)} == {
        (gone, "skipped", "the channel was removed"),
        (stays, "sent", "HTTP 200"),
    }


async def test_what_happens_while_a_message_is_marked_is_in_its_text(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = rows.change_messages

    async def meanwhile(tx: AsyncConnection, ids: Sequence[int], **values: object) -> None:
        await change(tx, ids, **values)
        if values.get("state") == "sending" and office.alerts.open:
            office.alerts.open[0].state = "resolved"

    monkeypatch.setattr(rows, "change_messages", meanwhile)
    await _channel(office)
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    assert office.titles == ["[resolved] rig-1: offline: link lost"]


async def test_quiet_hours_hold_back_what_is_not_critical(office: Office) -> None:
    import datetime

    now = datetime.datetime.fromtimestamp(office.wall() / 1000, datetime.UTC)
    until = f"{(now + datetime.timedelta(hours=1)):%H:%M}"
    await _channel(office, quiet_from=f"{now:%H:%M}", quiet_until=until, zone="UTC", quiet_critical=False)
    await _channel(office, quiet_from=f"{now:%H:%M}", quiet_until=until, zone="UTC")
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    assert len(office.titles) == 1, "to the channel that lets critical ones through"
    await office.work(3600)
    assert len(office.titles) == 2


async def test_a_storm_is_sent_together(office: Office) -> None:
    await _channel(office, per_hour=3.0)
    for rig in range(1, 4):
        office.put(a_rig(rig, link_up=False))
        await office.work(70)
    assert len(office.titles) == 3
    for rig in range(4, 24):
        office.put(a_rig(rig, link_up=False))
        await office.work(10)
    assert len(office.titles) == 3
    await office.work(901)
    assert len(office.titles) == 4
    assert office.titles[-1].startswith("[critical] 20 alerts: 20 open")
    assert office.post.sent[-1][1].endswith("20 messages waited: this channel takes at most 3 an hour.")


async def test_what_waits_together_does_not_exceed_the_limit_of_an_hour(office: Office) -> None:
    await _channel(office, per_hour=3.0)
    for rig in (1, 2):
        office.put(a_rig(rig, link_up=False))
        await office.work(70)
    for rig in range(3, 7):
        office.facts[rig] = frozenset({("rig", f"rig-{rig}")})
    office.put(*(a_rig(rig, link_up=False) for rig in range(3, 7)))
    await office.work(70)
    assert len(office.titles) == 3
    assert office.titles[-1].startswith("[critical] 4 alerts: 4 open")


async def test_who_is_sent_what(office: Office) -> None:
    from msgspec.structs import replace

    all_of_it = await _channel(office)
    await _channel(office, severity="critical")
    escalations = await _channel(office, use="escalations")
    await _channel(office, on=False)
    rule = next(one for one in office.rule_book.rules.values() if one.kind == "offline")
    changed = replace(rule.form, severity="warning", escalate_minutes=10.0)
    await office.rule_book.change(rule.id, changed)
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    assert [one.channel_id for one in await office.channels.messages(10)] == [all_of_it]
    await office.work(610)
    assert [(one.channel_id, one.what) for one in await office.channels.messages(1)] == [(escalations, "escalated")]
    assert office.titles[-1].startswith("[still unacknowledged] rig-1")
    await office.rule_book.change(rule.id, replace(changed, sends="none"))
    office.put(a_rig(2, link_up=False))
    await office.work(80)
    assert len(await office.channels.messages(10)) == 2


async def test_acknowledged_before_it_could_be_sent_it_is_not_sent(office: Office) -> None:
    await _channel(office)
    office.post.ok = False
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    await office.alerts.acknowledge(1, "Kim")
    office.post.ok = True
    await office.work(60)
    (sent,) = await office.channels.messages(10)
    assert (sent.state, sent.answer) == ("skipped", "acknowledged by Kim before it could be sent")


async def test_a_link_acknowledges_once_and_not_for_ever(office: Office) -> None:
    await _channel(office)
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    token = office.post.sent[0][1].rpartition("/acknowledge/")[2]
    message = office.links.message_of(token, office.wall())
    assert await office.links.alert_of(message) == 1
    use_up = partial(office.links.use_up, message, office.wall())

    async def fails(tx: AsyncConnection) -> None:
        await use_up(tx)
        raise OperationalError("disk full", None, Exception("disk full"))

    with pytest.raises(OperationalError):
        await office.alerts.acknowledge(1, "the link", fails)
    assert office.alerts.open[0].state == "firing"
    assert await office.links.alert_of(message) == 1, "it was not used up for nothing"
    await office.alerts.acknowledge(1, "the link", use_up)
    with pytest.raises(Conflict):
        await office.links.alert_of(message)
    with pytest.raises(Conflict):
        await office.alerts.acknowledge(1, "the link", use_up)
    with pytest.raises(Absent):
        office.links.message_of(token, office.wall() + 86_401_000)
    for forged in (
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        "1.9999999999.x",
        "1.2",
        "é",
        token.replace("1.", "2.", 1),
    ):
        with pytest.raises(Absent):
            office.links.message_of(forged, office.wall())


async def test_a_url_that_no_service_has_is_refused_and_a_secret_is_never_shown(office: Office) -> None:
    with pytest.raises(Invalid):
        await office.channels.create(ChannelForm(name="x"), "nonsense")
    made = await office.channels.create(ChannelForm(name="x"), "json://host/very-secret")
    assert "very-secret" not in repr(made)
    kept = await office.channels.change(made.id, ChannelForm(name="y"))
    assert kept.url == "json://host/very-secret"


@pytest.mark.parametrize(
    ("clock", "expected"), [("2025-10-09T21:59", None), ("2025-10-09T22:00", "05:00"), ("2025-10-09T04:59", "05:00")]
)
def test_quiet_hours_are_those_of_their_zone(clock: str, expected: str | None) -> None:
    import datetime

    form = ChannelForm(name="x", quiet_from="22:00", quiet_until="05:00", zone="Europe/Berlin")
    berlin = datetime.timezone(datetime.timedelta(hours=2))
    at = datetime.datetime.fromisoformat(clock).replace(tzinfo=berlin)
    until = quiet_until(form, int(at.timestamp() * 1000))
    found = None if until is None else datetime.datetime.fromtimestamp(until / 1000, berlin).strftime("%H:%M")
    assert found == expected


async def test_a_maintenance_window_mutes_its_rigs_and_only_those(office: Office) -> None:
    import datetime

    await _channel(office)
    now = datetime.datetime.fromtimestamp(office.wall() / 1000, datetime.UTC)
    until = f"{(now + datetime.timedelta(hours=1)):%H:%M}"
    form = WindowForm(
        name="cleaning", date=f"{now:%Y-%m-%d}", begins=f"{now:%H:%M}", ends=until, rigs=[1, 2], q="rig-1"
    )
    await office.windows.create(form)
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    office.put(a_rig(2, link_up=False))
    await office.work(3)
    assert office.titles == ["[critical] rig-2: offline: link lost"]
    assert [alert.state for alert in office.alerts.open] == ["firing", "firing"], "detection is never muted"
    await office.work(3600)
    assert office.titles[1:] == ["[critical] rig-1: offline: link lost"]


def _window(office: Office, **values: Any) -> WindowForm:
    import datetime

    now = datetime.datetime.fromtimestamp(office.wall() / 1000, datetime.UTC)
    ends = f"{(now + datetime.timedelta(hours=1)):%H:%M}"
    return WindowForm(name="cleaning", date=f"{now:%Y-%m-%d}", begins=f"{now:%H:%M}", ends=ends, **values)


async def test_what_began_and_ended_within_a_window_is_not_sent_and_what_was_sent_is_sent_as_resolved(
    office: Office,
) -> None:
    await _channel(office)
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    await office.windows.create(_window(office))
    office.put(a_rig(2, link_up=False))
    await office.work(70)
    office.put(a_rig(1), a_rig(2))
    await office.work(70)
    assert len(office.titles) == 1
    await office.work(3600)
    assert office.titles[1:] == ["[resolved] rig-1: offline: link lost"]
    skipped = [one.answer for one in await office.channels.messages(10) if one.state == "skipped"]
    assert skipped == ["began and ended within a maintenance window"]


async def test_a_window_that_is_ended_early_holds_nothing_back(office: Office) -> None:
    await _channel(office)
    window = await office.windows.create(_window(office))
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    assert office.titles == []
    await office.windows.remove(window.id)
    await office.work(1)
    assert office.titles == ["[critical] rig-1: offline: link lost"]


@pytest.mark.parametrize("before_it_ends_s", [300, 3000])
async def test_the_time_until_it_is_escalated_begins_when_it_may_be_sent(office: Office, before_it_ends_s: int) -> None:
    await _channel(office)
    await _escalating(office)
    await office.windows.create(_window(office))
    await office.work(3600 - before_it_ends_s)
    office.put(a_rig(1, link_up=False))
    await office.work(before_it_ends_s + 10)
    assert office.titles == ["[critical] rig-1: offline: link lost"], "sent when the window ended"
    await office.work(550)
    assert len(office.titles) == 1
    await office.work(80)
    assert office.titles[1:] == ["[still unacknowledged] rig-1: offline: link lost"]


async def test_it_is_not_escalated_the_moment_its_window_ends(office: Office) -> None:
    await _channel(office)
    await _escalating(office)
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    await office.windows.create(_window(office))
    await office.work(3600)
    await office.work(400)
    assert len(office.titles) == 1
    await office.work(250)
    assert office.titles[1:] == ["[still unacknowledged] rig-1: offline: link lost"]


async def test_what_fires_again_after_a_snooze_is_not_escalated_at_once(office: Office) -> None:
    await _channel(office)
    await _escalating(office)
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    await office.alerts.snooze(1, 60.0)
    await office.work(3650)
    await office.work(400)
    assert [one.what.partition("-")[0] for one in await office.channels.messages(10)] == ["again", "firing"]
    await office.work(300)
    assert (await office.channels.messages(1))[0].what == "escalated"


async def _escalating(office: Office) -> None:
    from msgspec.structs import replace

    rule = next(one for one in office.rule_book.rules.values() if one.kind == "offline")
    await office.rule_book.change(rule.id, replace(rule.form, escalate_minutes=10.0))


@pytest.mark.parametrize("scope", [{}, {"kind": "cpu-gpu"}, {"rigs": [1, 2]}], ids=str)
async def test_a_rig_that_is_removed_stays_in_its_window(office: Office, scope: dict[str, Any]) -> None:
    await _channel(office)
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    await office.windows.create(_window(office, **scope))
    await office.book.remove(1)
    office.stats.rigs.pop(1, None)
    await office.work(70)
    assert office.alerts.open == []
    assert len(office.titles) == 1
    await office.work(3600)
    assert office.titles[1:] == ["[resolved] rig-1: offline: link lost"]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-10-06T23:30", "02:00"), ("2025-10-07T01:59", "02:00"), ("2025-10-07T02:00", None),
        ("2025-10-06T21:59", None), ("2025-10-07T23:30", None),
    ],
)  # fmt: skip
def test_weekly_windows_may_last_beyond_midnight(at: str, expected: str | None) -> None:
    import datetime

    form = WindowForm(name="x", repeats="weekly", days="mon", begins="22:00", ends="02:00", zone="Europe/Berlin")
    berlin = datetime.timezone(datetime.timedelta(hours=2))
    end = window_end(form, int(datetime.datetime.fromisoformat(at).replace(tzinfo=berlin).timestamp() * 1000))
    assert (None if end is None else datetime.datetime.fromtimestamp(end / 1000, berlin).strftime("%H:%M")) == expected


@pytest.mark.parametrize(
    "wrong", [{"date": "31.5.2027"}, {"begins": "25:00"}, {"repeats": "weekly", "days": "someday"}, {"zone": "Mars"}]
)
async def test_a_window_that_cannot_be_is_refused(office: Office, wrong: dict[str, Any]) -> None:
    right = {"name": "x", "date": "2027-05-31", "begins": "22:00", "ends": "02:00"}
    with pytest.raises(Invalid):
        await office.windows.create(WindowForm(**{**right, **wrong}))


# Wording

BODY = "$WHAT since $LASTED ($RULE, $$)\nAll share: $SHARED\nover: ${ENDING}\n$RIG_URL\nCall Kim."


async def test_a_channel_is_sent_messages_as_it_words_them(storage: Storage, receiver: Receiver) -> None:
    office = await Office(storage, Courier(HERE)).load()  # type: ignore[arg-type]
    await office.new_rigs(3)
    form = ChannelForm(name="hook", lan=True, title_template="$WHO is $STATE", body_template=BODY)
    await office.channels.create(form, receiver.url)
    office.put(a_rig(1, link_up=False), a_rig(2))
    await office.work(3)
    office.put(a_rig(1))
    await office.work(70)
    fired, resolved = [(one["title"], one["message"].splitlines()) for one in receiver.got]
    alert = await office.alerts.get(1)
    begin, end = alert.started_ms - 1_800_000, alert.started_ms + 1_800_000
    charts = f"https://farm.example/rigs/1?from={begin}&to={end}"
    assert fired[0] == "rig-1 is critical"
    assert fired[1] == ["offline: link lost since 1 s (Rigs that go offline, $)", charts, "Call Kim."]
    assert resolved[0] == "rig-1 is resolved"
    assert "over: back to normal" in resolved[1]


async def test_the_usual_message_links_to_the_charts_of_its_rig_around_that_time(office: Office) -> None:
    await _channel(office)
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    alert = await office.alerts.get(1)
    begin, end = alert.started_ms - 1_800_000, alert.started_ms + 1_800_000
    assert f"\nCharts: https://farm.example/rigs/1?from={begin}&to={end}\n" in office.post.sent[0][1]


async def test_one_about_several_rigs_links_to_the_alert_only(office: Office) -> None:
    await _channel(office)
    office.facts = {rig: frozenset({("rig", f"rig-{rig}"), ("place", "hall-2")}) for rig in (1, 2)}
    office.put(a_rig(1, link_up=False), a_rig(2, link_up=False))
    await office.work(3)
    ((title, body),) = office.post.sent
    assert title == "[critical] 2 rigs: Rigs that go offline"
    assert "All share: place hall-2." in body
    assert "Charts" not in body


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("title_template", "$GONE_SINCE", "\\$GONE_SINCE is not known here"),
        ("body_template", "$ENDING", "nothing was left of it"),
        ("title_template", "$ENDING $SHARED", "nothing was left of it"),
        ("body_template", "100 $ a day", "begins no placeholder"),
    ],
)
async def test_a_wording_that_cannot_be_used_never_costs_a_message(
    office: Office, field: str, text: str, why: str
) -> None:
    """Such as one that was stored by a later version."""
    channel_id = await _channel(office)
    await _channel(office)
    channel = office.channels.channels[channel_id]
    office.channels.channels[channel_id] = replace(channel, form=replace(channel.form, **{field: text}))
    office.put(a_rig(1, link_up=False))
    await office.work(3)
    (title, body), (usual_title, usual) = office.post.sent
    assert title == usual_title
    first, _, last = body.rpartition("\n")
    assert re.fullmatch(f"The wording of this channel could not be used: .*{why}.*", last)
    assert first.splitlines()[:3] == usual.splitlines()[:3]


@pytest.mark.parametrize("what", ["title_template", "body_template"])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("$PASSWORD", "$PASSWORD is not a placeholder here. There are $STATE"),
        ("${who}", "$who is not a placeholder"),
        ("5 $", "write $$ for a plain $"),
        ("\x07", "control character"),
        ("x" * 2_001, "Enter at most"),
        ("see s3cret-token", "a part of the channel's URL"),
    ],
)
async def test_a_wording_that_means_nothing_or_tells_a_secret_is_refused(
    office: Office, what: str, text: str, why: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await office.channels.create(ChannelForm(**{"name": "x", what: text}), "json://hook/s3cret-token")
    assert why in str(refused.value.fields[what])


async def test_any_alert_and_any_wording_make_a_message(office: Office) -> None:
    chance = random.Random(5)
    pieces = [f"${{{name}}}" for name in PLACEHOLDERS] + ["", " ", "$$", "\n", "größer", "👩‍🔧", "{x}", "%s"]
    for _ in range(300):
        text = "".join(chance.choices(pieces, k=chance.randint(1, 12)))
        form = ChannelForm(name="x", title_template=text.replace("\n", ""), body_template=text)
        one = sample(office.wall())
        one.rigs, one.text = chance.choice((1, 2)), chance.choice(("", "$WHO", "a  b", "x" * 300))
        title, body = await office.sender.preview(checked(form), one)
        assert title
        assert body
        assert "\n" not in title
        assert len(title) <= 200
        assert len(body) <= 4_100
