"""What the pages of playbooks show, from what the books know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from rigfarm.commander.names import name_order
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.model import Assignment, Playbook
from rigfarm.commander.playbooks.rollouts import Rollout
from rigfarm.commander.playbooks.rollouts.model import Before
from rigfarm.units import duration, hashrate, percent

__all__ = [
    "ON_PAGE",
    "TONES",
    "PlaybookRow",
    "RigRow",
    "RolloutView",
    "ago",
    "counted",
    "iso",
    "playbook_row",
    "rig_row",
    "rig_rows",
    "rollout_view",
]

ON_PAGE = 100
TONES = {"failed": "bad", "backing-off": "warn", "queued": "", "mining": "good"}
"""Colour is spent on what is wrong; `mining` is well."""
_ORDER = (
    "failed",
    "backing-off",
    "offline",
    "queued",
    "downloading",
    "verifying",
    "unpacking",
    "starting",
    "stopping",
    "mining",
)


class PlaybookRow(Struct, frozen=True):
    """A playbook in the list."""

    playbook: Playbook
    rigs: int
    behind: int
    states: list[tuple[str, int, str]]
    """(state, rigs, tone), worst first."""
    rollout: Rollout | None
    changed_iso: str
    changed: str


class RigRow(Struct, frozen=True):
    """A playbook on a rig."""

    rig_id: int
    rig_name: str
    playbook_id: int
    playbook_name: str
    revision: int
    newest: int
    wanted: str
    state: str
    tone: str
    detail: str
    progress: float | None
    since_iso: str
    since: str
    restarts: int

    @property
    def behind(self) -> bool:
        """Whether there is a newer revision than the rig has."""
        return self.revision < self.newest

    @property
    def percent(self) -> int | None:
        """How much of the download is done."""
        return None if self.progress is None or self.state != "downloading" else round(self.progress * 100)


class Compared(Struct, frozen=True):
    """One coin on one first rig: before and now."""

    rig_name: str
    coin: str
    before: str
    now: str
    rejects_before: str
    rejects_now: str


class RolloutView(Struct, frozen=True):
    """A roll-out and its stages."""

    rollout: Rollout
    playbook_name: str
    first: list[tuple[int, str]]
    """(id, name) of the rigs that come first."""
    rest: int
    compared: list[Compared]
    watched: str
    watch: str
    stages: list[tuple[str, str]]
    """(words, how it looks: past, now, bad or nothing)."""


def ago(ms: int | None, now_ms: int) -> str:
    """How long a moment is past."""
    return "" if ms is None else duration(max(now_ms - ms, 0) / 1000)


def counted(number: int, noun: str) -> str:
    """`1 rig`, `12 rigs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def iso(ms: int | None) -> str:
    """A moment for `<time datetime>`; empty when there is none, or it is none."""
    if ms is None or not 0 <= ms < 1 << 43:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def playbook_row(playbook: Playbook, book: PlaybookBook, rollout: Rollout | None, now_ms: int) -> PlaybookRow:
    """One line of the list."""
    on = book.assignments.of_playbook(playbook.id)
    counts = book.statuses.counts(on)
    return PlaybookRow(
        playbook=playbook,
        rigs=len(on),
        behind=sum(one.revision != playbook.revision for one in on),
        states=[(word, counts[word], TONES.get(word, "")) for word in sorted(counts, key=_rank)],
        rollout=rollout,
        changed_iso=iso(playbook.updated_at),
        changed=ago(playbook.updated_at, now_ms),
    )


def rig_row(assignment: Assignment, book: PlaybookBook, now_ms: int) -> RigRow:
    """How a playbook does on a rig."""
    shown = book.statuses.shown(assignment)
    state, status = shown.state, shown.status
    playbook = book.get(assignment.playbook_id)
    since = None if status is None else status.since_ms
    return RigRow(
        rig_id=assignment.rig_id,
        rig_name=book.rigs.rigs[assignment.rig_id].name,
        playbook_id=playbook.id,
        playbook_name=playbook.name,
        revision=assignment.revision,
        newest=playbook.revision,
        wanted=assignment.wanted,
        state=state,
        tone=TONES.get(state, ""),
        detail=shown.detail,
        progress=None if status is None else status.progress,
        since_iso=iso(since),
        since=ago(since, now_ms) if iso(since) else "",
        restarts=0 if status is None else status.restarts,
    )


def rig_rows(playbook_id: int, book: PlaybookBook, page: int, now_ms: int) -> tuple[list[RigRow], int]:
    """The rigs of a playbook on a page, sick ones first; and how many pages there are."""
    on = [one for one in book.assignments.of_playbook(playbook_id) if one.rig_id in book.rigs.rigs]
    names = book.rigs.rigs

    def order(one: Assignment) -> tuple[int, tuple[str | int, ...]]:
        return _rank(book.statuses.shown(one).state), name_order(names[one.rig_id].name)

    on.sort(key=order)
    pages = max(-(-len(on) // ON_PAGE), 1)
    start = (min(max(page, 1), pages) - 1) * ON_PAGE
    return [rig_row(one, book, now_ms) for one in on[start : start + ON_PAGE]], pages


def rollout_view(rollout: Rollout, book: PlaybookBook) -> RolloutView:
    """A roll-out as its page shows it."""
    rigs = book.rigs.rigs
    first = [(rig_id, rigs[rig_id].name if rig_id in rigs else f"rig {rig_id}") for rig_id in rollout.plan.first]
    playbook = book.playbooks.get(rollout.playbook_id)
    return RolloutView(
        rollout=rollout,
        playbook_name=playbook.name if playbook is not None else f"playbook {rollout.playbook_id}",
        first=first,
        rest=len(rollout.plan.rest),
        compared=[_compared(rollout, rig_id, name, coin) for rig_id, name in first for coin in _coins(rollout, rig_id)],
        watched=duration(rollout.progress.watched_s),
        watch=duration(rollout.plan.watch_s),
        stages=_stages(rollout, [name for _, name in first]),
    )


def _coins(rollout: Rollout, rig_id: int) -> list[str]:
    seen: Mapping[str, object] = rollout.progress.seen.get(rig_id, {})
    return sorted({*rollout.plan.before.get(rig_id, {}), *seen})


def _compared(rollout: Rollout, rig_id: int, name: str, coin: str) -> Compared:
    before = rollout.plan.before.get(rig_id, {}).get(coin, Before())
    seen = rollout.progress.seen.get(rig_id, {}).get(coin)
    return Compared(
        rig_name=name,
        coin=coin,
        before=str(hashrate(before.hashrate)),
        now=str(hashrate(None if seen is None else seen.hashrate)),
        rejects_before=str(percent(before.rejects)),
        rejects_now=str(percent(None if seen is None else seen.rejects)),
    )


_STAGES = {"applying": 0, "starting": 0, "watching": 1, "spreading": 2, "done": 3}


def _stages(rollout: Rollout, first: list[str]) -> list[tuple[str, str]]:
    who = first[0] if len(first) == 1 else f"{len(first)} rigs"
    words = [f"{who} starts", f"watched for {duration(rollout.plan.watch_s)}", f"{len(rollout.plan.rest)} more", "done"]
    at = _STAGES.get(rollout.state)
    if at is None:
        reached = 1 if rollout.progress.watched_s else 0
        looks = ["past" if n < reached else "bad" if n == reached else "" for n in range(4)]
    elif rollout.state == "done":
        looks = ["past"] * 4
    else:
        looks = ["past" if n < at else "now" if n == at else "" for n in range(4)]
    return list(zip(words, looks, strict=True))


def _rank(state: str) -> int:
    return _ORDER.index(state) if state in _ORDER else len(_ORDER)
