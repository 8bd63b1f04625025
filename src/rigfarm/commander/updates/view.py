"""What is shown of updates of Sentries."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from rigfarm.commander.names import name_key
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.updates.model import OnRig, OnRigState, SentryUpdate

__all__ = ["LISTED", "UpdateRow", "UpdateView", "update_view"]

LISTED = 500
"""Rigs that the page lists; of more it says how many."""
_TONES = {"updated": "good", "failed": "bad", "refused": "warn", "not-sent": "warn"}
_RANK: tuple[OnRigState, ...] = ("failed", "sent", "refused", "not-sent", "waiting", "updated")


class UpdateRow(Struct, frozen=True):
    """One rig's result."""

    rig_id: int
    rig_name: str
    href: str
    state: OnRigState
    tone: str
    detail: str


class UpdateView(Struct, frozen=True):
    """An update, those that failed first."""

    update: SentryUpdate
    rows: list[UpdateRow]
    more: int
    counts: dict[str, int]
    words: str
    """What happens now."""


def update_view(one: SentryUpdate, rigs: Rigs) -> UpdateView:
    """As its page shows it."""
    rows = [_row(rig_id, on_rig, rigs) for rig_id, on_rig in one.rigs.items() if rig_id in rigs.rigs]
    rows.sort(key=lambda row: (_RANK.index(row.state), name_key(row.rig_name)))
    counts = Counter(on_rig.state for on_rig in one.rigs.values())
    return UpdateView(
        update=one,
        rows=rows[:LISTED],
        more=max(len(rows) - LISTED, 0),
        counts={state: counts[state] for state in _RANK if counts[state]},
        words=_words(one),
    )


def _row(rig_id: int, on_rig: OnRig, rigs: Rigs) -> UpdateRow:
    rig = rigs.rigs[rig_id]
    return UpdateRow(rig_id, rig.name, rig.href, on_rig.state, _TONES.get(on_rig.state, ""), on_rig.detail)


def _words(one: SentryUpdate) -> str:
    if one.state != "running":
        return {"done": "Done.", "stopped": "Stopped.", "aborted": "Aborted."}[one.state]
    if not one.wave:
        return "The first rigs are updated. The others wait until these report and mine as before."
    return f"Wave {one.wave + 1} of {len(one.plan.waves)}."
