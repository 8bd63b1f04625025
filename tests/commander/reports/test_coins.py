"""What is known of coins: entered, fetched within the limits of downloads, kept over time, and used only
while young."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rigfarm.commander.changes import Change, change_under_way
from rigfarm.commander.fields import checked, read_form
from rigfarm.commander.history import HOUR_MS
from rigfarm.commander.outbound.reach import Reach
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.reports.earnings import coins as module
from rigfarm.commander.reports.earnings.coins import Coins
from rigfarm.commander.reports.earnings.model import SourceForm, ValueForm, amount_in, per_hash, steps_of
from rigfarm.commander.reports.earnings.view import coins_page
from rigfarm.commander.reports.model import CoinFigures, Figures, Period, Report
from rigfarm.commander.reports.reckoning.earned import Valuation, earnings
from rigfarm.commander.reports.view import Asked, report_page, rows_of
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part, supervised

UTC = ZoneInfo("UTC")
DAY_MS = 86_400_000
MIDNIGHT = 1_795_996_800_000 // DAY_MS * DAY_MS
FIRST = date.fromtimestamp(MIDNIGHT / 1000)
HOST = "127.0.1.9"
"""Loopback stands for the LAN here."""


class Clock:
    ms = MIDNIGHT + 3 * DAY_MS

    def __call__(self) -> int:
        return self.ms


class Farm:
    """Coins with a database, a clock and a server that answers as it is told."""

    def __init__(self, storage: Storage, port: int, answers: dict[str, bytes], asked: list[str]) -> None:
        self.clock, self.storage, self.port, self.answers, self.asked = Clock(), storage, port, answers, asked
        self.coins = self.made()

    def made(self, **more: Any) -> Coins:
        lan = Reach(lan=(ipaddress.ip_network("127.0.1.0/24"),))
        return Coins(self.storage, **{"reach": lan, "wall": self.clock, **more})

    def source(self, path: str = "price", url: str = "", **more: Any) -> SourceForm:
        url = url or f"http://{HOST}:{self.port}/price?key=secret"
        return SourceForm(**{"coin": "KAS", "url": url, "path": path, "lan": True, **more})

    async def enter(self, coin: str, what: Any, amount: float, days_ago: float = 0.0, **more: Any) -> None:
        now, self.clock.ms = self.clock.ms, round(self.clock.ms - days_ago * DAY_MS)
        form = ValueForm(coin=coin, what=what, amount=amount, **more)
        await self.coins.add(form, "EUR", lambda day: round((date.fromisoformat(day) - FIRST).days * DAY_MS + MIDNIGHT))
        self.clock.ms = now


@pytest.fixture
async def farm(tmp_path: Path) -> AsyncIterator[Farm]:
    storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    answers: dict[str, bytes] = {}
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        asked.append(path)
        writer.write(answers.get(path, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield Farm(storage, server.sockets[0].getsockname()[1], answers, asked)
    await storage.close()


def ok(body: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


# What is entered


@pytest.mark.parametrize(
    ("body", "path", "found"),
    [
        ('{"kaspa": {"usd": 0.1125}}', "kaspa.usd", 0.1125),
        ('{"data": [{"price": "1.5e-3"}]}', "data[0].price", 0.0015),
        ("[[1], [2, 3]]", "[1][0]", 2.0),
        ("7", "", 7.0),
    ],
)
def test_the_number_at_a_place(body: str, path: str, found: float) -> None:
    assert amount_in(body.encode(), path) == found


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        ("<html>", "price", "not JSON"),
        ("[" * 100_000, "price", "not JSON"),
        ('{"price": 1}', "prices", "no prices there"),
        ("[1]", "[1]", r"no \[1\] there"),
        ('{"price": null}', "price", "not a number"),
        ('{"price": true}', "price", "not a number"),
        ('{"price": {"usd": 1}}', "price", "not a number"),
        ('{"price": 0}', "price", "plausible"),
        ('{"price": -1}', "price", "plausible"),
        ('{"price": 1e300}', "price", "plausible"),
        ('{"price": ' + "9" * 400 + "}", "price", "plausible"),
    ],
)
def test_an_answer_that_means_nothing(body: str, path: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        amount_in(body.encode(), path)


def test_paths() -> None:
    assert steps_of("a.b[2].c d") == ["a", "b", 2, "c d"]
    for path in ("a..b", ".a", "a.", "a[x]", "a[1", "]", ".".join("a" * 17)):
        with pytest.raises(Invalid):
            steps_of(path)


@pytest.mark.parametrize(
    ("field", "text"),
    [("amount", "0"), ("amount", "cheap"), ("amount", "-1"), ("amount", "1e99"), ("coin", ""), ("coin", "two words"),
     ("day", "yesterday"), ("per", "EH/s"), ("what", "guess")],
)  # fmt: skip
def test_figures_that_mean_nothing(field: str, text: str) -> None:
    typed: dict[str, object] = {"coin": "KAS", "what": "price", "amount": "0.115", "per": "TH/s", "day": ""}
    assert checked(read_form(ValueForm, typed)).amount == 0.115
    with pytest.raises(Invalid):
        checked(read_form(ValueForm, typed | {field: text}))


def test_urls_that_are_refused() -> None:
    good = SourceForm(coin="KAS", url="https://prices.example/kas")
    assert checked(good) == good
    for url in ("http://prices.example/", "ftp://prices.example/", "https://user:pass@prices.example/", "https://"):
        with pytest.raises(Invalid):
            checked(SourceForm(coin="KAS", url=url))


async def test_a_figure_holds_until_a_newer_one_and_survives_a_start(farm: Farm) -> None:
    await farm.enter("KAS", "price", 0.10, days_ago=2)
    await farm.enter("KAS", "price", 0.12)
    await farm.enter("KAS", "rate", 3.0, per="TH/s")
    again = farm.made()
    await again.load()
    for one in (farm.coins, again):
        now = one.latest("KAS", "price", farm.clock.ms, "EUR")
        before = one.latest("KAS", "price", farm.clock.ms - DAY_MS, "EUR")
        assert now is not None
        assert before is not None
        assert (now.amount, before.amount) == (0.12, 0.10)
        assert one.latest("KAS", "price", farm.clock.ms, "USD") is None, "a price in another currency is none"
        assert one.latest("KAS", "price", farm.clock.ms - 3 * DAY_MS, "EUR") is None
        rate = one.latest("KAS", "rate", farm.clock.ms)
        assert rate is not None
        assert rate.amount == pytest.approx(3.0 / 86_400 / 1e12)
        assert rate.written == pytest.approx(3.0)
    value = now
    await farm.coins.remove(value.id)
    with pytest.raises(Absent):
        await farm.coins.remove(value.id)
    left = farm.coins.latest("KAS", "price", farm.clock.ms, "EUR")
    assert left is not None
    assert left.amount == 0.10


async def test_a_figure_of_the_future_and_one_too_many(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="has begun"):
        await farm.enter("KAS", "price", 1.0, day=str(date.fromordinal(FIRST.toordinal() + 4)))
    monkeypatch.setattr(module, "MAX_VALUES", 1)
    monkeypatch.setattr(module, "MAX_SOURCES", 0)
    await farm.enter("KAS", "price", 1.0)
    with pytest.raises(Conflict, match="maximum"):
        await farm.enter("KAS", "price", 1.0)
    with pytest.raises(Conflict, match="maximum"):
        await farm.coins.add_source(farm.source(), "EUR")


async def test_changes_are_described_without_the_url(farm: Farm) -> None:
    for act, says in (
        (lambda: farm.enter("KAS", "price", 0.1), {"coin": "KAS", "what": "price", "amount": "0.1", "day": "now"}),
        (lambda: farm.coins.add_source(farm.source(), "EUR"), {"coin": "KAS", "what": "price", "host": HOST}),
    ):
        change = Change("POST", "10.0.0.1")
        with change_under_way(change):
            await act()
        assert change.action
        assert change.facts == says


# What is fetched


async def test_a_price_is_fetched_and_the_last_of_a_day_is_kept(farm: Farm) -> None:
    source = await farm.coins.add_source(farm.source("data[0].price"), "EUR")
    for price in ("0.11", "0.12"):
        farm.answers["/price?key=secret"] = ok(f'{{"data": [{{"price": {price}}}]}}')
        farm.clock.ms += HOUR_MS
        assert (await farm.coins.fetch(source.id)).error == ""
    assert [(one.amount, one.source, one.currency) for one in farm.coins.values] == [(0.12, HOST, "EUR")]
    farm.clock.ms += DAY_MS
    await farm.coins.fetch(source.id)
    again = farm.made()
    await again.load()
    assert len(again.values) == len(farm.coins.values) == 2
    assert again.sources == farm.coins.sources
    farm.clock.ms += 800 * DAY_MS
    await farm.coins.fetch(source.id)
    assert len(farm.coins.values) == 1, "what is older than two years goes"
    await farm.coins.remove_source(source.id)
    assert len(farm.coins.values) == 1
    with pytest.raises(Absent):
        await farm.coins.fetch(source.id)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "answered 500"),
        (ok("<html>"), "not JSON"),
        (ok('{"prize": 1}'), "no price there"),
        (ok('{"price": "' + "x" * (300 << 10) + '"}'), "maximum"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"7" * (300 << 10), "more than"),
        (b"HTTP/1.1 302 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "https"),
        (b"not http at all\r\n\r\n", "HTTP"),
    ],
)
async def test_a_failure_is_said_and_leaves_the_old_price(farm: Farm, answer: bytes, says: str) -> None:
    await farm.enter("KAS", "price", 0.1, days_ago=1)
    source = await farm.coins.add_source(farm.source(), "EUR")
    farm.answers["/price?key=secret"] = answer
    asked = await farm.coins.fetch(source.id)
    assert says in asked.error
    assert "secret" not in asked.error
    assert asked.tried_ms == farm.clock.ms
    assert [one.amount for one in farm.coins.values] == [0.1]


async def test_forbidden_addresses_are_not_connected_to(farm: Farm) -> None:
    strict = farm.made(reach=Reach())
    source = await strict.add_source(farm.source(), "EUR")
    assert "blocked" in (await strict.fetch(source.id)).error
    assert farm.asked == []


async def test_a_slow_answer_is_given_up(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FETCH_S", 0.05)
    release = asyncio.Event()

    async def slow(_form: SourceForm) -> bytes:
        await release.wait()
        return b""

    monkeypatch.setattr(farm.coins, "_body", slow)
    source = await farm.coins.add_source(farm.source(), "EUR")
    assert "did not answer" in (await farm.coins.fetch(source.id)).error


async def test_each_source_is_asked_once_an_hour_also_after_a_start(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    farm.answers["/price?key=secret"] = ok('{"price": 0.2}')
    await farm.coins.add_source(farm.source(), "EUR")

    async def asked(coins: Coins, times: int) -> None:
        rounds = 0

        class Counted(Part):
            def idle(self) -> None:
                nonlocal rounds
                rounds += 1
                super().idle()

        async with asyncio.timeout(30), supervised(Counted(), coins.run):
            while len(farm.asked) < times or rounds < 3:
                await asyncio.sleep(0.01)

    await asked(farm.coins, 1)
    again = farm.made()
    await again.load()
    await asked(again, 1)
    assert len(farm.asked) == 1
    farm.clock.ms += HOUR_MS
    await asked(again, 2)
    assert len(farm.asked) == 2


# What reports make of it


def mined(hashes: float, cost: float | None = None, *, powered: float = 1.0, unpriced_j: float = 0.0) -> CoinFigures:
    return CoinFigures(
        coin="KAS",
        hashes=hashes,
        hashrate=hashes / 86_400,
        efficiency=powered * hashes / 1e6,
        energy_j=1e6,
        cost=cost,
        unpriced_j=unpriced_j,
        accepted=1,
        rejected=0,
        stale=0,
        invalid=0,
    )


def figures(coin: CoinFigures, cost: float | None = None) -> Figures:
    return Figures(
        seconds=86_400, there_s=86_400, online_s=86_400, degraded_s=0, idle_s=0, stopped_s=0, offline_s=0, unknown_s=0,
        energy_j=1e6, powered_s=86_400, cost=cost, unpriced_j=coin.unpriced_j, coins=[coin],
    )  # fmt: skip


PERIOD = Period(FIRST, date.fromordinal(FIRST.toordinal() + 1), UTC)


def report(farm: Farm, one: CoinFigures, *, payouts: bool = True, days_used: float = 1.0) -> Report:
    """Two days, each with half of it."""
    by = Valuation(farm.coins, "EUR", round(days_used * DAY_MS), farm.clock.ms, payouts)
    half = figures(mined(one.hashes / 2))
    days = [(FIRST, half), (date.fromordinal(FIRST.toordinal() + 1), half)]
    whole = figures(one, one.cost)
    return Report(
        period=PERIOD, hours=PERIOD.hours, now=whole, before=whole, days=days, rigs=[],
        earned=earnings(PERIOD, days, whole, by),
    )  # fmt: skip


ONE_TH_DAY = 1e12 * 86_400


async def test_revenue_is_each_day_s_rate_and_price(farm: Farm) -> None:
    await farm.enter("KAS", "rate", 10.0, days_ago=2.5)
    await farm.enter("KAS", "price", 0.10, days_ago=2.5)
    await farm.enter("KAS", "price", 0.20, days_ago=1.5)
    found = report(farm, mined(2 * ONE_TH_DAY, 1.0), days_used=2)
    [one] = found.earned.coins
    assert one.coins == pytest.approx(20.0)
    assert one.revenue == pytest.approx(10 * 0.10 + 10 * 0.20)
    assert one.profit == pytest.approx(2.0)
    assert (one.price, one.unvalued_days, one.paid_out) == (0.20, 0, False)
    assert (found.earned.revenue, found.earned.profit) == (pytest.approx(3.0), pytest.approx(2.0))
    page = report_page(found, Asked("", str(FIRST)), "EUR", "Whole farm")
    assert page.earns
    assert page.coins[0].earned.revenue == "3.00 EUR"
    assert "price 0.2 EUR, 12 h" in page.coins[0].earned.note
    head, row = list(rows_of(found, "coins", "EUR"))
    told = dict(zip(head, row, strict=True))
    assert told["revenue_EUR"] == pytest.approx(3.0)
    assert told["profit_EUR"] == pytest.approx(2.0)


async def test_a_figure_that_was_too_old_is_not_used_and_the_page_says_so(farm: Farm) -> None:
    await farm.enter("KAS", "rate", 10.0, days_ago=2.5)
    await farm.enter("KAS", "price", 0.10, days_ago=2.5)
    found = report(farm, mined(2 * ONE_TH_DAY, 1.0), days_used=1)
    [one] = found.earned.coins
    assert one.revenue == pytest.approx(1.0)
    assert (one.unvalued_days, one.profit, found.earned.profit) == (1, None, None)
    notes = report_page(found, Asked("", str(FIRST)), "EUR", "Whole farm").notes
    assert any("for 1 day " in note and "at most 7 days old" in note for note in notes)
    assert coins_page(farm.coins, "EUR", 1.0, farm.clock.ms).now[0].old
    assert not coins_page(farm.coins, "EUR", 3.0, farm.clock.ms).now[0].old


async def test_without_figures_nothing_is_said(farm: Farm) -> None:
    await farm.enter("ETC", "price", 20.0, days_ago=3)
    found = report(farm, mined(2 * ONE_TH_DAY, 1.0))
    assert found.earned.coins == []
    assert (found.earned.revenue, found.earned.profit) == (None, None)
    assert not report_page(found, Asked("", str(FIRST)), "EUR", "Whole farm").earns
    await farm.enter("KAS", "rate", 10.0, days_ago=2.5)
    [one] = report(farm, mined(2 * ONE_TH_DAY, 1.0), days_used=3).earned.coins
    assert (one.coins, one.revenue, one.profit) == (pytest.approx(20.0), None, None)


async def test_payouts_count_for_the_whole_farm_only(farm: Farm) -> None:
    await farm.enter("KAS", "payout", 30.0, days_ago=2.5)
    await farm.enter("KAS", "price", 0.10, days_ago=2.6)
    [one] = report(farm, mined(2 * ONE_TH_DAY, 1.0)).earned.coins
    assert (one.coins, one.paid_out, one.revenue) == (30.0, True, pytest.approx(3.0))
    assert report(farm, mined(2 * ONE_TH_DAY, 1.0), payouts=False).earned.coins == []


@pytest.mark.parametrize(
    "coin",
    [
        mined(2 * ONE_TH_DAY, None),
        mined(2 * ONE_TH_DAY, 1.0, powered=0.5),
        mined(2 * ONE_TH_DAY, 1.0, unpriced_j=5.0),
    ],
)
async def test_a_profit_needs_the_whole_cost(farm: Farm, coin: CoinFigures) -> None:
    await farm.enter("KAS", "rate", 10.0, days_ago=3)
    await farm.enter("KAS", "price", 0.10, days_ago=3)
    [one] = report(farm, coin, days_used=3).earned.coins
    assert one.revenue == pytest.approx(2.0)
    assert one.profit is None


def test_rates_are_coins_for_each_hash() -> None:
    assert per_hash(1.0, "kH/s") * 1e3 * 86_400 == pytest.approx(1.0)
