"""Row 19: whatever a disk does to a spool, the Sentry starts, and only the logs that were hit are lost, and counted.

Bytes of a spool with a history are flipped one by one, and the file is cut off at many lengths; each time it is opened,
read and written. The control is a spool without checksums, which takes damage for data.
"""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from promise import record, scaled

from rigfarm.sentry.spool import record as spool_record
from rigfarm.sentry.spool.batch import Batch
from rigfarm.sentry.spool.file import SpoolFile
from rigfarm.sentry.spool.record import LOG, Record, token_key
from rigfarm.wire.codec import encode
from rigfarm.wire.log import OperationalLog

EVERYTHING = 1 << 60
LIMIT = 64 << 20
AT_A_COMMIT = 20
KEY = token_key("a")


def body(number: int) -> bytes:
    """A log of this number; they differ in length."""
    return encode(OperationalLog(t=1_000 + number, uptime_s=float(number), messages=["x" * (number * 7 % 400)]))


class Sound:
    """A spool with a history, as bytes, and what is in it."""

    def __init__(self, folder: Path, logs: int) -> None:
        file = SpoolFile(folder / "sound.db", LIMIT)
        for first in range(1, logs + 1, AT_A_COMMIT):
            numbers = range(first, min(first + AT_A_COMMIT, logs + 1))
            file.commit(Batch([Record(LOG, n, 0, KEY, body(n)) for n in numbers], next_seq=numbers[-1] + 1))
        file.commit(Batch([], next_seq=logs + 1, acked=[(1, logs // 13), (logs // 2, logs // 2 + 5)]))
        self.identity = file.meta.id
        file.close()
        self.next_seq = logs + 1
        self.wanted = [n for n in range(logs // 13 + 1, logs + 1) if not logs // 2 <= n <= logs // 2 + 5]
        self.data = (folder / "sound.db").read_bytes()


@contextlib.contextmanager
def opened(folder: Path, data: bytes) -> Iterator[tuple[SpoolFile, list[Record]]]:
    """The Sentry starts with this on its disk: the spool and what it reads; then it goes on and starts once more."""
    path = folder / "broken.db"
    path.write_bytes(data)
    spool = SpoolFile(path, LIMIT)
    spool.verify()
    found, _ = spool.read(0, EVERYTHING, max_records=1_000_000, max_bytes=1 << 40)
    yield spool, found
    spool.commit(Batch([Record(LOG, spool.meta.next_seq, 0, KEY, b"new")], next_seq=spool.meta.next_seq + 1))
    logs = spool.meta.logs
    spool.close()
    again = SpoolFile(path, LIMIT)
    again.verify()
    assert again.meta.logs == logs
    again.close()
    for one in folder.glob("broken.db*"):
        one.unlink()


def flipped(sound: Sound, folder: Path, at: int) -> tuple[bool, int]:
    """One byte is another: (whether anything is wrong, logs lost)."""
    data = bytearray(sound.data)
    data[at] ^= 0xFF if at % 2 else 1 << at % 8
    with opened(folder, bytes(data)) as (spool, found):
        numbers = [one.seq for one in found]
        lost = sorted(set(sound.wanted) - set(numbers))
        right = (
            len(lost) <= 1
            and numbers == [n for n in sound.wanted if n not in lost]
            and all(one.body == body(one.seq) for one in found)
            and spool.meta.dropped_damaged == len(lost)
            and all(n in spool.gaps.lost for n in lost)
            and (spool.meta.id, spool.meta.next_seq) == (sound.identity, sound.next_seq)
        )
    return not right, len(lost)


def truncated(sound: Sound, folder: Path, length: int) -> tuple[bool, int]:
    """The rest is gone: (whether anything is wrong, logs lost)."""
    with opened(folder, sound.data[:length]) as (spool, found):
        numbers = [one.seq for one in found]
        lost = len(sound.wanted) - len(numbers)
        right = numbers == sorted(set(numbers) & set(sound.wanted)) and all(one.body == body(one.seq) for one in found)
        if spool.meta.id == sound.identity:
            right = right and spool.meta.dropped_damaged == lost and spool.meta.next_seq == sound.next_seq
        else:
            right = right and (not numbers or spool.meta.next_seq > max(numbers))
    return not right, lost


def without_checksums(sound: Sound, folder: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> int:
    """The mutation: how many of the damaged spools hand out damage as if it were data."""
    head = spool_record._HEAD

    class Trusting:
        size = head.size

        @staticmethod
        def unpack_from(data: bytes, at: int) -> tuple[object, ...]:
            magic, _, *rest = struct.Struct(head.format).unpack_from(data, at)
            return (magic, 0, *rest)

    lied = 0
    with monkeypatch.context() as patch:
        patch.setattr("zlib.crc32", lambda *_: 0)
        patch.setattr(spool_record, "_HEAD", Trusting)
        for number in sound.wanted[:count]:
            data = bytearray(sound.data)
            data[sound.data.index(body(number)) + 5] ^= 0xFF
            (folder / "broken.db").write_bytes(data)
            spool = SpoolFile(folder / "broken.db", LIMIT)
            found, _ = spool.read(0, EVERYTHING, max_records=1_000_000, max_bytes=1 << 40)
            lied += any(one.body != body(one.seq) for one in found)
            spool.close()
    return lied


@pytest.mark.timeout(900)
def test_damage_costs_the_logs_it_hit_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Sound(tmp_path, scaled(200, 1_000))
    size, chance = len(sound.data), random.Random(19)
    # The head of the file decides what SQLite makes of it: every byte of it, and a sample of the rest.
    places = sorted({*range(100), *chance.sample(range(size), scaled(80, 6_000))})
    lengths = sorted(chance.sample(range(size), scaled(25, 1_500)))
    results = [flipped(sound, tmp_path, at) for at in places]
    results += [truncated(sound, tmp_path, length) for length in lengths]
    control = without_checksums(sound, tmp_path, monkeypatch, 5)
    record(
        19,
        f"a damaged spool opens, and only the logs that were hit are lost and counted ({len(sound.wanted)} logs, "
        f"{len(places)} bytes flipped, {len(lengths)} lengths; {sum(lost for _, lost in results)} lost)",
        n=len(results),
        bad=sum(wrong for wrong, _ in results),
        unit="damaged spools",
        control="no checksums",
        control_bad=f"{control} of 5 damaged spools handed out damage as data",
    )
    assert [at for at, (wrong, _) in zip([*places, *lengths], results, strict=True) if wrong] == []
    assert any(lost for _, lost in results), "nothing was hit: this shows nothing"
    assert control == 5
