"""What is known of coins, as it is shown."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from rigfarm.commander.reports.earnings.coins import Coins
from rigfarm.commander.reports.earnings.model import WHAT, CoinValue
from rigfarm.common.clock import iso
from rigfarm.units import duration

__all__ = ["CoinsPage", "coins_page", "value_text"]

SHOWN = 200
"""Figures in the table; the API lists all."""


class ValueLine(Struct, frozen=True):
    """A figure: cells of the table."""

    id: int
    coin: str
    what: str
    value: str
    source: str
    at_iso: str
    age: str
    old: bool
    """The latest, and too old to be used."""


class SourceLine(Struct, frozen=True):
    """A source: cells of the table."""

    id: int
    coin: str
    what: str
    host: str
    path: str
    tried_iso: str
    tried: str
    error: str


class CoinsPage(Struct, frozen=True):
    """The page. `now` are the latest figures of each coin."""

    now: list[ValueLine]
    sources: list[SourceLine]
    values: list[ValueLine]
    more: int
    days: str
    """For how many days a figure is used."""


def coins_page(coins: Coins, currency: str, days: float, now_ms: int) -> CoinsPage:
    """As it is now."""
    oldest_ms = now_ms - days * 86_400_000
    every = coins.values
    return CoinsPage(
        now=[_value(one, oldest_ms, now_ms) for one in _latest(coins, currency, now_ms)],
        sources=[
            SourceLine(
                one.id,
                one.form.coin,
                WHAT[one.form.what],
                one.host,
                one.form.path,
                iso(one.tried_ms),
                "" if one.tried_ms is None else duration((now_ms - one.tried_ms) / 1000),
                one.error,
            )
            for one in coins.sources.values()
        ],
        values=[_value(one, 0.0, now_ms) for one in every[:SHOWN]],
        more=max(len(every) - SHOWN, 0),
        days=f"{days:g} days" if days != 1 else "a day",
    )


def value_text(one: CoinValue) -> str:
    """`0.115 EUR`, `3.2e-05 XMR a day for 1 kH/s`, `812.5 KAS`."""
    amount = f"{one.written:.6g}"
    if one.what == "price":
        return f"{amount} {one.currency}".strip()
    return f"{amount} {one.coin}" + (f" a day for 1 {one.per}" if one.what == "rate" else "")


def _latest(coins: Coins, currency: str, now_ms: int) -> Iterator[CoinValue]:
    for coin in coins.coins:
        for found in (coins.latest(coin, "price", now_ms, currency), coins.latest(coin, "rate", now_ms)):
            if found is not None:
                yield found


def _value(one: CoinValue, oldest_ms: float, now_ms: int) -> ValueLine:
    return ValueLine(
        one.id,
        one.coin,
        WHAT[one.what],
        value_text(one),
        one.source or "entered by hand",
        iso(one.at_ms),
        duration((now_ms - one.at_ms) / 1000),
        one.what != "payout" and one.at_ms < oldest_ms,
    )
