"""Who pays for a frame: what it costs is taken from the budgets of the rigs it is about, and its link waits for what
they owe."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from rigfarm.commander.logs.rows import EncodedLog

if TYPE_CHECKING:
    from rigfarm.commander.link.link import Link
    from rigfarm.commander.link.registry import Links

__all__ = ["for_logs", "for_words"]

MAX_SHARED = 32
"""What belongs to none of a link's rigs is shared among at most this many of them."""


def for_logs(
    links: Links, link: Link, owners: list[int], raws: list[EncodedLog], count: int, size: int
) -> list[int] | None:
    """A frame of `count` logs and `size` bytes, of which these are to be kept. Which of them the journal has room for;
    None: all."""
    now = time.monotonic()
    if link.heard == 1 and len(owners) == count:
        budget = links.budgets.of(owners[0])
        if wait_s := budget.take(count, size, now):
            link.owes(wait_s)
        over = budget.journal.spend(size, now) is None
        return _thinned(links, link, owners, raws, {owners[0]}) if over else None
    beyond: set[int] = set()
    rest = size
    for owner, mine in _by_owner(owners, raws).items():
        used = sum(mine)
        rest -= used
        budget = links.budgets.of(owner)
        link.owes(budget.take(len(mine), used, now))
        if budget.journal.spend(used, now) is None:
            beyond.add(owner)
    pays = link.pays()
    if pays is None:
        link.owes(link.unheard.take(size, now))
    else:  # what was sent again, what no rig may say, and the frame itself
        shares = min(link.heard, MAX_SHARED)
        link.owes(links.budgets.of(pays).take((count - len(owners)) / shares, rest / shares, now))
    return _thinned(links, link, owners, raws, beyond) if beyond else None


def _by_owner(owners: list[int], raws: list[EncodedLog]) -> dict[int, list[int]]:
    """Sizes of each rig's logs."""
    sizes: dict[int, list[int]] = {}
    for owner, raw in zip(owners, raws, strict=True):
        mine = sizes.get(owner)
        if mine is None:
            mine = sizes[owner] = []
        mine.append(len(raw))
    return sizes


def _thinned(links: Links, link: Link, owners: list[int], raws: list[EncodedLog], over: set[int]) -> list[int]:
    """Where rigs have used up their share of the journal: the logs that what is earned meanwhile pays for."""
    now = time.monotonic()
    kept: list[int] = []
    lost: Counter[int] = Counter()
    for i, (owner, raw) in enumerate(zip(owners, raws, strict=True)):
        if owner not in over or links.budgets.of(owner).journal.spend(len(raw), now) is not None:
            kept.append(i)
        else:
            lost[owner] += 1
    for rig_id, count in lost.items():
        links.stats.logs_not_kept(rig_id, over_quota=count)
        link.limited(
            "sends more than its share of the journal",
            "the excess is acknowledged but not stored; live values stay correct",
            count=count,
            rig_id=rig_id,
        )
    return kept


def for_words(links: Links, link: Link, rig_id: int | None, size: int, words: int = 1) -> None:
    """A frame other than a log; a link without a valid rig pays itself."""
    now = time.monotonic()
    if rig_id is None:
        link.owes(link.unheard.take(size, now))
    else:
        budget = links.budgets.of(rig_id)
        link.owes(max(budget.words.take(words, now), budget.take(0, size, now)))
