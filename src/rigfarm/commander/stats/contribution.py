"""What one rig adds to the totals of its kind, as exact integers: sums that are added to and subtracted from for
months must not drift, and a coin whose last rig leaves must come to exactly nothing."""

from __future__ import annotations

from msgspec import Struct

from rigfarm.common.plausible import is_possible, possible
from rigfarm.wire.log import Devices, OperationalLog

__all__ = ["MAX_COINS", "NOTHING", "OTHER", "CoinShare", "Contribution", "contribution_of", "of_one_coin"]

MAX_COINS = 8
"""A rig that says it mines more has the rest counted under OTHER: each name makes a line of the totals."""
OTHER = "other"


class CoinShare(Struct, frozen=True, gc=False):
    """One rig's share of one coin."""

    coin: str
    millihashes: int
    """mH/s"""
    milliwatts: int | None
    """The power that goes into this coin; absent where it cannot be told."""
    accepted: int
    rejected: int

    @property
    def efficiency(self) -> float | None:
        """H/J (that is H/s per W)."""
        return self.millihashes / self.milliwatts if self.milliwatts else None


class Contribution(Struct, frozen=True, gc=False):
    """One rig's share of everything."""

    coins: tuple[CoinShare, ...] = ()
    milliwatts: int | None = None

    @property
    def powered(self) -> CoinShare | None:
        """The first coin of which it is known what power goes into it."""
        return next((share for share in self.coins if share.milliwatts), None)


NOTHING = Contribution()


def contribution_of(log: OperationalLog) -> Contribution:
    """A log's contribution. Impossible numbers (negative, NaN, infinite, 1e308) count as unknown."""
    power = possible("machine_w", log.power_w)
    coins: dict[str, list[int]] = {}
    columns: dict[str, list[int]] = {}
    for position, workload in enumerate(log.workloads):
        rate = possible("hashrate", workload.hashrate)
        if rate is None:
            continue
        coin = workload.coin or workload.algorithm or "?"
        if coin not in coins and len(coins) >= MAX_COINS:
            coin = OTHER
        sums = coins.setdefault(coin, [0, 0, 0])
        sums[0] += round(rate * 1000)
        sums[1] += max(workload.accepted or 0, 0)
        sums[2] += max(workload.rejected or 0, 0)
        columns.setdefault(coin, []).append(position)
    if power is None:
        shares: dict[str, float] | None = None
    elif len(coins) == 1:
        shares = dict.fromkeys(coins, power)
    else:
        shares = _split_power(log, columns, power)
    return Contribution(
        tuple(
            CoinShare(coin, rate, None if shares is None else round(shares[coin] * 1000), accepted, rejected)
            for coin, (rate, accepted, rejected) in coins.items()
        ),
        None if power is None else round(power * 1000),
    )


def of_one_coin(
    coin: str, hashrate: float | None, power_w: float | None, accepted: int | None, rejected: int | None
) -> Contribution:
    """The same of a log with one workload."""
    rate, power = possible("hashrate", hashrate), possible("machine_w", power_w)
    milliwatts = None if power is None else round(power * 1000)
    if rate is None:
        return Contribution((), milliwatts)
    share = CoinShare(coin, round(rate * 1000), milliwatts, max(accepted or 0, 0), max(rejected or 0, 0))
    return Contribution((share,), milliwatts)


def _split_power(log: OperationalLog, columns: dict[str, list[int]], power: float) -> dict[str, float] | None:
    """A rig's power by coin, in proportion to what the devices draw that hash it; dual mining shares a device."""
    devices = log.devices
    count = len(devices)
    if len(devices.power_w) != count:
        return None
    busy: list[list[str]] = [[] for _ in range(count)]
    for coin, positions in columns.items():
        for row in {row for at in positions for row in _busy_rows(devices, at)}:
            busy[row].append(coin)
    drawn = dict.fromkeys(columns, 0.0)
    for watts, mined in zip(devices.power_w, busy, strict=True):
        if not watts or not is_possible("machine_w", watts):
            continue
        for coin in mined:
            drawn[coin] += watts / len(mined)
    total = sum(drawn.values())
    if not total or not all(drawn.values()):
        return None
    return {coin: power * share / total for coin, share in drawn.items()}


def _busy_rows(devices: Devices, workload: int) -> list[int]:
    """Devices that hash a workload: no more of them are looked at than the log has cells."""
    column = devices.hashrates[workload] if workload < len(devices.hashrates) else []
    return [row for row, rate in enumerate(column) if (rate or 0.0) > 0.0] if len(column) == len(devices) else []
