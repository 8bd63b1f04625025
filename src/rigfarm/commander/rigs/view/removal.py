"""What removing rigs means, in sentences with numbers: said before the operator confirms it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rigfarm.commander.kinds import KindName
from rigfarm.commander.noun import RemovalEffect
from rigfarm.commander.rigs.model import Rig
from rigfarm.units import count, duration

__all__ = ["KEEP_HISTORY", "consequences"]

KEEP_HISTORY: Mapping[str, str] = {"keep_history": "Keep the history (by API: /api/history/removed)"}
"""What the dialog offers besides, by the name of its field."""

_ONE: Mapping[KindName, tuple[str, ...]] = {
    "cpu-gpu": (
        "Its mining stops at once; if the rig is offline, when it next connects.",
        "Its Sentry removes playbooks and mining software, and forgets the token.",
    ),
    "asic": ("It is no longer read; the ASIC itself keeps mining.", "Its Sentry lists it with an invalid token."),
}
_MANY: Mapping[KindName, tuple[str, ...]] = {
    "cpu-gpu": (
        "Their mining stops at once; on rigs that are offline, when they next connect.",
        "Their Sentries remove playbooks and mining software, and forget the tokens.",
    ),
    "asic": (
        "They are no longer read; the ASICs themselves keep mining.",
        "Their Sentries list them with invalid tokens.",
    ),
}


def consequences(rigs: Sequence[Rig], effects: Sequence[RemovalEffect], now_ms: int) -> tuple[str, ...]:
    """Of removing these rigs, which are of one kind. What has nothing to say is left out."""
    kind = rigs[0].kind
    lost = [sentence for ask in effects if (sentence := ask([rig.id for rig in rigs]))]
    if len(rigs) == 1:
        return (*_ONE[kind], *lost, _history(rigs[0], now_ms))
    reported = sum(rig.first_seen_at is not None for rig in rigs)
    whose = "Their history" if reported == len(rigs) else f"The history of {count(reported)} of them"
    return (*_MANY[kind], *lost, *([f"{whose} is deleted here, unless you keep it."] if reported else []))


def _history(rig: Rig, now_ms: int) -> str:
    if rig.first_seen_at is None:
        return "It has never reported: there is no history to lose."
    return f"Its history of {duration((now_ms - rig.first_seen_at) / 1000)} is deleted here, unless you keep it."
