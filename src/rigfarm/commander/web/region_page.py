"""A live page made of a few regions: when one of its channels says something, they are rendered again, and those that
came out different are sent. For pages of configuration, which change seldom and are small."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from rigfarm.commander.live import ALL, PageSession
from rigfarm.commander.live.session import FLUSH_INTERVAL_S, Changes
from rigfarm.commander.web.fragments import event, morph

__all__ = ["GoneError", "RegionPage"]

Rendered = Callable[[], Awaitable[Mapping[str, str]]]
"""Element id -> its HTML, the element itself included. Raises GoneError when there is no such page any more."""


class GoneError(Exception):
    """What the page is about exists no more: its viewers are led elsewhere, with a notice."""

    def __init__(self, url: str, notice: str) -> None:
        super().__init__(notice)
        self.url = url
        self.notice = notice


class RegionPage:
    """`follow`: the channels it listens to, all keys of each. `opened` is called once it listens."""

    def __init__(
        self,
        follow: Iterable[str],
        regions: Rendered,
        *,
        opened: Callable[[], object] = lambda: None,
        pause_s: float = FLUSH_INTERVAL_S,
        name: Callable[[], str] = lambda: "",
    ) -> None:
        """`name`: what the page is about, in its tab; empty where that never changes."""
        self.pause_s = pause_s
        self._follow = tuple(follow)
        self._regions = regions
        self._opened = opened
        self._name = name
        self._named = ""
        self._shown: dict[str, str] = {}

    def open(self, session: PageSession) -> None:
        """Listen."""
        for channel in self._follow:
            session.follow(channel, {ALL})
        self._opened()

    def urgent(self, channel: str) -> bool:
        """The next flush, a quarter of a second away at most, is soon enough."""
        return False

    async def snapshot(self) -> list[str]:
        """All regions."""
        self._shown = {}
        return [*await self._frames(), event("snapshot")]

    async def render(self, changes: Changes) -> list[str]:
        """The regions that are different now."""
        return await self._frames()

    async def hear(self, message: Mapping[str, object]) -> None:
        """It says nothing."""

    async def _frames(self) -> list[str]:
        try:
            regions = await self._regions()
        except GoneError as gone:
            return [event("gone", url=gone.url, notice=gone.notice)]
        changed = {key: html for key, html in regions.items() if self._shown.get(key) != html}
        self._shown = dict(regions)
        frames = ["".join(morph(key, html) for key, html in changed.items())] if changed else []
        before, self._named = self._named, self._name()
        return [*frames, event("title", name=self._named)] if self._named != before else frames
