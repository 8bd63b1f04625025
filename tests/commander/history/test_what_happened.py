"""What happened is written down, once, and says later how everything was at any time."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from history_helpers import INTERVAL_S, START, Farm, a_log
from hypothesis import given, settings
from hypothesis import strategies as st

from rigfarm.commander.events import (
    AssignmentsChanged,
    CommandEnded,
    ConditionChanged,
    EffectReverted,
    Events,
    NormalChanged,
    RigAdded,
    RigLabelled,
    RigRemoved,
    RigRenamed,
)
from rigfarm.commander.history.happened import rows, seldom
from rigfarm.commander.history.happened.facts import (
    AssignedWas,
    Happened,
    LabelsWere,
    Moment,
    NameWas,
    NormalWas,
    RestWas,
    SpecsWas,
    StateWas,
)
from rigfarm.commander.history.happened.recorder import BURST, Recorder, write
from rigfarm.commander.history.happened.seldom import Seldom
from rigfarm.commander.history.model import HOUR_MS, KnownRig
from rigfarm.commander.history.reading.absence import absence_of_farm, absence_of_rig, unknown_by_rig
from rigfarm.commander.history.reading.course import Buckets
from rigfarm.commander.history.reading.ranges import time_range
from rigfarm.commander.history.reading.sums import sums_by_rig
from rigfarm.commander.history.store import Store
from rigfarm.commander.history.view import event_answer
from rigfarm.commander.live import Hub
from rigfarm.commander.stats import OperationalStats
from rigfarm.wire.specs import Specs


class Book:
    """A Commander's events, and a history that writes them down."""

    def __init__(self, folder: Path, rigs: dict[int, KnownRig] | None = None) -> None:
        self.now_ms = START
        self.events = Events()
        self.rigs = rigs if rigs is not None else {}
        self.recorder = Recorder(
            self.events, lambda: self.rigs, wall_ms=lambda: self.now_ms, monotonic=lambda: self.now_ms / 1000
        )
        self.store = Store(folder / "history.db")

    def at(self, second: float) -> Book:
        self.now_ms = START + round(second * 1000)
        return self

    def state(self, rig: int, state: str, cause: str = "", reason: str = "") -> None:
        self.events.publish(ConditionChanged(rig, "cpu-gpu", "", state, reason, cause, t_ms=self.now_ms))

    def save(self) -> None:
        write(self.store, self.recorder.take())

    def state_at(self, rig: int, second: float) -> str | None:
        found = rows.lasting_at(self.store, "state", rig, START + round(second * 1000))
        return found.fact.state if found is not None and isinstance(found.fact, StateWas) else None


_SELDOM = st.one_of(
    st.tuples(st.just("named"), st.integers(1, 3), st.integers(0, 9), st.sampled_from("abc")),
    st.tuples(st.just("forgotten"), st.integers(1, 3)),
    st.tuples(st.just("pruned"), st.integers(0, 9)),
    st.tuples(st.just("damaged"), st.integers(1, 3), st.integers(0, 9)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_SELDOM, max_size=20), st.integers(1, 30))
def test_what_is_kept_of_names_is_what_would_be_read(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[Any, ...]], most: int
) -> None:
    store, kept = Store(tmp_path_factory.mktemp("seldom") / "history.db"), Seldom()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seldom, "MOST", most)
        for change in changes:
            with store.transaction():
                match change:
                    case ("named", rig, t_ms, name):
                        rows.write(store, [Happened(t_ms, rig, NameWas(name))])
                    case ("forgotten", rig):
                        rows.forget_happened(store, rig)
                    case ("pruned", t_ms):
                        rows.prune(store, t_ms, 100)
                    case ("damaged", rig, t_ms):  # by another version, which the file says at the start
                        store.db.execute(
                            "INSERT INTO events (t_ms, rig, what, body) VALUES (?, ?, 'name', x'c1')", (t_ms, rig)
                        )
                        kept = Seldom()
            for t_ms in range(-1, 10):
                found = kept.at(store, NameWas, t_ms, range(4))
                assert found == rows.lasting_of(store, NameWas, t_ms, range(4))
    store.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["online", "offline", "idle"])), max_size=40), st.data())
