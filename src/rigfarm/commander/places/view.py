"""The map of the farm: places with their sums, and a tile for each rig in the place where it is."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode

from msgspec import Struct

from rigfarm.commander.asked import known_names, one_of, short_text
from rigfarm.commander.kinds import KINDS, Kind, KindName
from rigfarm.commander.names import name_sort
from rigfarm.commander.places.model import COLOURINGS, Colouring
from rigfarm.commander.rigs.listing.language import MAX_SEARCH
from rigfarm.commander.rigs.listing.query import MAX_MOMENT, IndexQuery
from rigfarm.commander.rigs.model import Rig, within
from rigfarm.commander.rigs.view.labels import condition
from rigfarm.commander.rigs.view.shown import Shown
from rigfarm.commander.stats import RigStats, Totals
from rigfarm.commander.web.fragments import event
from rigfarm.units import Quantity, count, hashrate, power

__all__ = ["PARAMS", "SLICE", "Asked", "MapPage", "Maps", "Tile", "map_page", "tell_changed", "tile_of"]

PARAMS = ("colour", "q", "at")
MAX_AREAS = 60
"""Areas of the map; where there are more places, each area is what several lie in."""
MAX_COINS = 3
SHARED_S = 1.0
KEPT = 32
SLICE = 100
"""Rigs at a time."""
NOWHERE = "No place"


class Asked(Struct, frozen=True):
    """What a map's URL asks for."""

    colour: str = "state"
    q: str = ""
    at: str = ""

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Asked:
        """From URL parameters. NotUnderstood."""
        known_names(params, PARAMS)
        return cls(
            one_of("colour", params.get("colour", "") or "state", COLOURINGS),
            short_text(params, "q", MAX_SEARCH),
            short_text(params, "at", MAX_MOMENT),
        )

    def url(self, **changes: str) -> str:
        """The map with changes; what is usual is left out."""
        values = {"colour": self.colour, "q": self.q, "at": self.at, **changes}
        kept = {name: text for name, text in values.items() if text and (name, text) != ("colour", "state")}
        return f"/places?{urlencode(kept)}" if kept else "/places"

    @property
    def colouring(self) -> Colouring:
        """How tiles are coloured."""
        return COLOURINGS[self.colour]


class Tile(Struct, frozen=True, array_like=True):
    """A rig on the map."""

    id: int
    kind: int
    """The place of its kind among the kinds."""
    name: str
    level: int
    said: str


class Area(Struct, frozen=True):
    """A part of the map."""

    name: str
    tiles: list[Tile]


class PlaceRow(Struct, frozen=True):
    """What a place adds up to, with all that lies in it."""

    name: str
    depth: int
    links: tuple[tuple[str, str], ...]
    """How many rigs of each kind, and where they are listed."""
    alive: str
    trouble: int
    coins: tuple[tuple[str, Quantity], ...]
    """Those that most rigs mine."""
    more_coins: int
    power: Quantity


class MapPage(Struct, frozen=True):
    """Everything of places.html."""

    asked: Asked
    here: str
    areas: tuple[Area, ...]
    rows: tuple[PlaceRow, ...]
    colours: tuple[tuple[str, str, bool], ...]
    """Label, link, whether it is the current one."""
    kinds: tuple[Kind, ...]
    """In the order in which tiles name them."""
    some: bool
    """Whether any rig has a place."""
    waiting: bool
    """Whether there are rigs, of which none has reported yet."""
    revision: int
    """Of the rigs' records."""


async def map_page(asked: Asked, shown: Shown) -> MapPage:
    """The map of the rigs that match, made in slices between which others have their turn. SearchMistake."""
    revision = shown.book.revision
    ids = _ids(asked, shown)
    await asyncio.sleep(0)
    racks = _racks(Counter(rig.place for rig in shown.book.rigs.values()))
    depth = _depth({racks[rig.place] for one in ids if (rig := shown.book.rigs.get(one)) is not None})
    areas: dict[str, list[Tile]] = {}
    sums = _Sums()
    for start in range(0, len(ids), SLICE):
        for one in ids[start : start + SLICE]:
            rig, stats = shown.book.rigs.get(one), shown.stats.rigs.get(one)
            if rig is not None and stats is not None:  # it may have gone meanwhile
                area = "/".join(racks.get(rig.place, rig.place).split("/")[:depth])
                areas.setdefault(area, []).append(tile_of(asked, rig, stats, shown.stats.totals[rig.kind]))
                sums.add(rig, stats)
        await asyncio.sleep(0)
    return MapPage(
        asked=asked,
        here=asked.url(),
        areas=tuple(
            Area(place.replace("/", " / ") or NOWHERE, some)
            for place, some in sorted(areas.items(), key=lambda one: (not one[0], name_sort(one[0])))
        ),
        rows=tuple(sums.rows()),
        colours=tuple((one.label, asked.url(colour=name), name == asked.colour) for name, one in COLOURINGS.items()),
        kinds=tuple(KINDS.values()),
        some=bool(sums.totals),
        waiting=not (ids or asked.q) and bool(shown.book.rigs),
        revision=revision,
    )


