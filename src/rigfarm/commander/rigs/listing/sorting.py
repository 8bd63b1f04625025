"""What each column of an index sorts by. None (unknown) comes last in either direction, and so does nonsense: a device
may say anything, and a NaN among the keys would leave the sort to chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rigfarm.commander.names import name_key
from rigfarm.commander.rigs.boards.alive import boards_of, chips_of
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.marks import hottest

__all__ = ["SORTED_BY_LOGS", "SORT_KEYS", "SortKey"]

SortKey = Callable[[Rig, RigStats], object]


def _highest(values: Iterable[float | None], below: float) -> float | None:
    return max((value for value in values if value is not None and 0.0 <= value < below), default=None)


def _hashrate(_: Rig, stats: RigStats) -> object:
    shares = stats.contribution.coins
    if len(shares) == 1:
        return shares[0].coin, shares[0].millihashes
    return (min(share.coin for share in shares), max(share.millihashes for share in shares)) if shares else None


def _rejects(_: Rig, stats: RigStats) -> object:
    accepted = sum(share.accepted for share in stats.contribution.coins)
    rejected = sum(share.rejected for share in stats.contribution.coins)
    return rejected / (accepted + rejected) if accepted + rejected else None


def _hottest(_: Rig, stats: RigStats) -> object:
    if stats.log is None:
        return None
    devices = stats.log.devices
    columns = (hottest(devices.core_c), hottest(devices.memory_c), hottest(devices.chip_c))
    return max((celsius for celsius in columns if celsius is not None), default=None)


def _chip(_: Rig, stats: RigStats) -> object:
    """The hottest chip, else the hottest board."""
    if stats.log is None:
        return None
    chip = hottest(stats.log.devices.chip_c)
    return hottest(stats.log.devices.core_c) if chip is None else chip


def _alive(rig: Rig, stats: RigStats) -> object:
    """The share of what should be there, boards before chips."""
    if stats.log is None:
        return None
    boards, chips = boards_of(rig.specs, stats.log), chips_of(rig.specs, stats.log)
    return None if boards is None else (boards.ratio, 1.0 if chips is None else chips.ratio)


def _efficiency(_: Rig, stats: RigStats) -> object:
    share = stats.contribution.powered
    return None if share is None else share.efficiency


def _uptime(_: Rig, stats: RigStats) -> object:
    return None if stats.log is None else _highest((stats.log.uptime_s,), 1e10)


def _fans(_: Rig, stats: RigStats) -> object:
    return None if stats.log is None else _highest(stats.log.fans, 1e5)


def _text(*words: str | None) -> str | None:
    return " ".join(word for word in words if word).casefold() or None


def _model(rig: Rig, _: RigStats) -> object:
    specs = rig.specs
    return None if specs is None else _text(specs.make, specs.model, specs.variant)


def _firmware(rig: Rig, _: RigStats) -> object:
    specs = rig.specs
    return None if specs is None else _text(specs.firmware, specs.firmware_version)


SORT_KEYS: Mapping[str, SortKey] = {
    "attention": lambda _, stats: stats.condition.attention_rank,
    "name": lambda rig, _: name_key(rig.name),
    "state": lambda _, stats: stats.condition.state,
    "coin": lambda _, stats: tuple(share.coin for share in stats.contribution.coins) or None,
    "algorithm": lambda _, stats: tuple(w.algorithm or "" for w in stats.log.workloads) if stats.log else None,
    "hashrate": _hashrate,
    "shares": lambda _, stats: sum(s.accepted for s in stats.contribution.coins) if stats.contribution.coins else None,
    "rejects": _rejects,
    "devices": _hottest,
    "hottest": _chip,
    "alive": _alive,
    "power": lambda _, stats: stats.contribution.milliwatts,
    "efficiency": _efficiency,
    "uptime": _uptime,
    "seen": lambda _, stats: stats.heard_ms,
    "model": _model,
    "firmware": _firmware,
    "fans": _fans,
    "pool": lambda _, stats: next((w.pool for w in stats.log.workloads if w.pool), None) if stats.log else None,
    "messages": lambda _, stats: len(stats.log.messages) or None if stats.log else None,
}
SORTED_BY_LOGS = frozenset(
    ("algorithm", "devices", "hottest", "alive", "uptime", "fans", "pool", "messages", "model", "firmware")
)
"""Those that read more of a rig than what its log added to the totals, its state and its name. The time
machine reads the logs of all rigs, not only of those it shows, for a sort by one of these."""
