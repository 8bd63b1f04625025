"""What is done with one rig: a playbook chosen for it, its variables, and the console of its mining program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from jinja2 import Environment
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander import channels
from rigfarm.commander.live import ALL, PageRoutes, PageSession
from rigfarm.commander.live.session import Changes
from rigfarm.commander.playbooks import broadcasts
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.consoles import Consoles, Screen
from rigfarm.commander.playbooks.plan import EFFECT
from rigfarm.commander.playbooks.view import rig_row
from rigfarm.commander.refusals import Absent, Refusal
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.fragments import append, event, morph
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render
from rigfarm.common.clock import utc_ms

__all__ = ["LiveConsole", "register_live_consoles", "rig_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
ADDED_AT_MOST = 500
"""Lines that are added to a page before it is sent anew: a page that stays open for weeks stays small."""


class VariablesData(Struct):
    """NAME=value, one a line."""

    variables: str = ""


@get("/rigs/{rig_id:int}/playbooks/choose", include_in_schema=False)
async def choose_playbook(
    request: WebRequest, rig_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]
) -> Template:
    """Every playbook, and what applying it to this rig would do."""
    rig = playbooks.rigs.get(rig_id)
    steps = [(one, (await playbooks.running.plan(one.id, [rig_id])).steps[0]) for one in playbooks.listed()]
    steps.sort(key=lambda step: EFFECT[step[1].action])
    return render(request, "playbook_choose.html", active="rigs", hx=is_htmx(request.scope), rig=rig, steps=steps)


@get("/rigs/{rig_id:int}/variables", include_in_schema=False)
async def edit_variables(
    request: WebRequest, rig_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]
) -> Template:
    """Placeholders that have a value of this rig's own."""
    rig = playbooks.rigs.get(rig_id)
    own = playbooks.assignments.variables_of(rig_id)
    return _variables(request, rig_id, rig.name, "\n".join(f"{name}={value}" for name, value in own.items()))


@post("/rigs/{rig_id:int}/variables", status_code=200, include_in_schema=False)
async def save_variables(
    request: WebRequest,
    rig_id: FromPath[int],
    data: URLEncodedBody[VariablesData],
    playbooks: NamedDependency[PlaybookBook],
) -> Answer:
    """Keep them."""
    rig = playbooks.rigs.get(rig_id)
    pairs = (line.partition("=") for line in data.variables.splitlines() if line.strip())
    try:
        await playbooks.running.set_variables(rig_id, {name.strip(): value.strip() for name, _, value in pairs})
    except Refusal as refusal:
        return _variables(request, rig_id, rig.name, data.variables, refusal)
    return done(request, f"/rigs/{rig_id}")


@get("/rigs/{rig_id:int}/console/{playbook_id:int}", include_in_schema=False)
async def console_page(
    request: WebRequest,
    rig_id: FromPath[int],
    playbook_id: FromPath[int],
    playbooks: NamedDependency[PlaybookBook],
    consoles: NamedDependency[Consoles],
) -> Template:
    """The last lines of a mining program; live."""
    rig = playbooks.rigs.get(rig_id)
    screen = consoles.screens.get((rig_id, playbook_id)) or Screen()
    live = f"/rigs/{rig_id}/console/{playbook_id}"
    return render(
        request, "playbook_console.html", active="rigs", live=live, rig=rig, lines=list(screen.lines),
        **_console_head(playbooks, rig_id, playbook_id),
    )  # fmt: skip


rig_routes = [choose_playbook, edit_variables, save_variables, console_page]


def _variables(request: WebRequest, rig_id: int, name: str, text: str, refusal: Refusal | None = None) -> Template:
    return render(
        request,
        "playbook_variables.html",
        status=200 if refusal is None else refusal.status,
        active="rigs",
        hx=is_htmx(request.scope),
        rig_id=rig_id,
        name=name,
        text=text,
        error="" if refusal is None else str(refusal),
    )


def _console_head(playbooks: PlaybookBook, rig_id: int, playbook_id: int) -> dict[str, Any]:
    assignment = playbooks.assignments.get(rig_id, playbook_id)
    if assignment is None:
        raise Absent("This rig does not have this playbook (any more).")
    return {"row": rig_row(assignment, playbooks, utc_ms())}


class LiveConsole:
    """A console's page: new lines are added, and now and then all of them are sent anew."""

    def __init__(
        self, templates: Environment, playbooks: PlaybookBook, consoles: Consoles, rig_id: int, playbook_id: int
    ) -> None:
        self._lines = templates.get_template("playbook_console_lines.html")
        self._head = templates.get_template("playbook_console_head.html")
        self._playbooks = playbooks
        self._consoles = consoles
        self._rig_id = rig_id
        self._playbook_id = playbook_id
        self._screen = Screen()
        self._shown = 0
        self._began = 0
        self._added = 0

    def open(self, session: PageSession) -> None:
        """From now on somebody looks."""
        session.follow(broadcasts.console_channel(self._rig_id, self._playbook_id), {ALL})
        session.follow(channels.rig("cpu-gpu", self._rig_id), {ALL})
        self._screen = self._consoles.look(self._rig_id, self._playbook_id)

    def urgent(self, channel: str) -> bool:
        """Four times a second is as fast as anybody reads."""
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
            head = self._head.render(**_console_head(self._playbooks, self._rig_id, self._playbook_id))
        except Absent:
            return [event("gone", url=f"/rigs/{self._rig_id}", notice="This rig does not have this playbook any more.")]
        self._shown, self._added = self._screen.next, 0
        self._began = self._screen.began
        lines = self._rendered(list(self._screen.lines))
        whole = f'<div class="console-lines" id="console-lines">{lines}</div>'
        return [morph("console-head", head) + morph("console-lines", whole)]

    def _rendered(self, lines: list[str]) -> str:
        return self._lines.render(lines=lines)


def register_live_consoles(
    routes: PageRoutes, templates: Environment, playbooks: PlaybookBook, consoles: Consoles
) -> None:
    """Every console."""

    def console(groups: Mapping[str, str], _: Mapping[str, str]) -> LiveConsole:
        return LiveConsole(templates, playbooks, consoles, int(groups["rig"]), int(groups["playbook"]))

    routes.add(r"/rigs/(?P<rig>\d{1,9})/console/(?P<playbook>\d{1,9})", console)
