"""What keeps the page of a round fresh: whose turn it is, how that one blinks, and which slots are taken."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander import channels
from rigfarm.commander.filling.broadcasts import CHANNEL
from rigfarm.commander.filling.view import FillViews
from rigfarm.commander.kinds import KINDS
from rigfarm.commander.live import ALL, PageRoutes, PageSession
from rigfarm.commander.live.session import FLUSH_INTERVAL_S, Changes
from rigfarm.commander.refusals import Absent
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.web.fragments import event, morph

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, views: FillViews, templates: Environment) -> None:
    """Rounds."""

    def page(groups: Mapping[str, str], _: Mapping[str, str]) -> LiveRound:
        return LiveRound(groups["id"], views, templates)

    routes.add(r"/places/fill/(?P<id>[0-9a-f]{16})", page)


class LiveRound:
    """An open page of a round."""

    pause_s = FLUSH_INTERVAL_S

    def __init__(self, round_id: str, views: FillViews, templates: Environment) -> None:
        self._id = round_id
        self._views = views
        self._template = templates.get_template("fill_body.html")
        self._session: PageSession | None = None
        self._followed: Rig | None = None
        self._shown = ""

    def open(self, session: PageSession) -> None:
        """Follow the round, and whose records change: a slot may be taken by hand."""
        self._session = session
        session.follow(CHANNEL, {self._id})
        for kind in KINDS:
            session.follow(channels.index(kind), {ALL})

    def urgent(self, channel: str) -> bool:
        """The next flush is soon enough."""
        return False

    async def snapshot(self) -> list[str]:
        """All of it."""
        self._shown = ""
        return [*self._changed(), event("snapshot")]

    async def render(self, changes: Changes) -> list[str]:
        """All of it, if it is different now."""
        return self._changed()

    async def hear(self, message: Mapping[str, object]) -> None:
        """It says nothing."""

    def _changed(self) -> list[str]:
        try:
            self._follow(self._views.rig_of(self._id))
            html = self._template.render(page=self._views.page(self._id), error="")
        except Absent as gone:
            return [event("gone", url="/places/fill", notice=str(gone))]
        if html == self._shown:
            return []
        self._shown = html
        return [morph("fill", html)]

    def _follow(self, rig: Rig | None) -> None:
        """The rig whose turn it is, and no other."""
        before, self._followed = self._followed, rig
        if self._session is None or (before and before.id) == (rig and rig.id):
            return
        for one, keys in ((before, set[object]()), (rig, {ALL})):
            if one is not None:
                self._session.follow(channels.rig(one.kind, one.id), keys)  # type: ignore[arg-type]
                self._session.follow(channels.operation_stats(one.kind, one.id), keys)  # type: ignore[arg-type]
