"""What a screen on a wall shows: how many rigs need someone, the coins, the worst of them, and a tile for each rig."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from msgspec import Struct

from rigfarm import __version__
from rigfarm.commander.places.view import Asked, Maps, Tile
from rigfarm.commander.rigs import Shown, view
from rigfarm.commander.rigs.view.overview import AttentionLine
from rigfarm.commander.rigs.view.totals import CoinTotal
from rigfarm.commander.web.assets import static_url
from rigfarm.units import count

__all__ = ["BY_STATE", "WallPage", "build", "tiles_of", "wall_page"]

BY_STATE = Asked()
"""How tiles are coloured."""

MAX_COINS = 5
"""With how many there are besides, they fill a row; one more is shown in its place."""
MAX_LINES = 7
BESIDE_TILES = 5
"""Alerts and rigs, together, that have room next to tiles on a screen of 16:9."""
MANY = 13
"""So many rigs are drawn as tiles: fewer have room as lines."""


class WallPage(Struct, frozen=True):
    """Everything of wall_body.html."""

    farm: view.OverviewPage
    coins: tuple[CoinTotal, ...]
    more_coins: int
    lines: tuple[AttentionLine, ...]
    sick: int
    """How many rigs need someone."""
    headline: str
    tone: str
    tiles: bool
    beside_tiles: int
    build: str
    """Of the program that rendered it; a page of another one loads itself again."""


def wall_page(shown: Shown) -> WallPage:
    """As it is now."""
    farm = shown.overview()
    sick, rigs = sum(shown.stats.sick.values()), len(shown.book.rigs)
    coins = MAX_COINS if len(farm.coins) > MAX_COINS + 1 else len(farm.coins)
    worst = farm.attention[0].state.tone if farm.attention else ""
    return WallPage(
        farm=farm,
        coins=farm.coins[:coins],
        more_coins=len(farm.coins) - coins,
        lines=farm.attention[:MAX_LINES],
        sick=sick,
        headline=_headline(sick, rigs),
        tone=worst if sick else "good",
        tiles=rigs >= MANY,
        beside_tiles=BESIDE_TILES,
        build=build(),
    )


async def tiles_of(maps: Maps) -> list[Tile]:
    """Every rig, by place and name."""
    return [tile for area in (await maps.page(BY_STATE)).areas for tile in area.tiles]


def _headline(sick: int, rigs: int) -> str:
    if not rigs:
        return "No rigs yet"
    if not sick:
        return "No problems"
    return f"{count(sick)} of {count(rigs)} {'needs' if sick == 1 else 'need'} attention"


@cache
def build() -> str:
    """Changes with the program and with what browsers load of it."""
    files = ("app.css", "wall.css", "app.js", "wall.js")
    return sha256(" ".join((__version__, *map(static_url, files))).encode()).hexdigest()[:16]
