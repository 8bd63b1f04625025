"""What each column of an index sorts by. None (unknown) comes last in either direction, and so does nonsense: a device
may say anything, and a NaN among the keys would leave the sort to chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rigfarm.commander.names import name_key
from rigfarm.commander.rigs.boards.alive import boards_of, chips_of
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.marks import hottest

__all__ = ["SORTED_BY_LOGS", "SORT_KEYS", "SortKey", "chips", "hashrate", "heard_ms", "hottest_c", "rejects", "uptime"]

SortKey = Callable[[Rig, RigStats], object]
_FIRST = "\0"
"""Between texts: it comes before every other character, so what is joined sorts as the list of it would."""


def _highest(values: Iterable[float | None], below: float) -> float | None:
    return max((value for value in values if value is not None and 0.0 <= value < below), default=None)


def _first_coin(_: Rig, stats: RigStats) -> object:
    return min([share.coin for share in stats.contribution.coins], default=None)


def hashrate(_: Rig, stats: RigStats) -> float | None:
    """H/s of the coin of which it makes the most."""
    shares = stats.contribution.coins
    return max([share.millihashes for share in shares]) / 1000 if shares else None


def rejects(_: Rig, stats: RigStats) -> float | None:
    """Rejected of all decided shares, 0..1."""
    accepted = sum([share.accepted for share in stats.contribution.coins])
    rejected = sum([share.rejected for share in stats.contribution.coins])
    return rejected / (accepted + rejected) if accepted + rejected else None


def hottest_c(_: Rig, stats: RigStats) -> float | None:
    """°C of the rig's hottest part."""
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


def _boards(rig: Rig, stats: RigStats) -> object:
    """The share of boards that work."""
    boards = None if stats.log is None else boards_of(rig.specs, stats.log)
    return None if boards is None else boards.ratio


def chips(rig: Rig, stats: RigStats) -> float | None:
    """The share of chips that work."""
    found = None if stats.log is None else chips_of(rig.specs, stats.log)
    return None if found is None else found.ratio


def _chips(rig: Rig, stats: RigStats) -> object:
    known = chips(rig, stats)
    return 1.0 if known is None else known


def _shares(_: Rig, stats: RigStats) -> object:
    coins = stats.contribution.coins
    return sum([share.accepted for share in coins]) if coins else None


def _efficiency(_: Rig, stats: RigStats) -> object:
    share = stats.contribution.powered
    return None if share is None else share.efficiency


def uptime(_: Rig, stats: RigStats) -> float | None:
    """s since it started."""
    return None if stats.log is None else _highest((stats.log.uptime_s,), 1e10)


def heard_ms(_: Rig, stats: RigStats) -> int | None:
    """When its latest log came, UTC ms."""
    return stats.heard_ms


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


SORT_KEYS: Mapping[str, tuple[SortKey, ...]] = {
    "attention": (lambda _, stats: stats.condition.attention_rank,),
    "name": (lambda rig, _: name_key(rig.name),),
    "state": (lambda _, stats: stats.condition.state,),
    "coin": (lambda _, stats: _FIRST.join([share.coin for share in stats.contribution.coins]) or None,),
    "algorithm": (
        lambda _, stats: _FIRST.join([w.algorithm or "" for w in stats.log.workloads]) if stats.log else None,
    ),
    "hashrate": (_first_coin, hashrate),
    "shares": (_shares,),
    "rejects": (rejects,),
    "devices": (hottest_c,),
    "hottest": (_chip,),
    "alive": (_boards, _chips),
    "power": (lambda _, stats: stats.contribution.milliwatts,),
    "efficiency": (_efficiency,),
    "uptime": (uptime,),
    "seen": (heard_ms,),
    "model": (_model,),
    "firmware": (_firmware,),
    "fans": (_fans,),
    "pool": (lambda _, stats: next((w.pool for w in stats.log.workloads if w.pool), None) if stats.log else None,),
    "messages": (lambda _, stats: len(stats.log.messages) or None if stats.log else None,),
}
"""What is compared first, then next."""
SORTED_BY_LOGS = frozenset(
    ("algorithm", "devices", "hottest", "alive", "uptime", "fans", "pool", "messages", "model", "firmware")
)
"""Those that read more of a rig than what its log added to the totals, its state and its name. The time
machine reads the logs of all rigs, not only of those it shows, for a sort by one of these."""
