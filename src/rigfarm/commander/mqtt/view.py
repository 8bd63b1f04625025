"""What is published of a rig and of the farm: whole, in SI units, and nothing that is old. Unknown is null."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from rigfarm.commander.kinds import KindName
from rigfarm.commander.mqtt.model import slug
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats import OperationalStats, RigStats
from rigfarm.commander.stats.condition import UP, State
from rigfarm.commander.stats.marks import hottest
from rigfarm.wire.log import OperationalLog

__all__ = ["MAX_COIN", "FarmState", "HashUnit", "RigState", "farm_state", "hash_unit", "rig_state"]

MAX_REASON = 250
"""Home Assistant refuses a state of more than 255 characters."""
MAX_COIN = 40


class RigState(Struct, frozen=True):
    """One rig. `hashrate`: H/s by coin, of coins that it mines now."""

    name: str
    kind: KindName
    state: State
    reason: str
    attention: int
    """0 well, 1 needs attention, 2 needs it now."""
    maintenance: bool
    paused: bool
    link: bool
    hashrate: dict[str, float]
    power_w: float | None = None
    efficiency_h_per_j: float | None = None
    """Of a rig that mines one coin."""
    temperature_c: float | None = None
    memory_temperature_c: float | None = None
    shares_accepted: int | None = None
    shares_rejected: int | None = None


class FarmState(Struct, frozen=True):
    """The farm: sums over rigs that report."""

    rigs: int
    rigs_up: int
    rigs_attention: int
    hashrate: dict[str, float]
    power_w: float | None


class HashUnit(NamedTuple):
    """A unit that stays with a rig's coin: Home Assistant's statistics don't survive another one."""

    symbol: str
    factor: float
    efficiency: str
    """The unit of hashes per joule that goes with it."""


KILO = HashUnit("kH/s", 1e3, "H/J")
MEGA = HashUnit("MH/s", 1e6, "kH/J")
TERA = HashUnit("TH/s", 1e12, "J/TH")


def rig_state(rig: Rig, stats: RigStats) -> RigState:
    """A rig as it is now; without figures unless it reports."""
    condition = stats.condition
    up = condition.state in UP
    log = stats.log if up else None
    head = (rig.name, rig.kind, condition.state, condition.reason[:MAX_REASON], condition.severity)
    flags = (condition.maintenance, bool(stats.paused), stats.link_up)
    if log is None:
        return RigState(*head, *flags, {})
    devices = log.devices
    shares, milliwatts = stats.contribution.coins, stats.contribution.milliwatts
    only = shares[0] if len(shares) == 1 else None
    return RigState(
        *head,
        *flags,
        _by_slug((share.coin, share.millihashes) for share in shares),
        None if milliwatts is None else milliwatts / 1000,
        round(only.millihashes / only.milliwatts, 6) if only is not None and only.milliwatts else None,
        max((one for one in (hottest(devices.core_c), hottest(devices.chip_c)) if one is not None), default=None),
        hottest(devices.memory_c),
        _sum(workload.accepted for workload in log.workloads),
        _sum(workload.rejected for workload in log.workloads),
    )


def farm_state(stats: OperationalStats) -> FarmState:
    """The farm as it is now."""
    totals = stats.totals.values()
    powered = [one.milliwatts for one in totals if one.powered_rigs]
    return FarmState(
        rigs=sum(one.rigs for one in totals),
        rigs_up=sum(one.alive for one in totals),
        rigs_attention=sum(one.sick.total() for one in totals),
        hashrate=_by_slug((coin, sums.millihashes) for one in totals for coin, sums in one.coins.items()),
        power_w=sum(powered) / 1000 if powered else None,
    )


def hash_unit(log: OperationalLog | None, coin: str) -> HashUnit:
    """By what hashes a coin: hashboards, cards or processors."""
    kinds = set() if log is None else set(log.devices.kinds)
    if log is not None and len(kinds) > 1:
        kinds = {kind for kind, rates in zip(log.devices.kinds, _rates_of(log, coin), strict=False) if rates} or kinds
    return TERA if "hashboard" in kinds else KILO if kinds == {"cpu"} else MEGA


def _rates_of(log: OperationalLog, coin: str) -> Iterable[bool]:
    """For each device, whether it hashes the coin."""
    places = [at for at, workload in enumerate(log.workloads) if (workload.coin or workload.algorithm or "?") == coin]
    return (any(at < len(one.hashrates) and one.hashrates[at] for at in places) for one in log.devices)


def _by_slug(millihashes: Iterable[tuple[str, int]]) -> dict[str, float]:
    sums: dict[str, int] = {}
    for coin, amount in millihashes:
        key = slug(coin[:MAX_COIN])
        sums[key] = sums.get(key, 0) + amount
    return {key: amount / 1000 for key, amount in sums.items()}


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [max(count, 0) for count in counts if count is not None]
    return sum(known) if known else None
