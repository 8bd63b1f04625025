"""What is between the loop and the disk: numbers are given once, bytes are counted right, and every log that is lost is
counted for the rig that lost it."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from rigfarm.sentry.spool.batch import Batch
from rigfarm.sentry.spool.pending import MAX_GONE, Pending
from rigfarm.sentry.spool.record import HELD, LOG, Record

A, B = b"aaaaaaaa", b"bbbbbbbb"


def pending(next_seq: int = 1) -> Pending:
    made = Pending()
    made.begin(next_seq)
    return made


def filled(*keys: bytes, size: int = 10) -> Pending:
    """Numbered logs of these tokens, each of `size` bytes."""
    made = pending()
    for at, key in enumerate(keys):
        made.add(key, at, bytes([at]) * size)
    made.number()
    return made


def seqs(found: Pending) -> list[int]:
    return [record.seq for record in found.unwritten]


def test_numbers_are_given_in_order_and_keep_key_epoch_and_bytes() -> None:
    made = pending(7)
    made.add(A, 3, b"one")
    made.add(B, 0, b"two")
    assert (made.logs, made.memory, made.next_seq) == (2, 6, 7)
    assert made.number() == [Record(LOG, 7, 3, A, b"one"), Record(LOG, 8, 0, B, b"two")]
    assert (made.logs, made.memory, made.next_seq) == (2, 6, 9)
    assert made.number() == []


def test_the_oldest_go_first_and_are_counted_for_their_rig() -> None:
    made = filled(A, B, A, A)
    made.add(B, 0, b"x" * 10)
    made.bound(50, committing=False)
    assert (seqs(made), made.memory) == ([1, 2, 3, 4], 50), "it fits exactly"
    made.bound(29, committing=False)
    assert (seqs(made), made.memory, len(made.waiting)) == ([4], 20, 1)
    assert (list(made.lost), made.lost_of) == ([(1, 3)], Counter({A: 2, B: 1}))
    made.bound(0, committing=False)
    assert (made.logs, made.memory) == (0, 0)
    assert (list(made.lost), made.lost_of) == ([(1, 5)], Counter({A: 3, B: 2})), "the unnumbered one got the number 5"
    assert made.next_seq == 6


def test_what_a_commit_may_still_write_is_not_dropped() -> None:
    made = filled(A, A)
    made.add(B, 0, b"x" * 10)
    made.bound(5, committing=True)
    assert (seqs(made), len(made.waiting), made.memory) == ([1, 2], 0, 20)
    assert (list(made.lost), made.lost_of) == ([(3, 3)], Counter({B: 1}))
    made.bound(5, committing=True)
    assert seqs(made) == [1, 2]


def test_drops_before_the_file_is_open_get_numbers_then() -> None:
    made = Pending()
    for _ in range(3):
        made.add(A, 0, b"x" * 10)
    made.bound(10, committing=False)
    assert (made.unnumbered_drops, list(made.lost), made.logs) == (2, [], 1)
    made.begin(41)
    assert (made.unnumbered_drops, list(made.lost), made.next_seq) == (0, [(41, 42)], 43)
    assert made.lost_of == Counter({A: 2})
    quiet = pending(41)
    assert (list(quiet.lost), quiet.next_seq) == ([], 41)


@pytest.mark.parametrize(
    ("first", "last", "left", "lost_of"),
    [
        (2, 3, [1, 4], {A: 1, B: 1}),
        (1, 1, [2, 3, 4], {A: 1}),
        (4, 9, [1, 2, 3], {A: 1}),
        (0, 99, [], {A: 3, B: 1}),
        (5, 9, [1, 2, 3, 4], {}),
    ],
)
def test_refused_logs_are_lost(first: int, last: int, left: list[int], lost_of: dict[bytes, int]) -> None:
    made = filled(A, B, A, A)
    made.refuse(first, last)
    assert (seqs(made), made.memory, made.lost_of) == (left, 10 * len(left), Counter(lost_of))
    assert list(made.lost) == ([(first, last)] if lost_of else [])


def test_a_removed_rigs_logs_are_void_and_owed_to_nobody() -> None:
    made = filled(A, B, A)
    made.add(A, 0, b"x" * 7)
    made.add(B, 0, b"x" * 5)
    made.lost_of.update({A: 4, B: 2})
    made.told |= {A: 3, B: 1}
    made.forget(A)
    assert (seqs(made), [key for key, _, _ in made.waiting], made.memory) == ([2], [B], 15)
    assert (list(made.void), list(made.lost)) == ([(1, 1), (3, 3)], [])
    assert (made.lost_of, made.told) == (Counter({B: 2}), {B: 1})


def test_logs_that_were_put_aside_come_back_under_new_numbers() -> None:
    made = filled(A)
    fresh = made.release([(70, Record(LOG, 5, 2, B, b"old")), (71, Record(LOG, 6, 0, B, b"older"))])
    assert fresh == [Record(LOG, 2, 2, B, b"old"), Record(LOG, 3, 0, B, b"older")]
    assert (seqs(made), made.memory, made.next_seq) == ([1, 2, 3], 18, 4)
    assert made.batch(10).released == {}, "only those that it writes"
    whole = made.batch(100)
    assert (whole.released, whole.taken) == ({2: 70, 3: 71}, 3)
    made.committed(whole)
    assert (made.batch(100).released, made.memory) == ({}, 0)


def test_a_commit_takes_the_oldest_and_says_where_the_rest_begins() -> None:
    made = filled(A, B, A, size=10)
    made.acknowledge(2, 3)
    batch = made.batch(11)
    assert ([one.seq for one in batch.records], batch.taken, batch.unwritten_from) == ([1], 2, 3)
    assert (batch.acked, batch.next_seq) == ([(2, 2)], 4), "3 is acknowledged, and not written yet: not let go of"
    made.committed(batch)
    assert (seqs(made), made.memory, list(made.acked)) == ([3], 10, [(3, 3)])
    last = made.batch(11)
    assert ([one.seq for one in last.records], last.taken, last.unwritten_from) == ([], 1, 0)
    assert last.acked == [(3, 3)]
    made.committed(last)
    assert (made.logs, made.memory, list(made.acked)) == (0, 0, [])
    made.acknowledge(1, 4)
    assert list(made.acked) == [(1, 1), (4, 4)], "2 and 3 were let go of, and count once"


def test_what_happens_during_a_commit_is_for_the_next_one() -> None:
    made = filled(A)
    made.lost.add(90, 91)
    made.void.add(95, 95)
    made.lost_of[A] = 2
    made.told = {A: 5, B: 1}
    batch = made.batch(100)
    assert (batch.lost, batch.void, batch.lost_of, batch.told) == ([(90, 91)], [(95, 95)], {A: 2}, {A: 5, B: 1})
    made.lost.add(92, 92)
    made.lost_of[A] += 1
    made.told[A] = 6
    made.committed(batch)
    assert (list(made.lost), list(made.void), made.lost_of, made.told) == ([(92, 92)], [], Counter({A: 1}), {A: 6})
    assert A in made.lost_of
    made.committed(made.batch(100))
    assert (list(made.lost), made.lost_of, made.told) == ([], Counter(), {})


def test_what_was_let_go_of_is_remembered_within_a_bound() -> None:
    made = pending()
    for at in range(MAX_GONE):
        made.acknowledge(2 * at + 1, 2 * at + 1)
    made.next_seq = 10_000
    made.committed(made.batch(1))
    made.acknowledge(1, 1)
    assert list(made.acked) == []
    made.acknowledge(5_001, 5_001)
    made.committed(made.batch(1))
    made.acknowledge(1, 1)
    assert list(made.acked) == [(1, 1)], "one piece more than it keeps"


@pytest.mark.parametrize(
    ("batch", "empty"),
    [
        (Batch([], 9), True),
        (Batch([], 9, lost_of={A: 1}, unwritten_from=3), True),
        (Batch([Record(LOG, 1, 0, A, b"")], 9), False),
        (Batch([], 9, acked=[(1, 1)]), False),
        (Batch([], 9, lost=[(1, 1)]), False),
        (Batch([], 9, void=[(1, 1)]), False),
        (Batch([], 9, told={A: 1}), False),
        (Batch([], 9, taken=1), False),
    ],
)
def test_a_commit_that_says_nothing_is_not_made(batch: Batch, *, empty: bool) -> None:
    assert batch.empty is empty


def test_memory_is_what_is_in_memory_whatever_happened() -> None:
    """Counted too high, a rig with a full disk drops logs that would fit; too low, it is killed for its memory."""
    seed = random.Random(3)
    made = Pending()
    begun = False
    for _ in range(4_000):
        match seed.randrange(9):
            case 0 | 1 | 2:
                made.add(seed.choice([A, B]), 0, bytes(seed.randrange(50)))
            case 3 if not begun:
                made.begin(5)
                begun = True
            case 4 if begun:
                made.number()
            case 5 if begun:
                made.committed(made.batch(seed.randrange(200)))
            case 6:
                made.bound(seed.randrange(2_000), committing=seed.random() < 0.3)
            case 7 if begun:
                first = seed.randrange(1, made.next_seq + 1)
                made.refuse(first, first + seed.randrange(3))
            case 8 if begun and seed.random() < 0.1:
                made.forget(seed.choice([A, B]))
            case _ if begun:
                made.release([(1, Record(HELD, 1, 0, A, bytes(seed.randrange(50))))] if not made._released else [])
        bodies = [record.body for record in made.unwritten] + [body for _, _, body in made.waiting]
        assert made.memory == sum(map(len, bodies))
        assert made.logs == len(bodies)
        assert seqs(made) == sorted(seqs(made))
