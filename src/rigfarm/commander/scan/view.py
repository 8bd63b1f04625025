"""What a scan shows: the rigs that the code means, and where each could be put."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from msgspec import Struct

from rigfarm.commander.asked import known_names
from rigfarm.commander.codes import MAX_CODE, read_code
from rigfarm.commander.commands import Commands
from rigfarm.commander.commands.model import why_not
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.names import name_sort
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.model import MAX_PLACE, Rig, clean_place
from rigfarm.commander.rigs.view import StateView, state_view
from rigfarm.commander.scan.store import CodeIndex, Found
from rigfarm.commander.slots import next_slot
from rigfarm.commander.stats import OperationalStats
from rigfarm.common.clock import iso, utc_ms
from rigfarm.common.text import printable
from rigfarm.units import duration
from rigfarm.wire.commands import Locate

__all__ = ["PARAMS", "Card", "ScanPage", "Scanned", "Scans"]

PARAMS = ("code", "last", "placed")
MAX_OFFERED = 200
"""Places that the field suggests."""
MAX_STEPS = 200
"""Taken places that are passed over in looking for a free one."""
MAX_SHOWN = 120
"""Characters of a code that no rig has."""
_BY = {"mac": "MAC address", "serial": "serial number", "name": "name"}
_LOCATE = Locate(True)


class Scanned(Struct, frozen=True):
    """What the page's URL says: the code, and where the last rig was put."""

    code: str = ""
    last: str = ""
    placed: bool = False
    """That was the rig of this code, just now."""

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Scanned:
        """From URL parameters. NotUnderstood for another name; a last place that cannot be is none."""
        known_names(params, PARAMS)
        try:
            last = clean_place(params.get("last", "")[: MAX_PLACE + 1])
        except Invalid:
            last = ""
        return cls(params.get("code", "").strip()[: MAX_CODE + 1], last, bool(params.get("placed")))

    def url(self) -> str:
        """The page's; what is empty is left out."""
        values = {"code": self.code, "last": self.last, "placed": "1" if self.placed else ""}
        kept = {name: text for name, text in values.items() if text}
        return f"/scan?{urlencode(kept)}" if kept else "/scan"


class Card(Struct, frozen=True):
    """One rig, as it is now."""

    rig: Rig
    by: str
    """What of the code is the rig's."""
    state: StateView
    seen_iso: str
    seen: str
    can_blink: bool
    cannot: str
    """Why not, in words."""
    doing: str
    """What it was told and has not answered yet."""


class ScanPage(Struct, frozen=True):
    """Everything of scan.html."""

    asked: Scanned
    here: str
    read: str
    """The code, for people."""
    cards: tuple[Card, ...]
    suggested: str
    """Where the next rig is probably put; empty where that is unknown."""
    places: tuple[str, ...]
    waiting: tuple[tuple[str, str], ...]
    """Rigs that have not reported yet, by kind, and where they are listed."""
    error: str


class Scans:
    """Looks codes up for pages."""

    def __init__(
        self, book: Rigs, stats: OperationalStats, rig_list: RigList, commands: Commands, index: CodeIndex
    ) -> None:
        self.book = book
        self._stats = stats
        self._rig_list = rig_list
        self._commands = commands
        self._index = index

    def page(self, asked: Scanned) -> ScanPage:
        """The page for a code; without one, it waits for the first."""
        error, found = "", list[Found]()
        if asked.code:
            try:
                found = self._index.find(read_code(asked.code))
            except Invalid as why:
                error = str(why)
        return ScanPage(
            asked=asked,
            here=asked.url(),
            read=printable(asked.code, "·", most=MAX_SHOWN) + ("…" if len(asked.code) > MAX_SHOWN else ""),
            cards=tuple(card for one in found if (card := self.card(one.rig.id, one)) is not None),
            suggested=self._next(asked.last),
            places=tuple(sorted(self._rig_list.places, key=name_sort)[:MAX_OFFERED]),
            waiting=tuple((kind.many, kind.href(q="state:waiting")) for kind in KINDS.values()),
            error=error,
        )

    def card(self, rig_id: int, found: Found | None = None) -> Card | None:
        """A rig's card; None for one that was removed."""
        rig, stats = self.book.rigs.get(rig_id), self._stats.rigs.get(rig_id)
        if rig is None or stats is None:
            return None
        cannot = why_not(_LOCATE, rig)
        doing = [one for one in self._commands.open_of(rig_id) if isinstance(one.command, Locate)]
        return Card(
            rig=rig,
            by=" and ".join(_BY[one] for one in found.by) if found is not None else "",
            state=state_view(stats.condition, None),
            seen_iso="" if stats.heard_ms is None else iso(stats.heard_ms),
            seen="" if stats.heard_ms is None else duration(max(utc_ms() - stats.heard_ms, 0) / 1000),
            can_blink=not cannot and rig.specs is not None,
            cannot=cannot,
            doing=doing[-1].words if doing else "",
        )

    def _next(self, last: str) -> str:
        """The first place after the last one that no rig is in; the last one where its slots are not counted."""
        taken, place = self._rig_list.places, last
        for _ in range(MAX_STEPS):
            place = next_slot(place)
            if place not in taken:
                break
        return place or last