def tile_of(asked: Asked, rig: Rig, stats: RigStats, totals: Totals) -> Tile:
    """A rig's tile as it is now, beside the totals of its kind."""
    level, said = asked.colouring.of(rig, stats, totals)
    return Tile(rig.id, _KINDS[rig.kind], rig.name, level, said)


async def tell_changed(asked: Asked, shown: Shown, ids: Sequence[int], known: dict[int, Tile]) -> list[str]:
    """A frame with those of these tiles that look otherwise than they are known, if any does; they are known then."""
    changed = []
    for start in range(0, len(ids), SLICE):
        for one in ids[start : start + SLICE]:
            rig, stats = shown.book.rigs.get(one), shown.stats.rigs.get(one)
            if one in known and rig is not None and stats is not None:
                tile = tile_of(asked, rig, stats, shown.stats.totals[rig.kind])
                if tile != known[one]:
                    known[one] = tile
                    changed.append(tile)
        await asyncio.sleep(0)
    return [event("tiles", tiles=changed)] if changed else []


_KINDS = {kind: n for n, kind in enumerate(KINDS)}


def _ids(asked: Asked, shown: Shown) -> list[int]:
    """By place and name."""
    found: list[int] = []
    for kind in KINDS:
        found += shown.rig_list.sorted_ids(IndexQuery(kind, q=asked.q, sort="name"))
    rigs = shown.book.rigs
    return sorted(found, key=lambda one: (name_sort(rigs[one].place), name_sort(rigs[one].name)))


def _racks(rigs: Counter[str]) -> dict[str, str]:
    """By place of rigs, of which it has so many: what is drawn of it. Where each of several places holds one rig, they
    are the slots of a rack, which is drawn as a whole."""
    slots: dict[str, list[str]] = {}
    for place in rigs:
        slots.setdefault(place.rpartition("/")[0], []).append(place)
    return {
        place: rack if rack and len(some) > 1 and all(rigs[one] == 1 and one not in slots for one in some) else place
        for rack, some in slots.items()
        for place in some
    }


def _depth(places: set[str]) -> int:
    """How many levels the areas of the map have."""
    deepest = max((place.count("/") + 1 for place in places if place), default=1)
    for depth in range(deepest, 1, -1):
        if len({"/".join(place.split("/")[:depth]) for place in places}) <= MAX_AREAS:
            return depth
    return 1


class _Sums:
    """What places add up to."""

    def __init__(self) -> None:
        self.totals: dict[str, Totals] = {}
        self._kinds: dict[str, Counter[KindName]] = {}

    def add(self, rig: Rig, stats: RigStats) -> None:
        """A rig counts in its place and in all that this lies in."""
        for place in within(rig.place):
            total = self.totals.get(place)
            if total is None:
                total = self.totals[place] = Totals()
                self._kinds[place] = Counter()
            total.change_state(None, stats.condition)
            if stats.counted:
                total.add(stats.contribution, 1)
            self._kinds[place][rig.kind] += 1

    def rows(self) -> Iterable[PlaceRow]:
        """Each place below the one that it lies in."""
        for place in sorted(self.totals, key=lambda one: [name_sort(level) for level in one.split("/")]):
            total = self.totals[place]
            ranked = sorted(total.coins.items(), key=lambda one: (-one[1].rigs, one[0]))[:MAX_COINS]
            yield PlaceRow(
                place.rpartition("/")[2],
                place.count("/"),
                tuple(
                    (KINDS[kind].counted(number), KINDS[kind].href(q=condition("place", place)))
                    for kind, number in self._kinds[place].items()
                ),
                f"{count(total.alive)} of {count(total.rigs)}",
                total.sick.total(),
                tuple((coin, hashrate(one.hashrate)) for coin, one in ranked),
                len(total.coins) - len(ranked),
                power(total.power_w),
            )


class Maps:
    """Maps of now, shared by all who look at the same one."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self._made: dict[Asked, tuple[float, MapPage]] = {}
        self._turn = asyncio.Lock()

    async def page(self, asked: Asked) -> MapPage:
        """A map that is at most SHARED_S old, and not older than the last change of a rig's record. SearchMistake."""
        async with self._turn:
            made = self._made.get(asked)
            now, revision = time.monotonic(), self.shown.book.revision
            if made is None or made[0] < now or made[1].revision != revision:
                if len(self._made) >= KEPT:
                    self._made.clear()
                page = await map_page(asked, self.shown)
                made = self._made[asked] = time.monotonic() + SHARED_S, page
            return made[1]
