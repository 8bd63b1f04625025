"""What is said of commands: on buttons, before one is given, and when it has ended."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from rigfarm.commander.commands.actions import Commands
from rigfarm.commander.commands.broadcasts import ON_RIG
from rigfarm.commander.commands.model import GivenCommand, has_pace, title, watts_range, word
from rigfarm.commander.effects import Watch
from rigfarm.commander.effects.view import EffectRow, counted, effect_row
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.names import name_key
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats import OperationalStats
from rigfarm.common.clock import iso, utc_ms
from rigfarm.units import duration, watts
from rigfarm.wire.commands import Command

__all__ = [
    "Row",
    "asks_first",
    "back_of",
    "by_name",
    "consequences_of",
    "how_it_ended",
    "limits_of",
    "results_of",
    "target_of",
    "verb_of",
]

_BACK = re.compile(r"/(rigs|asics)(/\d{1,9})?")

_VERBS: Mapping[str, str] = {
    "power-limit": "Limit power of",
    "set-pools": "Set pools of",
    "restart-miner": "Restart miner on",
}
_CONSEQUENCES: Mapping[str, tuple[str, str]] = {
    "restart-miner": (
        "Its mining programs restart.",
        "Their mining programs restart.",
    ),
    "reboot": (
        "The machine reboots; mining stops, and starts again automatically.",
        "The machines reboot; mining stops, and starts again automatically.",
    ),
    "shut-down": (
        "The machine powers off. It has to be switched on again by hand.",
        "The machines power off. Each has to be switched on again by hand.",
    ),
    "restart": (
        "The ASIC restarts; it has no hashrate for some minutes.",
        "The ASICs restart, all at once unless you set a pace; they have no hashrate for some minutes.",
    ),
    "pause": ("It stops hashing until it is resumed.", "They stop hashing until they are resumed."),
    "power-limit": (
        "It draws no more than this; its hashrate changes accordingly.",
        "Each draws no more than this; its hashrate changes accordingly.",
    ),
    "update-sentry": ("Its Sentry is replaced; mining goes on.", "Their Sentries are replaced; mining goes on."),
    "set-pools": ("Its pools are replaced by these.", "The pools of each are replaced by these."),
}
"""Of one rig, and of several."""
LISTED = 500
"""Rigs that the page of results lists; of more it says how many."""
_LEVELS = {"done": "success", "refused": "error", "failed": "error"}


class Row(Struct, frozen=True):
    """One rig's result."""

    rig_id: int
    rig_name: str
    href: str
    command: GivenCommand
    tone: str
    words: str
    effect: EffectRow | None


def verb_of(command: Command) -> str:
    """What stands on the button, before the target."""
    return _VERBS.get(word(command)) or title(command)


def target_of(rigs: Sequence[Rig]) -> str:
    """`asic-07`, `12 ASICs`, `3 rigs`."""
    if len(rigs) == 1:
        return rigs[0].name
    kinds = {rig.kind for rig in rigs}
    return KINDS[kinds.pop() if len(kinds) == 1 else "cpu-gpu"].counted(len(rigs))


def by_name(book: Rigs, ids: Iterable[int]) -> list[Rig]:
    """Those of these rigs that exist."""
    return sorted((book.rigs[one] for one in ids if one in book.rigs), key=lambda rig: name_key(rig.name))


def back_of(fields: Mapping[str, str], otherwise: str) -> str:
    """Where a dialog about rigs was opened: an index or a rig's page; or another."""
    back = fields.get("back", "")
    return back if _BACK.fullmatch(back) else otherwise


def consequences_of(command: Command, count: int) -> tuple[str, ...]:
    """What it means for so many; nothing where it does no harm."""
    said = _CONSEQUENCES.get(word(command))
    return () if said is None else (said[count > 1],)


def asks_first(command: Command, count: int) -> bool:
    """Whether there is anything to confirm, or to choose, before so many rigs are told this."""
    return bool(consequences_of(command, count)) or (count > 1 and has_pace(command))


def limits_of(rigs: Sequence[Rig], stats: OperationalStats) -> str:
    """Which power limits these rigs take and what they draw now, as far as both are known."""
    specs = [rig.specs for rig in rigs if rig.specs is not None]
    lows = [one.power_limit_min_w for one in specs if one.power_limit_min_w is not None]
    highs = [one.power_limit_max_w for one in specs if one.power_limit_max_w is not None]
    drawn = [power / 1000 for rig in rigs if (power := stats.rigs[rig.id].contribution.milliwatts) is not None]
    said: list[str] = []
    if lows or highs:
        low, high = max(lows, default=None), min(highs, default=None)
        who = "It takes" if len(rigs) == 1 else "All of them take"
        apart = low is not None and high is not None and low > high
        said.append("No limit suits all of them." if apart else f"{who} {watts_range(low, high)}.")
    if drawn:
        least, most = min(drawn), max(drawn)
        now = str(watts(least)) if round(least) == round(most) else watts_range(least, most)
        said.append(f"{'It draws' if len(rigs) == 1 else 'They draw'} {now} now.")
    return " ".join(said)


def how_it_ended(key: Hashable, payload: object) -> tuple[str, str] | None:
    """(words, level) for a message of a rig's channel; None for all but a command's result."""
    if key != ON_RIG or not isinstance(payload, GivenCommand) or not payload.ended:
        return None
    words = f"{title(payload.command)}: {payload.state}. {payload.detail}".strip()
    return words, _LEVELS[payload.state]


async def results_of(batch: str, commands: Commands, book: Rigs) -> dict[str, Any]:
    """What came of one click, rig by rig, those without success or effect first. Absent when nothing is kept of it."""
    found, counts = await commands.of_batch(batch, LISTED)
    effects = await commands.effects.of_commands(one.id for one in found)
    rows = [_row(one, book, effects.get(one.id)) for one in found if one.rig_id in book.rigs]
    rows.sort(key=lambda row: (_rank(row), name_key(row.rig_name)))
    now_ms = utc_ms()
    at = found[0].created_at
    queued, queued_sent = counts.get("queued", (0, 0))
    unsent = queued - queued_sent
    pace = found[0].pace
    left_s = 0 if pace is None else pace.turn_s(max(unsent - 1, 0))
    return {
        "title": title(found[0].command),
        "rows": rows,
        "more": sum(count for count, _ in counts.values()) - len(found),
        "effects": counted(await commands.effects.counts_of(batch)),
        "counts": {state: count for state, (count, _) in counts.items()},
        "at_iso": iso(at),
        "at": duration(max(now_ms - at, 0) / 1000),
        "batch": batch,
        "unsent": unsent,
        "sent": sum(sent for _, sent in counts.values()),
        "pace": pace,
        "left": duration(left_s) if left_s else "",
    }


def _rank(row: Row) -> int:
    tones = ("bad", "warn")
    if row.effect is not None and row.effect.tone in tones:
        return tones.index(row.effect.tone)
    return 3 if row.command.state == "done" else 2


def _row(command: GivenCommand, book: Rigs, watch: Watch | None) -> Row:
    rig = book.rigs[command.rig_id]
    return Row(
        rig_id=rig.id,
        rig_name=rig.name,
        href=rig.href,
        command=command,
        tone={"failed": "bad", "refused": "warn", "done": "good"}.get(command.state, ""),
        words=command.words,
        effect=None if watch is None else effect_row(watch),
    )
