"""What keeps a wall fresh: once a second what it says, and the tiles that look otherwise now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jinja2 import Environment

from rigfarm.commander import channels
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.live import ALL, PageRoutes, PageSession
from rigfarm.commander.live.session import Changes
from rigfarm.commander.places.view import Maps, Tile, tell_changed
from rigfarm.commander.rigs import Shown
from rigfarm.commander.wall.view import BY_STATE, build, tiles_of, wall_page
from rigfarm.commander.web.fragments import event, morph

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, shown: Shown, maps: Maps, templates: Environment) -> None:
    """One page."""
    routes.add(r"/wall", lambda _, params: LiveWall(shown, maps, templates))


class LiveWall:
    """A screen on a wall."""

    pause_s = 1.0

    def __init__(self, shown: Shown, maps: Maps, templates: Environment) -> None:
        self._shown = shown
        self._maps = maps
        self._templates = templates
        self._tiles: dict[int, Tile] = {}

    def open(self, session: PageSession) -> None:
        """Follow every rig, and alerts."""
        for kind in KINDS:
            session.follow(channels.index(kind), {ALL})
            session.follow(channels.operation_stats_index(kind), {ALL})
        session.follow(channels.ALERTS, {ALL})

    def urgent(self, channel: str) -> bool:
        """A second later is soon enough."""
        return False

    async def snapshot(self) -> list[str]:
        """All of it. `wall` tells a page of an earlier program to load itself again."""
        tiles = await tiles_of(self._maps)
        self._tiles = {tile.id: tile for tile in tiles}
        return [
            self._body(),
            event("map", areas=[tiles]),
            event("wall", build=build()),
            event("snapshot"),
            *await self._changed(list(self._tiles)),  # the map was made for another viewer, up to a second ago
        ]

    async def render(self, changes: Changes) -> list[str]:
        """What it says; all of it when rigs came, went, or are elsewhere."""
        indexes = {channels.index(kind) for kind in KINDS}
        if any(channel in indexes for channel, _ in changes):
            return await self.snapshot()
        return [self._body(), *await self._changed([key for _, key in changes if isinstance(key, int)])]

    def _body(self) -> str:
        html = self._templates.get_template("wall_body.html").render(page=wall_page(self._shown))
        return morph("wall", html)

    async def _changed(self, ids: Sequence[int]) -> list[str]:
        """Those of these tiles that look otherwise now."""
        return await tell_changed(BY_STATE, self._shown, ids, self._tiles)

    async def hear(self, message: Mapping[str, object]) -> None:
        """A wall says nothing."""
