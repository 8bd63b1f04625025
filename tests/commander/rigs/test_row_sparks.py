"""Sparklines in the rows of an index: only of rows in view, read once for all viewers, and never waited for."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from rigfarm.commander.history import HOUR_MS, History, HistoryUnavailable
from rigfarm.commander.history.chunks.codes import codes
from rigfarm.commander.history.chunks.columns import pack
from rigfarm.commander.history.model import DAY_MS, row_id
from rigfarm.commander.history.store import Store
from rigfarm.commander.rigs.view import sparks
from rigfarm.commander.rigs.view.sparks import RowSparks
from rigfarm.common.clock import utc_ms
from support.asic_load import an_asic_log

NOW = utc_ms()
COIN = an_asic_log(1, 1).workloads[0].coin


def remember(folder: Path, *rigs: int, coin: str | None = COIN) -> None:
    """Two days of each rig, each hour larger than the one before."""
    store = Store(folder / "history.db")
    today = NOW // DAY_MS
    with store.transaction():
        for day in (today - 1, today):
            mean = codes([1e12 * (1 + hour + 24 * (day - today + 1)) for hour in range(24)])
            body = pack(24, {("coin", coin or "", "mean"): mean})
            store.put("hours", [(row_id(day, rig), body) for rig in rigs])
    store.close()


@pytest.fixture
def asked(site: Any, monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """The rigs of each question to history."""
    questions: list[set[int]] = []
    ask = History.ask

    async def noted(self: History, question: Any) -> Any:
        if coins := getattr(question, "keywords", {}).get("coins"):
            questions.append(set(coins))
        return await ask(self, question)

    monkeypatch.setattr(History, "ask", noted)
    monkeypatch.setattr("rigfarm.commander.rigs.pages.SPARKS_S", 30.0)
    return questions


async def test_rows_have_their_day_once_for_all_viewers(site: Any, tmp_path: Path, asked: list[set[int]]) -> None:
    one, two = await site.asics("a-1", "b-2")
    remember(tmp_path, one)
    page = await site.get("/asics?q=a-1")
    assert page.count(f'aria-label="{COIN}, last 24 hours"') == 1
    assert asked == [{one}], "only rows in view"
    page = await site.get("/asics")
    assert page.count("last 24 hours") == 1, "a rig without history has none"
    assert asked == [{one}, {two}]
    await site.get("/asics")
    assert len(asked) == 2


async def test_a_drawing_is_made_again_after_ten_minutes_and_not_shown_when_it_is_old(
    site: Any, tmp_path: Path, asked: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    [rig] = await site.asics("a")
    remember(tmp_path, rig)
    assert "last 24 hours" in await site.get("/asics")
    monkeypatch.setattr(sparks, "FOR_S", 0.0)
    assert "last 24 hours" in await site.get("/asics")
    assert len(asked) == 2
    (tmp_path / "history.db").unlink()

    async def unavailable(_self: History, _question: Any) -> Any:
        raise HistoryUnavailable("gone")

    monkeypatch.setattr(History, "ask", unavailable)
    assert "last 24 hours" in await site.get("/asics")
    monkeypatch.setattr(sparks, "OLDEST_S", 0.0)
    assert "last 24 hours" not in await site.get("/asics")


async def test_the_first_paint_does_not_wait_and_the_socket_brings_it(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [rig] = await site.asics("a")
    remember(tmp_path, rig)
    may, ask = threading.Event(), History.ask

    async def slow(self: History, question: Any) -> Any:
        while not may.is_set():  # it waits in the loop of the client's thread
            await asyncio.sleep(0.01)
        return await ask(self, question)

    monkeypatch.setattr(History, "ask", slow)
    page = await site.get("/asics")
    assert "24 h</th>" in page
    assert "last 24 hours" not in page
    monkeypatch.setattr("rigfarm.commander.rigs.live.SPARKS_S", 0.05)
    live, _ = site.live("/asics")
    may.set()
    while "last 24 hours" not in "".join(await live.snapshot()):
        await asyncio.sleep(0.01)


async def test_the_number_of_drawings_is_bounded(
    site: Any, tmp_path: Path, asked: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rigs = await site.asics(*(f"a-{n}" for n in range(6)))
    remember(tmp_path, *rigs)
    monkeypatch.setattr(sparks, "KEPT", 4)
    monkeypatch.setattr(sparks, "AT_ONCE", 3)
    assert (await site.get("/asics")).count("last 24 hours") == 4
    assert [len(one) for one in asked] == [3, 1]


async def test_another_time_shows_whole_hours_before_it(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [rig] = await site.asics("a")
    remember(tmp_path, rig)
    now = NOW // DAY_MS * DAY_MS + HOUR_MS // 2
    monkeypatch.setattr(sparks, "utc_ms", lambda: now)
    found = {}
    for past in (True, False):
        made = RowSparks(site.history, site.templates, now if past else None)
        await made.prepare([site.stats.rigs[rig]], 30.0)
        found[past] = made.get(rig)
    assert found[True].count("L") == found[False].count("L") == 23
    assert found[True] != found[False]


async def test_without_history_there_is_no_column(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.asics("a")
    monkeypatch.setattr(site.history, "on", False)
    page = await site.get("/asics")
    assert "h-day" not in page
    assert "c-day" not in page