def test_a_rig_was_at_any_time_what_the_last_change_says(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, str]], data: st.DataObject
) -> None:
    book = Book(tmp_path_factory.mktemp("book"))
    for n, (rig, state) in enumerate(changes):
        book.at(n * 10).state(rig, state)
        if data.draw(st.booleans()):
            book.save()
    book.save()
    for rig in (1, 2, 3):
        for second in range(0, len(changes) * 10, 5):
            wanted = [state for n, (one, state) in enumerate(changes) if one == rig and n * 10 <= second]
            assert book.state_at(rig, second) == (wanted[-1] if wanted else None)
    book.store.close()


def test_a_rig_that_changes_with_every_log_costs_little_and_ends_right(tmp_path: Path) -> None:
    book = Book(tmp_path)
    for second in range(2_000):
        book.at(second).state(7, ("online", "idle")[second % 2])
    book.state(8, "online")
    book.save()
    (count,) = book.store.db.execute("SELECT count(*) FROM events WHERE rig = 7").fetchone()
    assert BURST <= count <= BURST + 40
    book.at(2_100).save()
    assert book.state_at(7, 2_100) == "idle"
    assert book.state_at(8, 2_100) == "online"


def test_the_same_state_again_after_a_restart_began_when_it_began(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.state(7, "offline", "link", "link lost")
    book.save()
    book.store.close()
    again = Book(tmp_path)
    again.at(500).state(7, "offline", "link", "link lost")
    again.save()
    found = rows.lasting_at(again.store, "state", 7, START + 900_000)
    assert found is not None
    assert found.t_ms == START


def test_one_reads_back_in_time_page_by_page_past_what_cannot_be_read(tmp_path: Path) -> None:
    book = Book(tmp_path)
    for number in range(7):
        book.at(number // 3).events.publish(CommandEnded(7, f"c{number}", "Reboot", "done", ""))
    book.save()
    book.store.db.execute("UPDATE events SET body = x'c1' WHERE id = (SELECT max(id) - 1 FROM events)")
    found, before = [], None
    while page := rows.between(book.store, START, START + 9_999, rigs=[7], most=2, before=before):
        found += [one.fact.key for one in reversed(page) if isinstance(one.fact, Moment)]
        before = (page[0].t_ms, page[0].id)
    assert found == ["c6", "c4", "c3", "c2", "c1", "c0"]
    assert rows.between(book.store, START, START + 1, rigs=[7], before=(START + 9_999, 99))[-1].t_ms == START
    book.store.close()


def test_everything_that_is_listened_to_is_read_back(tmp_path: Path) -> None:
    specs = Specs(sentry_version="1", hostname="a")
    known = KnownRig(kind="cpu-gpu", name="one", added_ms=START - 5, specs=specs, place="hall-1", tags=("x",))
    book = Book(tmp_path, {7: known})
    book.recorder.begin()
    book.at(1).events.publish(RigAdded(8, "asic", "two"))
    book.events.publish(NormalChanged(7, "KAS", 1e9))
    book.events.publish(NormalChanged(7, "XMR", 1e3))
    book.at(2).events.publish(NormalChanged(7, "KAS", 1.001e9))
    book.events.publish(AssignmentsChanged(7, ((3, 1, "running"),)))
    book.at(3)
    book.events.publish(RigRenamed(7, "cpu-gpu", "one", "uno"))
    book.events.publish(RigLabelled(7, "hall-2", ("solar",)))
    book.events.publish(CommandEnded(7, "c1", "Restart", "failed", "no answer\x00"))
    book.events.publish(EffectReverted(7, "c2", "Limit power to 2800 W", "still 3,250 W"))
    book.save()

    def lasting(what: str, second: float) -> object:
        found = rows.lasting_at(book.store, what, 7, START + round(second * 1000))
        return found.fact if found is not None else None

    assert lasting("name", 2) == NameWas("one")
    assert lasting("name", 3) == NameWas("uno")
    assert lasting("labels", 2) == LabelsWere("hall-1", ("x",))
    assert lasting("labels", 3) == LabelsWere("hall-2", ("solar",))
    assert lasting("normal", 2) == NormalWas({"KAS": 1e9, "XMR": 1e3})
    assert lasting("assigned", 3) == AssignedWas(((3, 1, "running"),))
    assert lasting("specs", 0) == SpecsWas(specs)
    titles = [
        (one.what, one.title, one.detail) for one in map(event_answer, rows.between(book.store, START, START + 9_999))
    ]
    assert titles == [
        ("added", "two", ""),
        ("renamed", "uno", "one"),
        ("result", "Restart", "failed: no answer "),
        ("reverted", "Limit power to 2800 W", "still 3,250 W"),
    ]
    assert [(one.rig, one.kind, one.added_ms) for one in rows.lives(book.store)] == [
        (7, "cpu-gpu", START - 5),
        (8, "asic", START + 1_000),
    ]


def test_a_removed_rig_leaves_only_that_it_was_there(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.events.publish(RigAdded(7, "cpu-gpu", "one"))
    book.state(7, "online")
    book.save()
    book.at(60).state(7, "offline")
    book.events.publish(RigRemoved(7, "cpu-gpu", "one"))
    book.save()
    with book.store.transaction():
        rows.forget_happened(book.store, 7)
    assert [event_answer(one).title for one in rows.between(book.store, 0, START * 2)] == ["one"]
    assert [(one.first_ms, one.removed_ms) for one in rows.lives(book.store)] == [(START, START + 60_000)]


def test_a_rig_that_was_removed_while_nobody_wrote_is_known_as_removed(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.events.publish(RigAdded(7, "cpu-gpu", "one"))
    book.save()
    book.store.close()
    again = Book(tmp_path).at(99)
    again.recorder.begin()
    again.save()
    assert [one.removed_ms for one in rows.lives(again.store)] == [START + 99_000]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["online", "offline"]), st.integers(0, 50)), max_size=40),
    st.integers(0, 50),
)
def test_what_is_too_old_leaves_but_for_what_is_still_true(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, str, int]], floor: int
) -> None:
    store = Store(tmp_path_factory.mktemp("book") / "history.db")
    happened = [Happened(t, rig, StateWas(state)) for rig, state, t in sorted(changes, key=lambda one: one[2])]
    happened += [Happened(t, 1, Moment("command", "x")) for _, _, t in changes]
    with store.transaction():
        rows.write(store, happened)
    before = {rig: [rows.lasting_at(store, "state", rig, t) for t in range(floor, 60)] for rig in (1, 2, 3)}
    later = [one for one in rows.between(store, 0, 99) if one.t_ms >= floor]
    with store.transaction():
        while rows.prune(store, floor, 2):
            pass
    assert {rig: [rows.lasting_at(store, "state", rig, t) for t in range(floor, 60)] for rig in (1, 2, 3)} == before
    left = rows.between(store, 0, 99)
    assert [one for one in left if one.t_ms >= floor] == later
    old = [(one.rig, type(one.fact)) for one in left if one.t_ms < floor]
    assert len(old) == len(set(old))
    assert all(kind is StateWas for _, kind in old)
    store.close()


