"""The console of a mining program: its page, live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template

from rigfarm.commander import channels
from rigfarm.commander.assignments import broadcasts
from rigfarm.commander.assignments.actions import Assignments
from rigfarm.commander.assignments.console.consoles import Consoles, Screen
from rigfarm.commander.assignments.view import rig_row
from rigfarm.commander.live import ALL, PageRoutes, PageSession
from rigfarm.commander.live.session import Changes
from rigfarm.commander.refusals import Absent
from rigfarm.commander.web.fragments import append, event, morph
from rigfarm.commander.web.render import render
from rigfarm.common.clock import utc_ms

__all__ = ["LiveConsole", "console_page", "register_live_consoles"]

ADDED_AT_MOST = 500
"""Lines that are added to a page before all of it is sent again, so that a page left open for weeks stays small."""


@get("/rigs/{rig_id:int}/console/{playbook_id:int}", include_in_schema=False)
async def console_page(
    request: Request[Any, Any, Any],
    rig_id: FromPath[int],
    playbook_id: FromPath[int],
    assignments: NamedDependency[Assignments],
    consoles: NamedDependency[Consoles],
) -> Template:
    """The last lines of a mining program; live."""
    rig = assignments.rigs.get(rig_id)
    screen = consoles.screens.get((rig_id, playbook_id)) or Screen()
    live = f"/rigs/{rig_id}/console/{playbook_id}"
    return render(
        request, "assignment_console.html", active="rigs", live=live, rig=rig, lines=list(screen.lines),
        **_console_head(assignments, rig_id, playbook_id),
    )  # fmt: skip


def _console_head(assignments: Assignments, rig_id: int, playbook_id: int) -> dict[str, Any]:
    assignment = assignments.assigned.get(rig_id, playbook_id)
    if assignment is None:
        raise Absent("This rig does not have this playbook.")
    return {"row": rig_row(assignment, assignments, utc_ms())}


class LiveConsole:
    """A console's page: new lines are added, and from time to time all lines are sent again."""

    pause_s = 0.0

    def __init__(
        self, templates: Environment, assignments: Assignments, consoles: Consoles, rig_id: int, playbook_id: int
    ) -> None:
        self._lines = templates.get_template("assignment_console_lines.html")
        self._head = templates.get_template("assignment_console_head.html")
        self._assignments = assignments
        self._consoles = consoles
        self._rig_id = rig_id
        self._playbook_id = playbook_id
        self._screen = Screen()
        self._shown = 0
        self._began = 0
        self._added = 0

    def open(self, session: PageSession) -> None:
        """A page shows it from now on."""
        session.follow(broadcasts.console_channel(self._rig_id, self._playbook_id), {ALL})
        session.follow(channels.rig("cpu-gpu", self._rig_id), {ALL})
        self._screen = self._consoles.look(self._rig_id, self._playbook_id)

    def urgent(self, channel: str) -> bool:
        """Four times a second is as fast as one can read."""
        return False

    async def snapshot(self) -> list[str]:
        """All of it."""
        return [*self._all(), event("snapshot")]

    async def render(self, changes: Changes) -> list[str]:
        """What is new."""
        if any(channel.startswith(channels.rig("cpu-gpu", self._rig_id)) for channel, _ in changes):
            return self._all()
        screen = self._screen
        new = screen.next - self._shown
        if screen.began != self._began or not 0 <= new <= len(screen.lines) or self._added + new > ADDED_AT_MOST:
            return self._all()
        if not new:
            return []
        self._added += new
        self._shown = screen.next
        return [append("console-lines", self._rendered(list(screen.lines)[-new:]))]

    async def hear(self, message: Mapping[str, object]) -> None:
        """It says nothing."""

    def _all(self) -> list[str]:
        try:
            head = self._head.render(**_console_head(self._assignments, self._rig_id, self._playbook_id))
        except Absent:
            return [event("gone", url=f"/rigs/{self._rig_id}", notice="This rig no longer has this playbook.")]
        self._shown, self._added = self._screen.next, 0
        self._began = self._screen.began
        lines = self._rendered(list(self._screen.lines))
        whole = f'<div class="console-lines" id="console-lines">{lines}</div>'
        return [morph("console-head", head) + morph("console-lines", whole)]

    def _rendered(self, lines: list[str]) -> str:
        return self._lines.render(lines=lines)


def register_live_consoles(
    routes: PageRoutes, templates: Environment, assignments: Assignments, consoles: Consoles
) -> None:
    """Every console."""

    def console(groups: Mapping[str, str], _: Mapping[str, str]) -> LiveConsole:
        return LiveConsole(templates, assignments, consoles, int(groups["rig"]), int(groups["playbook"]))

    routes.add(r"/rigs/(?P<rig>\d{1,9})/console/(?P<playbook>\d{1,9})", console)
