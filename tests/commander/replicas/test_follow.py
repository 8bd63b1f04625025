"""A replica that follows: its files become those of the one that leads, whatever comes twice or in between."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from msgspec import structs

from rigfarm.commander.history import Batch, History, Keep, Moment
from rigfarm.commander.history.happened.facts import FARM, Happened
from rigfarm.commander.history.happened.rows import between
from rigfarm.commander.history.store import Store
from rigfarm.commander.logs import Journal
from rigfarm.commander.logs.copied import CopiedJournal
from rigfarm.commander.logs.rows import pack_body, pack_rigs
from rigfarm.commander.logs.snapshots import packed
from rigfarm.commander.replicas.follow import Follower
from rigfarm.commander.replicas.lead import Lead
from rigfarm.commander.replicas.model import FactsMessage, HeadMessage, NewcomerMessage, RowMessage
from rigfarm.commander.replicas.snapshots import SharedSnapshot, fetch_snapshot, put_snapshot
from rigfarm.commander.replicas.stream import Stream
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import StorageError, Tenant
from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog

SPOOL = b"s" * 16


def row(number: int) -> RowMessage:
    """One log of rig 7, with this number of its spool."""
    log = encode(OperationalLog(t=1_000 + number))
    return RowMessage(utc_ms(), pack_rigs([7]), pack_body([log], {SPOOL: [number, number]}))


def happened(title: str) -> FactsMessage:
    fact = Happened(utc_ms(), FARM, Moment("playbook", title))
    return FactsMessage(Batch(facts=[fact], added=[], removed={}, kept=[], known=None, span=(0, utc_ms())))


@pytest.fixture
def settings(tmp_path: Path, postgresql_url: str) -> Settings:
    folder = tmp_path / "data"
    folder.mkdir()
    return Settings(data_dir=folder, database_url=postgresql_url)


async def follow(settings: Settings, stream: Stream) -> int:
    """Open, copy what is there, close; the position then."""
    lead = Lead(settings.database, Tenant("rigfarm test", lambda: None))
    await lead.prepare()
    follower = Follower(settings, lead, stream)
    try:
        await follower.open()
        await follower.catch_up()
        return follower.position
    finally:
        await follower.close()
        await lead.close()


def stored(settings: Settings) -> tuple[list[int], list[str]]:
    """(times of the logs, what happened)."""
    journal = Journal(settings.data_dir / "journal.db")
    journal.open()
    times = [log.t for _, one in journal.rows_after(0) for _, log in one.logs()]
    assert journal._db is not None
    journal._db.close()
    store = Store(settings.data_dir / "history.db")
    moments = [one.fact.title for one in between(store, 0, 1 << 60) if isinstance(one.fact, Moment)]
    store.close()
    return times, moments


async def test_everything_arrives_once(settings: Settings, stream: Stream, other: Stream) -> None:
    for message in (row(1), happened("a"), row(2), HeadMessage(f"5:{'ab' * 32}"), NewcomerMessage(SPOOL, {7: 9})):
        await stream.publish(message)
    assert await follow(settings, other) == 5
    assert stored(settings) == ([1001, 1002], ["a"])
    for message in (happened("b"), row(3)):
        await stream.publish(message)
    assert await follow(settings, other) == 7
    assert await follow(settings, other) == 7
    assert stored(settings) == ([1001, 1002, 1003], ["a", "b"])
    assert (settings.data_dir / "activity.head").read_text() == f"5:{'ab' * 32}"
    journal = Journal(settings.data_dir / "journal.db")
    journal.open()
    assert journal.newcomers == {SPOOL: {7: 9}}
    assert journal.take(SPOOL, 1, 4) == [(4, 4)], "the numbers are known, as if it had taken them itself"
    assert journal._db is not None
    journal._db.close()


async def test_what_was_cut_off_halfway_is_completed(settings: Settings, stream: Stream, other: Stream) -> None:
    """The history was written, the journal was not: as after a kill in between."""
    await stream.publish(row(1))
    await stream.publish(happened("a"))
    await follow(settings, other)
    journal = CopiedJournal(settings.data_dir / "journal.db", keep_hours=48)
    journal._db.execute("DELETE FROM streamed")
    journal._db.execute("DELETE FROM journal")
    journal.close()
    await follow(settings, other)
    assert stored(settings) == ([1001], ["a"])


async def test_what_happened_does_not_wait_for_a_long_step_of_the_history(tmp_path: Path) -> None:
    """A replica that is making history of an hour would follow, and take over, only after that."""
    history = History(tmp_path / "history.db", lambda: sqlite3.connect(":memory:"), dict, interval_s=5.0, keep=Keep())
    ends = threading.Event()

    def step() -> None:
        while not ends.wait(0.01):
            history._write_batches()  # as a step does between two transactions

    running = history._writer.submit(step)
    for number in (1, 2):
        await history.copied(structs.replace(happened(str(number)).batch, number=number))
    assert not running.done()
    ends.set()
    await history.close()
    store = Store(tmp_path / "history.db")
    assert [one.fact.title for one in between(store, 0, 1 << 60) if isinstance(one.fact, Moment)] == ["1", "2"]
    store.close()


async def test_a_replica_that_is_too_far_behind_says_what_to_do(
    settings: Settings, stream: Stream, other: Stream
) -> None:
    for number in range(1, 5):
        await stream.publish(row(number))
    await stream.js.purge_stream("farm", keep=1)
    with pytest.raises(StorageError, match=r"too far behind.*Restore a new backup"):
        await follow(settings, other)


async def test_a_snapshot_belongs_to_its_row(tmp_path: Path, stream: Stream, other: Stream) -> None:
    assert await fetch_snapshot(other, "") == (None, "")
    parts = packed({SPOOL: [(1, 1)]}, lambda: b"state")
    await put_snapshot(stream, SharedSnapshot(2, parts))
    found, digest = await fetch_snapshot(other, "")
    assert found == SharedSnapshot(2, parts)
    assert await fetch_snapshot(other, digest) == (None, digest)

    journal = CopiedJournal(tmp_path / "journal.db", keep_hours=48)
    with journal.up_to(1):
        journal.row(1, 1, row(1).rigs, row(1).body)
    assert not journal.snapshot(found.number, found.parts), "its row is not here yet"
    with journal.up_to(3):
        journal.row(2, 2, row(2).rigs, row(2).body)
        journal.row(3, 3, row(3).rigs, row(3).body)
    assert journal.snapshot(found.number, found.parts)
    journal.close()
    opened = Journal(tmp_path / "journal.db")
    snapshot = opened.open()
    assert snapshot is not None
    assert (snapshot.state, snapshot.journal_id) == (b"state", 2)
    assert opened._db is not None
    opened._db.close()


def test_many_facts_go_in_several_messages_in_their_order() -> None:
    facts = [Happened(n, FARM, Moment("playbook", str(n))) for n in range(5)]
    batch = Batch(facts=facts, added=[(1, "asic", 0)], removed={2: 3}, kept=[], known=frozenset({1}), span=(0, 9))
    pieces = batch.pieces(2)
    assert [one.fact for piece in pieces for one in piece.facts] == [one.fact for one in facts]
    assert [len(piece.facts) for piece in pieces] == [2, 2, 1]
    assert [(piece.added, piece.known, piece.removed) for piece in pieces] == [
        ([(1, "asic", 0)], frozenset({1}), {}),
        ([], None, {}),
        ([], None, {2: 3}),
    ]
    empty = Batch(facts=[], added=[(1, "asic", 0)], removed={2: 3}, kept=[], known=None, span=(0, 9))
    assert empty.pieces(2) == [empty]
