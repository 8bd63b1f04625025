"""What a program prints reaches whoever looks, line by line, and acts on nobody."""

from __future__ import annotations

import asyncio
import re
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigfarm.sentry.playbooks.console import KEPT_LINES, SHOWS, Console
from rigfarm.sentry.playbooks.logfile import LogFile
from rigfarm.sentry.playbooks.plain_text import MAX_LINE_CHARS, Lines, plain
from rigfarm.wire.playbooks import Archive
from support.program.rig import Rig, assigned_for


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[1;32mGPU0\x1b[0m 62.1 MH/s", "GPU0 62.1 MH/s"),
        ("\x9b31mred\x9b0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil.test\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r0m\x1b\\dcs \x1b(Bcharset \x1b7saved", "dcs charset saved"),
        ("10 %\r50 %\r100 %\r", "100 %"),
        ("a\tb", "a    b"),
        ("wallet \u202eevil\u202c \u2066x\u2069 \u200bzero", "wallet evil x zero"),
        ("bell\x07 null\0 delete\x7f nel\x85 ls\u2028", "bell null delete nel ls"),
        ("unfinished \x1b[", "unfinished"),
        ("unfinished \x1b]0;title", "unfinished"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("Größe 中文 🚀", "Größe 中文 🚀"),
        ("x" * 5_000, "x" * (MAX_LINE_CHARS - 1) + "…"),
    ],
)
def test_only_text_is_left(raw: str, shown: str) -> None:
    assert plain(raw) == shown


@given(st.text(max_size=200))
def test_nothing_that_acts_gets_through(raw: str) -> None:
    shown = plain(raw.replace("\n", ""))
    assert len(shown) <= MAX_LINE_CHARS
    assert not [
        c for c in shown if unicodedata.category(c) in ("Cc", "Zl", "Zp") or c in "\u202a\u202b\u202d\u202e\u2066"
    ]


@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), max_size=20), st.randoms())
def test_one_line_in_is_one_line_out_however_it_arrives(raw: list[bytes], chance: object) -> None:
    data = b"".join(line + b"\n" for line in raw)
    lines, pieces = Lines(), []
    while data:
        at = chance.randint(1, len(data))  # type: ignore[attr-defined]
        pieces += lines.feed(data[:at])
        data = data[at:]
    assert len(pieces) == len(raw)
    assert pieces == [plain(line.decode("utf-8", "replace")) for line in raw]


def test_a_line_without_end_costs_no_memory() -> None:
    lines = Lines()
    found = [line for _ in range(1_000) for line in lines.feed(b"x" * 65_536)]
    assert len(found) == 1
    assert lines.feed(b"the rest\nnext\n") == ["next"]
    assert lines.flush() == []


