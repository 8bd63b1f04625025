"""What was earned: coins from payouts or from hashes, and what they were worth on the day.

Nothing is guessed: without a figure that was young enough on a day, nothing is said of that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from rigfarm.commander.history import HOUR_MS
from rigfarm.commander.reports.earnings.coins import Coins
from rigfarm.commander.reports.earnings.model import CoinValue, What
from rigfarm.commander.reports.model import CoinFigures, Earned, Earnings, Figures, Period
from rigfarm.common.clock import moment

__all__ = ["Valuation", "earnings"]

WHOLE = 0.995
"""The share of hashes whose energy is known from which on a coin's cost is that of all of them."""


class Valuation(Struct, frozen=True):
    """Which figures are used."""

    coins: Coins
    currency: str
    oldest_ms: int
    """A figure that is older at the end of a day isn't used for it."""
    now_ms: int
    payouts: bool
    """Whether payouts count: they are the whole farm's."""

    def at(self, coin: str, what: What, end_ms: int) -> CoinValue | None:
        """What held at a time, if it was young enough."""
        end_ms = min(end_ms, self.now_ms)
        found = self.coins.latest(coin, what, end_ms, self.currency)
        return found if found is not None and end_ms - found.at_ms <= self.oldest_ms else None


def earnings(period: Period, days: Sequence[tuple[date, Figures]], now: Figures, by: Valuation) -> Earnings:
    """Of a period: what its days say, and together (`now`)."""
    found = [one for coin in now.coins if (one := _earned(period, days, coin, by)) is not None]
    known = {one.coin for one in found if one.revenue is not None and not one.unvalued_days}
    revenues = [one.revenue for one in found if one.revenue is not None]
    revenue = sum(revenues) if revenues else None
    missing = [coin.coin for coin in now.coins if coin.coin not in known]
    whole = not missing and (now.power_known or 0.0) >= WHOLE and not now.unpriced_j
    return Earnings(
        coins=found,
        revenue=revenue,
        profit=revenue - now.cost if revenue is not None and now.cost is not None and whole else None,
        missing=missing,
    )


def _earned(period: Period, days: Sequence[tuple[date, Figures]], coin: CoinFigures, by: Valuation) -> Earned | None:
    ends = {day: Period(day, day, period.zone).hours.stop * HOUR_MS for day, _ in days}
    paid = by.coins.payouts(coin.coin, period.hours.start * HOUR_MS, period.hours.stop * HOUR_MS) if by.payouts else []
    unknown = 0  # days with hashes and without a rate
    if paid:
        used = [(one.amount, _end(ends, one.at_ms)) for one in paid]
    else:
        used = []
        for day, figures in days:
            hashes = next((one.hashes for one in figures.coins if one.coin == coin.coin), 0.0)
            rate = by.at(coin.coin, "rate", ends[day])
            if hashes and rate is None:
                unknown += 1
            elif hashes and rate is not None:
                used.append((hashes * rate.amount, ends[day]))
        if not used:
            return None
    priced = [
        (amount, price, end_ms) for amount, end_ms in used if (price := by.at(coin.coin, "price", end_ms)) is not None
    ]
    revenue = sum(amount * price.amount for amount, price, _ in priced) if priced else None
    _, last, used_ms = priced[-1] if priced else (0.0, None, 0)
    unvalued = len(used) + unknown - len(priced)
    whole = not unvalued and not coin.unpriced_j and coin.powered_share >= WHOLE
    return Earned(
        coin=coin.coin,
        coins=sum(amount for amount, _ in used),
        paid_out=bool(paid),
        revenue=revenue,
        profit=revenue - coin.cost if whole and revenue is not None and coin.cost is not None else None,
        unvalued_days=unvalued,
        price=last.amount if last is not None else None,
        price_at=moment(last.at_ms) if last is not None else None,
        price_age_s=(min(used_ms, by.now_ms) - last.at_ms) / 1000 if last is not None else None,
        price_source=last.source if last is not None else "",
    )


def _end(ends: dict[date, int], at_ms: int) -> int:
    """The end of the day in which a moment lies."""
    return next((end for end in sorted(ends.values()) if at_ms < end), at_ms)
