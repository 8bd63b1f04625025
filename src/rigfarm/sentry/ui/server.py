"""The Sentry's page, served: on the address of the settings, and on a Unix socket for `rigfarm sentry status`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import structlog

from rigfarm import __version__
from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.httpd.html import Html
from rigfarm.sentry.httpd.http import Connections, Response, redirect
from rigfarm.sentry.identity.folder import data_folder
from rigfarm.sentry.identity.settings import listen_address
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.ui.answer import StatusAnswer
from rigfarm.sentry.ui.commander import CommanderDesk
from rigfarm.sentry.ui.contribute import Contributes
from rigfarm.sentry.ui.guard import Guard
from rigfarm.sentry.ui.html import render
from rigfarm.sentry.ui.live import Live
from rigfarm.sentry.ui.pages import Fact, Ui, Visit
from rigfarm.sentry.ui.socket_path import socket_path
from rigfarm.sentry.ui.status import StatusCards
from rigfarm.sentry.ui.token_page import TokenPage

__all__ = ["Page", "serve_page"]

log = structlog.get_logger()

_BUSY_AGAIN_S = 10.0


class Page:
    """The Sentry's page of one agent."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        hostname = socket.gethostname()
        self.guard = Guard(agent.settings.ui_password)
        self.ui = Ui(self.guard, hostname, CommanderDesk(agent), code_command(agent.settings.data_dir))
        self.address = 'none: ui = "off" in sentry.toml'
        """Of the page, or why there is none."""
        self.served = False
        self._token_page = TokenPage(agent, self.ui)
        cards = StatusCards(agent, self.ui)
        for maker in (cards.machine, cards.link, cards.mining, cards.spool):
            self.ui.card(maker)
        self.ui.route("GET", "/", self._home, access="onlookers")
        self.ui.route("GET", "/status.json", self._status, access="onlookers")
        for part in agent.parts:
            if isinstance(part, Contributes):
                part.contribute(self.ui)

    async def _home(self, visit: Visit) -> Response:
        live = Live(onlooker=not visit.visitor.administrator)
        if self.agent.needs_token and not any(fact.enough for _, fact in self._facts()):
            if "values" in visit.request.query:
                return self.ui.values(visit, live, Html("token"))
            if not visit.visitor.administrator:
                return redirect("/token")
            return await self._token_page.get(visit)
        body = render("status", cards=self.ui.cards(live))
        if "values" in visit.request.query:
            return self.ui.values(visit, live, body)
        return self.ui.page(visit, "Status", body, live=live)

    def _facts(self) -> list[tuple[str, Fact]]:
        return [(label, fact) for label, maker in self.ui.facts if (fact := maker()) is not None]

    async def _status(self, visit: Visit) -> Response:
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
            page=self.address,
            # With a page that another program serves at this address, the code would only help an impostor.
            code=self.guard.code if visit.request.local and self.served else "",
            linked=agent.link.state is LinkState.ONLINE,
            playbooks=[status for told in agent.reporter.statuses.values() for status in told]
            if visit.request.local
            else [],
        )
        return Response(msgspec.json.encode(answer), content_type="application/json")


def code_command(folder: Path) -> str:
    """The command with which an administrator gets the code."""
    words = [*(["sudo"] if os.geteuid() == 0 else []), "rigfarm", "sentry", "code"]
    return shlex.join([*words, *(["--data-dir", str(folder)] if folder != data_folder(None, {}) else [])])


async def serve_page(agent: Agent) -> None:
    """Until cancelled."""
    page = Page(agent)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(_unix(page, agent.settings.data_dir))
        address = listen_address(agent.settings.ui)
        if address is not None:
            await stack.enter_async_context(_tcp(page, *address))
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def _tcp(page: Page, host: str, port: int) -> AsyncIterator[None]:
    connections = Connections(page.ui.answer, page.ui.trusted)
    said = False
    while True:
        try:
            server = await asyncio.start_server(connections.serve, host, port)
            break
        except OSError as error:
            page.address = f"cannot be served at {host}:{port} ({error.strerror}). Enter nothing into a page there."
            if not said:
                said = True
                log.error(
                    "the Sentry's page cannot be served; trying again", address=f"{host}:{port}", reason=str(error)
                )
            await asyncio.sleep(_BUSY_AGAIN_S)
    shown = f"[{host}]" if ":" in host else host
    page.address, page.served = f"http://{shown}:{server.sockets[0].getsockname()[1]}", True
    log.info("the Sentry's page", url=page.address)
    try:
        yield
    finally:
        server.close()
        await connections.close()


@contextlib.asynccontextmanager
async def _unix(page: Page, folder: Path) -> AsyncIterator[None]:
    connections = Connections(page.ui.answer, page.ui.trusted)
    with socket_path(folder) as path:
        path.unlink(missing_ok=True)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        os.fchmod(bound.fileno(), 0o600)  # before it has a name
        bound.bind(str(path))
        server = await asyncio.start_unix_server(connections.serve, sock=bound)
        try:
            yield
        finally:
            server.close()
            path.unlink(missing_ok=True)
            await connections.close()