def test_a_clock_that_jumps_begins_another_span(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.recorder._monotonic = lambda: START / 1000
    book.at(10).save()
    book.at(5 * 86_400).save()
    later = START + 5 * 86_400_000
    assert rows.running(book.store, START, later + 1) == [(START, START + 10_000), (later, later)]


def test_a_silent_rig_is_offline_while_the_commander_ran_and_unknown_while_not(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    farm.arrive([(7, a_log(START + n * 5_000)) for n in range(12 * 10)])
    farm.catch_up()
    minute = 60_000
    with farm.store.transaction():
        for rig in (7, 8):
            rows.added(farm.store, rig, "cpu-gpu", START)
        rows.write(farm.store, [Happened(START, rig, StateWas("online")) for rig in (7, 8)])
        rows.removed(farm.store, {8: START + 30 * minute})
        rows.runs(farm.store, START - HOUR_MS, START + 20 * minute)
        rows.runs(farm.store, START + 40 * minute, START + 60 * minute)
    span = time_range(str(START), str(START + HOUR_MS), START)
    buckets = Buckets(span, 600, START + HOUR_MS)
    reported = [600_000, 2 * INTERVAL_S * 1000, 0, 0, 0, 0]
    rig = absence_of_rig(farm.store, 7, buckets)
    minutes = [tuple(ms // minute for ms in rig.silent_ms(n, round(up))) for n, up in enumerate(reported)]
    assert minutes == [(0, 0), (9, 0), (0, 10), (0, 10), (10, 0), (10, 0)]
    both = absence_of_farm(farm.store, ["cpu-gpu"], buckets)
    minutes = [tuple(ms // minute for ms in both.silent_ms(n, round(up))) for n, up in enumerate(reported)]
    assert minutes == [(10, 0), (19, 0), (0, 20), (0, 10), (10, 0), (10, 0)]


def test_spans_of_a_clock_that_was_set_back_are_joined_and_end_with_what_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "history.db")
    with store.transaction():
        for begin, until in ((0, 100), (50, 80), (60, 200), (300, 400)):
            rows.runs(store, begin, until)
        assert rows.running(store, 10, 350) == [(10, 200), (300, 350)]
        store.set_note("hours_floor_ms", 120)
        assert rows.running(store, 10, 350) == [(120, 200), (300, 350)]


def test_an_outage_after_logs_that_came_late_is_the_rigs_own(tmp_path: Path) -> None:
    """The Commander is away from 01:00 to 03:00, the logs of rig 7 come later; then it is off from 04:00 to 06:00.
    Rig 8 has no logs of the time at all."""
    farm = Farm(tmp_path)
    hour, away, off = HOUR_MS, (1, 3), (4, 6)
    times = [t for t in range(START, START + 8 * hour, 60_000) if not off[0] <= (t - START) // hour < off[1]]
    farm.interval_s = 60.0
    farm.arrive([(7, a_log(t)) for t in times])
    farm.arrive([(8, a_log(t)) for t in times if not away[0] <= (t - START) // hour < away[1]])
    farm.catch_up()
    with farm.store.transaction():
        for rig in (7, 8):
            rows.added(farm.store, rig, "cpu-gpu", START)
        rows.write(farm.store, [Happened(START, rig, StateWas("online")) for rig in (7, 8)])
        rows.runs(farm.store, START - hour, START + away[0] * hour)
        rows.runs(farm.store, START + away[1] * hour, START + 8 * hour)
    hours = range(START // hour, START // hour + 8)
    unknown = unknown_by_rig(farm.store, hours, {one.rig: one for one in rows.lives(farm.store)})
    assert unknown.keys() == {8}
    assert unknown[8] == pytest.approx(2 * hour, abs=4 * 60_000)  # a log is true until the next, three at most
    sums = sums_by_rig(farm.store, hours, [7])[7]
    assert 8 * hour - sums.reported_ms == pytest.approx(2 * hour, abs=4 * 60_000)


def test_an_idle_minute_of_a_rig_that_someone_stopped_is_stopped(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    minute = 60_000
    with farm.store.transaction():
        rows.write(farm.store, [Happened(START + 2 * minute + 30_000, 7, RestWas("stopped by an operator"))])
        rows.write(farm.store, [Happened(START + 5 * minute + 10_000, 7, RestWas(""))])
    farm.arrive([(7, a_log(t, rate=0.0)) for t in range(START, START + 8 * minute, 5_000)])
    farm.catch_up()
    was = farm.minutes(7)
    assert was["state", "stopped", "ms"][:8] == [0, 0, minute, minute, minute, 0, 0, 0]
    assert was["state", "idle", "ms"][:8] == [minute, minute, 0, 0, 0, minute, minute, minute]
    sums = sums_by_rig(farm.store, range(START // HOUR_MS, START // HOUR_MS + 1), [7])[7]
    assert sums.stopped_ms == 3 * minute


def test_stats_say_when_and_why_a_rig_changed() -> None:
    events = Events()
    found: list[ConditionChanged] = []
    events.listen(ConditionChanged, found.append)
    stats = OperationalStats(Hub(), events, INTERVAL_S)
    stats.add(7, "cpu-gpu")
    stats.link_up(7)
    for n, core in enumerate([60.0, 95.0, 96.0, 60.0]):
        stats.receive(7, a_log(START + n, core=[core]))
    assert [(one.state, one.cause, one.word) for one in found] == [
        ("online", "", ""),
        ("degraded", "hot GPU 0", "hot"),
        ("online", "", ""),
    ]
    assert found[1].reason == "GPU 0 at 95 °C"
    assert found[1].t_ms > START // 2


def test_an_older_file_is_begun_again(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "history.db")
    db.execute("CREATE TABLE raw (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    db.execute("INSERT INTO raw (id, body) VALUES (1, 'old')")
    db.commit()
    db.close()
    store = Store(tmp_path / "history.db")
    assert store.get("raw", 1) is None
    assert not store.damage
