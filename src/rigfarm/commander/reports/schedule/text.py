"""A report as a short message: its main figures, and a link to the rest."""

from __future__ import annotations

from collections.abc import Iterator

from rigfarm import units
from rigfarm.commander.reports.model import Report
from rigfarm.commander.reports.view import Asked, money

__all__ = ["message_of"]

MAX_COINS = 5
MAX_RIGS = 3


def message_of(report: Report, search: str, currency: str, url: str) -> tuple[str, str]:
    """(title, text). `search`: which rigs it is of; `url`: of this Commander."""
    period = report.period
    days = f"{period.first:%a} {period.first}" if period.days == 1 else f"{period.first} to {period.last}"
    asked = Asked(first=str(period.first), last=str(period.last), filter=search)
    return f"Rigfarm report: {days}", "\n".join([*_lines(report, search, currency), f"{url}{asked.href()}"])


def _lines(report: Report, search: str, currency: str) -> Iterator[str]:
    now, before = report.now, report.before
    if search:
        yield f"Rigs that match {search} today: {units.count(len(report.rigs))}"
    if not report.hours or not now.there_s:
        yield "Nothing is known of this time."
        return
    if report.hours.stop < report.period.hours.stop:
        yield "History does not know all of this time yet: the report has more later."
    yield f"Mined {units.percent(now.available)} of the time (before {units.percent(before.available)})"
    if now.energy_j is not None:
        cost = f", {money(now.cost, currency)}" if now.cost is not None else ""
        yield f"Energy {units.energy(now.energy_j)}{cost} (before {units.energy(before.energy_j)})"
    for coin in now.coins[:MAX_COINS]:
        then = next((one.hashrate for one in before.coins if one.coin == coin.coin), None)
        rejects = f", {units.percent(coin.rejects)} rejected" if coin.rejects is not None else ""
        yield f"{coin.coin} {units.hashrate(coin.hashrate)} (before {units.hashrate(then)}){rejects}"
    if report.earned.revenue is not None:
        part = " of some coins only" if report.earned.missing else ""
        yield f"Revenue {money(report.earned.revenue, currency)}{part}"
    if report.earned.profit is not None:
        yield f"Profit {money(report.earned.profit, currency)}"
    if now.offline_s >= 60:
        yield f"Offline {units.duration(now.offline_s)}, all rigs together"
    worst = [one for one in report.rigs if one.lost_s is not None and one.lost_s >= 60][:MAX_RIGS]
    if worst:
        yield "Lost most: " + ", ".join(f"{one.name} {units.duration(one.lost_s)}" for one in worst)
