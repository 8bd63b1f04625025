"""What keeps an open map fresh: the tiles that look otherwise now, and every few seconds the sums."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from jinja2 import Environment

from rigfarm.commander import channels
from rigfarm.commander.circuits.broadcasts import CHANNEL as CIRCUITS
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.live import ALL, PageRoutes, PageSession
from rigfarm.commander.live.session import FLUSH_INTERVAL_S, Changes
from rigfarm.commander.places.view import Asked, MapPage, Maps, Tile, tell_changed
from rigfarm.commander.rigs.listing.language import parse
from rigfarm.commander.web.fragments import event, morph

__all__ = ["register_live_pages"]

SUMS_EVERY_S = 5.0


def register_live_pages(routes: PageRoutes, maps: Maps, templates: Environment) -> None:
    """One page."""

    def page(_: Mapping[str, str], params: Mapping[str, str]) -> LiveMap:
        asked = Asked.of(params)
        parse(asked.q)
        return LiveMap(asked, maps, templates)

    routes.add(r"/places", page)


class LiveMap:
    """An open map."""

    pause_s = FLUSH_INTERVAL_S

    def __init__(self, asked: Asked, maps: Maps, templates: Environment) -> None:
        self._asked = asked
        self._maps = maps
        self._shown = maps.shown
        self._templates = templates
        self._tiles: dict[int, Tile] = {}
        self._sums_at = 0.0

    def open(self, session: PageSession) -> None:
        """Follow every rig."""
        for kind in KINDS:
            session.follow(channels.index(kind), {ALL})
            session.follow(channels.operation_stats_index(kind), {ALL})
        session.follow(CIRCUITS, {ALL})

    def urgent(self, channel: str) -> bool:
        """The next flush is soon enough."""
        return False

    async def snapshot(self) -> list[str]:
        """The whole map."""
        return await self._whole(await self._maps.page(self._asked))

    async def _whole(self, page: MapPage) -> list[str]:
        self._tiles = {tile.id: tile for area in page.areas for tile in area.tiles}
        self._sums_at = time.monotonic() + SUMS_EVERY_S
        html = self._templates.get_template("places.html").render(layout="dialog.html", page=page, mistake="")
        return [
            f'<hx-partial hx-target="#main" hx-swap="innerMorph">{html.strip()}</hx-partial>',
            event("snapshot"),
            event("map", areas=[area.tiles for area in page.areas]),
            *await self._changed(list(self._tiles)),  # the page was made for another viewer, up to a second ago
        ]

    async def render(self, changes: Changes) -> list[str]:
        """Tiles that changed; all of it when rigs came, went, or are elsewhere."""
        indexes = {channels.index(kind) for kind in KINDS}
        if any(channel in indexes for channel, _ in changes):
            return await self.snapshot()
        frames = await self._changed([key for _, key in changes if isinstance(key, int)])
        if time.monotonic() >= self._sums_at:
            frames += await self._sums()
        if any(channel == CIRCUITS for channel, _ in changes):
            frames.append(morph("circuits", self._templates.get_template("circuits_in_brief.html").render()))
        return frames

    async def _changed(self, ids: Sequence[int]) -> list[str]:
        """Those of these tiles that look otherwise now."""
        return await tell_changed(self._asked, self._shown, ids, self._tiles)

    async def hear(self, message: Mapping[str, object]) -> None:
        """It says nothing."""

    async def _sums(self) -> list[str]:
        """What places add up to; the whole map when the search finds others now."""
        began = time.perf_counter()
        page = await self._maps.page(self._asked)
        if {tile.id for area in page.areas for tile in area.tiles} != self._tiles.keys():
            return await self._whole(page)
        html = self._templates.get_template("places_sums.html").render(page=page)
        self._sums_at = time.monotonic() + max(SUMS_EVERY_S, 50 * (time.perf_counter() - began))
        return [morph("place-sums", html)]
