"""Rigs in a hall, for pictures: a rack that is filled by blinking, and stickers that were scanned."""

from __future__ import annotations

from rigfarm.commander.filling.view import FillPage, FillStart, Slot, What
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.rigs.view import state_view
from rigfarm.commander.scan.view import Card, Scanned, ScanPage
from rigfarm.commander.stats import RigStats
from rigfarm.common.clock import iso

__all__ = ["fill_round", "fill_start", "scanned"]

PLACE = "hall-1/rack-2"


def fill_start(place: str = "") -> FillStart:
    """The form."""
    return FillStart(place, "", "", "57 ASICs", 57, 3, (PLACE, "hall-2/row-1/rack-1"), True, KINDS["asic"].path)


def fill_round(rig: Rig, stats: RigStats, what: What, blinks: str, tone: str) -> FillPage:
    """Some slots are taken."""
    names = {"1": "asic-001", "2": "asic with a name that is rather long", "7": "asic-012"}
    turn = what == "turn"
    return FillPage(
        id="0123456789abcdef",
        place=PLACE,
        what=what,
        turn=rig.id if turn else 0,
        rig=rig if turn else None,
        name=rig.name if turn else "",
        state=state_view(stats.condition, None) if turn else None,
        blinks=blinks if turn else "",
        tone=tone if turn else "",
        slots=tuple(Slot(str(n), names.get(str(n), ""), n == 7) for n in range(1, 25)),
        placed=1,
        skipped=2,
        left=54,
        unable=3,
        last="asic-012 is in hall-1/rack-2/7.",
        undo="Undo asic-012",
        following="hall-1/rack-3",
        rest="1,2",
    )


def scanned(
    now_ms: int, code: str = "", cards: tuple[tuple[Rig, RigStats], ...] = (), *, placed: bool = False
) -> ScanPage:
    """A code and its rigs."""
    asked = Scanned(code, f"{PLACE}/07", placed)
    return ScanPage(
        asked=asked,
        here="/scan",
        read=code,
        cards=tuple(
            Card(
                rig, "MAC address and serial number", state_view(stats.condition, None),
                iso(now_ms - 4_000), "4 s", True, "", "sent, waiting for an answer" if not placed else "",
            )
            for rig, stats in cards
        ),
        suggested=f"{PLACE}/08",
        places=(PLACE,),
        waiting=tuple((kind.many, kind.path) for kind in KINDS.values()),
        error="",
    )  # fmt: skip
