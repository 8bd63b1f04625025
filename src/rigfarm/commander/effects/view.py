"""What is shown of effects: a verdict with its numbers, counts of one click, the table of all, and warnings."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from msgspec import Struct

from rigfarm.commander.effects.broadcasts import ON_RIG
from rigfarm.commander.effects.model import BAD, KIND_TITLES, WORDS, Counted, Verdict, Watch
from rigfarm.commander.effects.store import Tally
from rigfarm.units import count, duration

__all__ = ["EffectRow", "Line", "counted", "effect_row", "notice_of", "table", "warnings"]

_TONES: dict[Verdict | None, str] = {"took-effect": "good", "no-effect": "warn", "reverted": "bad"}
_COUNTED: tuple[tuple[Counted, str], ...] = (
    ("took-effect", "took effect"),
    ("reverted", "reverted"),
    ("no-effect", "without effect"),
    ("early", "without effect yet"),
    ("not-measurable", "not measurable"),
    (None, "not checked yet"),
)
_COLUMNS: Sequence[Verdict] = ("took-effect", "no-effect", "reverted", "not-measurable")
WARN_FROM = 0.25
"""A share of the rigs on which a command came to nothing."""
MAX_WARNINGS = 5


class EffectRow(Struct, frozen=True):
    """One effect."""

    word: str
    tone: str
    words: str
    story: str
    """All checks, one on each line: `after 30 s: took effect, 2,790 W`."""


class Line(Struct, frozen=True):
    """How often a command took effect on one model with one firmware."""

    title: str
    on: str
    took: int
    none: int
    reverted: int
    unknown: int

    @property
    def bad(self) -> int:
        """How often it came to nothing."""
        return self.none + self.reverted

    @property
    def known(self) -> int:
        """How often it could be measured."""
        return self.took + self.bad


def effect_row(watch: Watch) -> EffectRow:
    """With its checks."""
    tone = "" if watch.verdict == "no-effect" and watch.is_early else _TONES.get(watch.verdict, "")
    story = "\n".join(
        f"after {duration((check.at - watch.began_ms) / 1000)}: {WORDS[check.verdict]}, {check.words}"
        for check in watch.checks
    )
    return EffectRow(watch.shown, tone, watch.words, story)


def counted(counts: Mapping[Counted, int]) -> str:
    """`87 took effect, 2 reverted, 1 without effect`; empty when nothing is measured."""
    return ", ".join(f"{count(counts[verdict])} {words}" for verdict, words in _COUNTED if counts.get(verdict))


def notice_of(key: Hashable, payload: object) -> tuple[str, str] | None:
    """(words, level) for a message of a rig's channel; None for all but a command that was reverted."""
    if key != ON_RIG or not isinstance(payload, Watch) or payload.verdict != "reverted":
        return None
    return payload.said, "error"


def table(tallies: Iterable[Tally]) -> list[Line]:
    """One line for each kind, model and firmware: first those on which most came to nothing."""
    lines = [
        Line(KIND_TITLES.get(kind, kind), on, *(counts.get(verdict, 0) for verdict in _COLUMNS))
        for (kind, on), counts in _grouped(tallies).items()
    ]
    return sorted(lines, key=lambda line: (-line.bad / max(line.known, 1), -line.bad, line.title, line.on))


def warnings(tallies: Iterable[Tally]) -> list[str]:
    """What came of the same command on the same devices, where it came to nothing on many of them."""
    said: list[tuple[int, str]] = []
    for (_, on), counts in _grouped(tallies).items():
        bad, known = sum(counts.get(verdict, 0) for verdict in BAD), sum(counts.values())
        if bad < WARN_FROM * known or not bad:
            continue
        none, reverted = counts.get("no-effect", 0), counts.get("reverted", 0)
        came_to = "had no effect or was reverted" if none and reverted else "had no effect" if none else "was reverted"
        said.append((bad, f"On {count(bad)} of {count(known)} {on}, this {came_to}."))
    return [text for _, text in sorted(said, reverse=True)[:MAX_WARNINGS]]


def _grouped(tallies: Iterable[Tally]) -> dict[tuple[str, str], dict[Verdict, int]]:
    found: dict[tuple[str, str], dict[Verdict, int]] = {}
    for one in tallies:
        on = " with ".join(part for part in (one.device or "unknown device", one.firmware) if part)
        found.setdefault((one.kind, on), {})[one.verdict] = one.times
    return found
