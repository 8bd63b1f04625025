"""The Sentry's page, served: on the address of the settings, and on a Unix socket for `rigfarm sentry status`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import structlog

from rigfarm import __version__
from rigfarm.sentry.agent import Agent
from rigfarm.sentry.settings import listen_address
from rigfarm.sentry.ui.commander import CommanderDesk
from rigfarm.sentry.ui.contribute import Contributes
from rigfarm.sentry.ui.guard import Guard
from rigfarm.sentry.ui.html import Html, render
from rigfarm.sentry.ui.http import Connections, Response
from rigfarm.sentry.ui.live import Live
from rigfarm.sentry.ui.pages import Fact, Ui, Visit
from rigfarm.sentry.ui.status import StatusCards
from rigfarm.sentry.ui.token_page import TokenPage

__all__ = ["SOCKET", "Page", "StatusAnswer", "serve_page"]

log = structlog.get_logger()

SOCKET = "sentry.sock"
_LONGEST_SOCKET_PATH = 100
_BUSY_AGAIN_S = 10.0


class StatusAnswer(msgspec.Struct):
    """`/status.json`: for `rigfarm sentry status` and for scripts."""

    version: str
    rig: str | None
    verdict: str | None
    commander: str | None
    link: str
    link_error: str
    logs_waiting: int
    logs_lost: int
    spool_problem: str | None
    tokens: int
    problems: list[str]
    facts: list[tuple[str, str]] = []
    """What else this machine does: label and words."""


class Page:
    """The Sentry's page of one agent."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        hostname = socket.gethostname()
        self.ui = Ui(Guard(agent.settings.ui_password), hostname, CommanderDesk(agent))
        self._token_page = TokenPage(agent, self.ui)
        cards = StatusCards(agent, self.ui)
        for maker in (cards.machine, cards.link, cards.mining, cards.spool):
            self.ui.card(maker)
        self.ui.route("GET", "/", self._home)
        self.ui.route("GET", "/status.json", self._status)
        for part in agent.parts:
            if isinstance(part, Contributes):
                part.contribute(self.ui)

    async def _home(self, visit: Visit) -> Response:
        live = Live()
        if self.agent.needs_token and not any(fact.enough for _, fact in self._facts()):
            if "values" in visit.request.query:
                return self.ui.values(visit, live, Html("token"))
            return await self._token_page.get(visit)
        body = render("status", cards=self.ui.cards(live))
        if "values" in visit.request.query:
            return self.ui.values(visit, live, body)
        return self.ui.page(visit, "Status", body, live=live)

    def _facts(self) -> list[tuple[str, Fact]]:
        return [(label, fact) for label, maker in self.ui.facts if (fact := maker()) is not None]

    async def _status(self, _visit: Visit) -> Response:
        agent = self.agent
        word, _, sentence = self.ui.commander.words()
        verdict = agent.verdict_on(agent.rig) if agent.rig is not None else None
        stats = agent.spool.stats()
        answer = StatusAnswer(
            version=__version__,
            rig=verdict.name if verdict is not None else None,
            verdict=verdict.kind if verdict is not None else None,
            commander=agent.link.status().url,
            link=word.partition(" ")[2],
            link_error=sentence,
            logs_waiting=stats.logs,
            logs_lost=stats.dropped,
            spool_problem=stats.problem,
            tokens=len(agent.reporter.tokens),
            problems=[f"{name}: {problem}" for name, problem in agent.problems()],
            facts=[(label, fact.text) for label, fact in self._facts() if fact.enough],
        )
        return Response(msgspec.json.encode(answer), content_type="application/json")


async def serve_page(agent: Agent) -> None:
    """Until cancelled."""
    connections = Connections(Page(agent).ui.answer)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(connections.close)
        await stack.enter_async_context(_unix(connections, agent.settings.data_dir / SOCKET))
        address = listen_address(agent.settings.ui)
        if address is not None:
            await stack.enter_async_context(_tcp(connections, *address))
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def _tcp(connections: Connections, host: str, port: int) -> AsyncIterator[None]:
    said = False
    while True:
        try:
            server = await asyncio.start_server(connections.serve, host, port)
            break
        except OSError as error:
            if not said:
                said = True
                log.error(
                    "the Sentry's page cannot be served; trying again", address=f"{host}:{port}", reason=str(error)
                )
            await asyncio.sleep(_BUSY_AGAIN_S)
    log.info("the Sentry's page", url=f"http://{host}:{server.sockets[0].getsockname()[1]}")
    try:
        yield
    finally:
        server.close()


@contextlib.asynccontextmanager
async def _unix(connections: Connections, path: Path) -> AsyncIterator[None]:
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        log.warning("`rigfarm sentry status` cannot work: the data folder's path is too long", path=str(path))
        yield
        return
    server = await asyncio.start_unix_server(connections.serve, sock=_bound(path))
    try:
        yield
    finally:
        server.close()
        _remove(path)


def _bound(path: Path) -> socket.socket:
    _remove(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(str(path))
    path.chmod(0o600)
    return bound


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
