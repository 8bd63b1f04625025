"""What keeps a scanned rig's card fresh, and says what came of a command."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment

from rigfarm.commander import channels
from rigfarm.commander.commands.view import how_it_ended
from rigfarm.commander.live import ALL, PageRoutes, PageSession
from rigfarm.commander.live.session import Changes
from rigfarm.commander.scan.view import Scanned, Scans
from rigfarm.commander.web.fragments import event, morph

__all__ = ["register_live_pages"]


def register_live_pages(routes: PageRoutes, scans: Scans, templates: Environment) -> None:
    """One page."""

    def page(_: Mapping[str, str], params: Mapping[str, str]) -> LiveScan:
        return LiveScan(Scanned.of(params), scans, templates)

    routes.add(r"/scan", page)


class LiveScan:
    """An open page, with the rigs that its code meant when it was opened."""

    pause_s = 1.0

    def __init__(self, asked: Scanned, scans: Scans, templates: Environment) -> None:
        self._scans = scans
        self._templates = templates
        self._rigs = [card.rig for card in scans.page(asked).cards]
        self._shown: dict[int, str] = {}

    def open(self, session: PageSession) -> None:
        """Follow these rigs."""
        for rig in self._rigs:
            session.follow(channels.rig(rig.kind, rig.id), {ALL})
            session.follow(channels.operation_stats(rig.kind, rig.id), {ALL})

    def urgent(self, channel: str) -> bool:
        """What a person waits for is shown at once."""
        return channel in {channels.rig(rig.kind, rig.id) for rig in self._rigs}

    async def snapshot(self) -> list[str]:
        """Every card's state."""
        self._shown = {}
        return [*self._changed(), event("snapshot")]

    async def render(self, changes: Changes) -> list[str]:
        """Those that changed, and how commands ended."""
        said = [how_it_ended(key, payload) for (_, key), (_, payload) in changes.items()]
        return [*self._changed(), *(event("notice", text=one[0], level=one[1]) for one in said if one is not None)]

    async def hear(self, message: Mapping[str, object]) -> None:
        """It says nothing."""

    def _changed(self) -> list[str]:
        template, frames = self._templates.get_template("scan_state.html"), []
        for rig in self._rigs:
            card = self._scans.card(rig.id)
            html = template.render(card=card, rig=rig)
            if self._shown.get(rig.id) != html:
                self._shown[rig.id] = html
                frames.append(morph(f"scan-state-{rig.id}", html))
        return ["".join(frames)] if frames else []