@pytest.mark.parametrize("piece", ["\x1b]", "\x1b[", "\x1b[;", "\x9b", "\x1bP\x1b", "\r", "\x1b[0"])
def test_hostile_lines_are_read_in_linear_time(piece: str) -> None:
    """By CPU time and as a ratio: sixteen times the text would take 256 times as long if it were quadratic."""

    def cost(times: int) -> float:
        began = time.process_time()
        for _ in range(max(1, 40_000 // times)):
            plain(piece * times)
        return time.process_time() - began

    assert min(cost(20_000) for _ in range(3)) < 8 * min(cost(1_250) for _ in range(3)) + 0.02


class Seen:
    def __init__(self) -> None:
        self.calls: list[tuple[int, list[str]]] = []

    def __call__(self, first: int, lines: list[str]) -> None:
        self.calls.append((first, lines))

    def numbered(self) -> dict[int, str]:
        return {first + n: line for first, lines in self.calls for n, line in enumerate(lines)}


async def test_who_looks_gets_the_last_lines_and_then_each_new_one(tmp_path: Path) -> None:
    seen = Seen()
    console = Console(LogFile(tmp_path / "log"), seen)
    console.feed(b"".join(b"line %d\n" % n for n in range(700)))
    assert seen.calls == [], "nobody looks"
    console.watch(True)
    assert seen.numbered() == {n: f"line {n}" for n in range(200, 700)}
    assert max(len(lines) for _, lines in seen.calls) <= 100
    seen.calls.clear()
    console.feed(b"line 700\nline 7")
    console.feed(b"01\n")
    await console.close()
    assert seen.calls == [(700, ["line 700", "line 701"])]
    console.watch(False)
    console.watch(True)
    assert len(seen.numbered()) == KEPT_LINES, "who comes back gets the last lines again"


async def test_a_gap_is_said_in_its_place(tmp_path: Path) -> None:
    seen = Seen()
    console = Console(LogFile(tmp_path / "log"), seen)
    console.watch(True)
    console.feed(b"before\nhalf a l")
    console.dropped(12_345)
    console.feed(b"after\n")
    await console.close()
    shown = [line for _, lines in seen.calls for line in lines]
    assert shown == ["before", "half a l", "… 12.06 KiB left out: the program prints too fast", "after"]


async def test_last_words_are_those_of_this_run(tmp_path: Path) -> None:
    console = Console(LogFile(tmp_path / "log"), lambda *_: None)
    console.feed(b"of an earlier run\nunfinished")
    console.begin()
    assert console.tail(3) == []
    console.say("started")
    console.feed(b"one\n\ntwo\n")
    assert console.tail(3) == ["one", "two"]
    console.feed(b"".join(b"%d\n" % n for n in range(2 * KEPT_LINES)))
    assert console.tail(2) == [str(2 * KEPT_LINES - 2), str(2 * KEPT_LINES - 1)]
    await console.close()


async def test_it_is_all_on_disk_with_the_time(tmp_path: Path) -> None:
    console = Console(LogFile(tmp_path / "log"), Seen())
    console.feed(b"\x1b[31mone\x1b[0m\ntwo\n")
    console.say("started")
    await console.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert [re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", "", line) for line in lines] == ["one", "two", "── started"]
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_logs_are_rotated_and_bounded(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log", max_bytes=1_000, kept=3)
    for number in range(500):
        log.append([f"line {number}"])
    log.append(["x" * 5_000])
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["log", "log.1", "log.2"]
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())
    assert "line 499" in (tmp_path / "log.1").read_text()
    log.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_log_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "log").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        LogFile(tmp_path / "log").append(["x"])
    assert (tmp_path / "precious").read_text() == "precious"


async def test_a_real_programs_console(rig: Callable[..., Rig], archive: Archive) -> None:
    async with rig() as one:
        await one.runner.console_watch(1, True)  # before there is one: no harm
        await one.runner.apply(1, [assigned_for(archive, template="--behave colours")])
        await one.until("mining")
        await one.runner.console_watch(1, True)
        await one.when(lambda _: any("miner    speed" in line for _, _, line in one.lines))
        shown = [line for _, _, line in one.lines]
        assert shown[0].startswith("── fakeminer 1.0 started, pid ")
        assert "XMRig/6.22.2 fake" in shown[1]
        assert shown[2] == "last"


async def test_a_flood_is_bounded_and_blocks_nobody(rig: Callable[..., Rig], archive: Archive, tmp_path: Path) -> None:
    async with rig() as one:
        await one.runner.apply(1, [assigned_for(archive, template="--behave flood")])
        await one.until("mining")
        await one.runner.console_watch(1, True)
        await one.when(lambda _: any("left out: the program prints too fast" in line for _, _, line in one.lines))
        before = len(one.lines)
        await asyncio.sleep(1)
        await one.until("mining")  # its API answers: it is not held up by its output
        assert 0 < len(one.lines) - before < 20_000, "it goes on, at a bounded rate"
    logs = sum(path.stat().st_size for path in (tmp_path / "sentry/playbooks/logs").iterdir())
    assert logs <= 5 << 20


async def test_whoever_asks_again_and_again_is_shown_the_last_lines_now_and_then(tmp_path: Path) -> None:
    """Five hundred lines for every such frame would keep the rig busy with nothing else."""
    shown: list[int] = []
    console = Console(LogFile(tmp_path / "log"), lambda first, lines: shown.append(len(lines)))
    console.feed(b"line\n" * KEPT_LINES)
    await asyncio.sleep(0.4)
    began = time.monotonic()
    for _ in range(10_000):
        console.watch(on=True)
    assert sum(shown) <= (SHOWS + 1 + time.monotonic() - began) * KEPT_LINES
    await console.close()


async def test_an_error_of_a_viewer_is_not_the_end_of_a_console(tmp_path: Path) -> None:
    """Nothing would be shown, or written, of the program ever again."""
    failures = 0

    def view(first: int, lines: list[str]) -> None:
        nonlocal failures
        failures += 1
        if failures == 2:
            raise ZeroDivisionError("nobody foresaw this")

    console = Console(LogFile(tmp_path / "log"), view)
    console.feed(b"one\n")
    console.watch(on=True)
    console.feed(b"two\n")
    deadline = asyncio.get_running_loop().time() + 20
    while failures < 3:
        console.feed(b"more\n")
        await asyncio.sleep(0.05)
        assert asyncio.get_running_loop().time() < deadline
    await console.close()
