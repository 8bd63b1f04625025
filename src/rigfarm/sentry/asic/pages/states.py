"""The states of devices as they look, sick ones first."""

from __future__ import annotations

from rigfarm.sentry.asic.model import STATE_WORDS, DeviceState

__all__ = ["LOOKS", "looks", "rank"]

LOOKS: dict[DeviceState, tuple[str, str]] = {
    "unreachable": ("✕", "bad"),
    "id-mismatch": ("▲", "bad"),
    "wrong-credentials": ("▲", "warn"),
    "unrecognised": ("▲", "warn"),
    "token-invalid": ("▲", "warn"),
    "new": ("○", ""),
    "reading": ("●", "ok"),
}
"""State -> sign and tone, in the order in which they need attention."""

_RANKS = {state: rank for rank, state in enumerate(LOOKS)}


def rank(state: DeviceState) -> int:
    """Its place in that order."""
    return _RANKS[state]


def looks(state: DeviceState) -> tuple[str, str]:
    """Sign and words, and the tone."""
    sign, tone = LOOKS[state]
    return f"{sign} {STATE_WORDS[state]}", tone
