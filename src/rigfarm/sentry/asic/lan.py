"""The ASICs of this LAN: nothing is loaded and nothing is asked until an operator wants them, on the Sentry's own page
or by `asics = true`; from then on an `AsicPart`."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from rigfarm.sentry.agent.parts import CommandOutcome, Reporter
from rigfarm.sentry.httpd.html import Html
from rigfarm.sentry.httpd.http import Response, redirect
from rigfarm.sentry.identity.passwords import MIN_PASSWORD, hash_password
from rigfarm.sentry.identity.settings import SettingsError, save_settings
from rigfarm.sentry.ui.html import render
from rigfarm.sentry.ui.pages import Fact, Ui, Visit, session_cookie
from rigfarm.wire.commands import Command
from rigfarm.wire.frames import Verdict
from rigfarm.wire.playbooks import AssignedPlaybook

if TYPE_CHECKING:
    from rigfarm.sentry.asic import AsicPart
    from rigfarm.sentry.asic.pages import AsicPages
    from rigfarm.sentry.asic.poller import Pace

__all__ = ["LIST_FILE", "LanAsics", "NotInstalledError"]

log = structlog.get_logger()

LIST_FILE = "asics.sqlite"
"""In the data folder; where it lies, ASICs are read at every start."""


class NotInstalledError(Exception):
    """What reads ASICs is not installed; the text says what to do."""


class LanAsics:
    """A `Part`. `wanted`: begin by itself. `pace`: other than the usual one."""

    def __init__(self, data_dir: Path, *, wanted: bool = False, pace: Pace | None = None) -> None:
        self._data_dir = data_dir
        self._wanted = wanted
        self._pace = pace
        self._awake = asyncio.Event()
        self._waking = asyncio.Lock()
        self.part: AsicPart | None = None
        self._ui: Ui | None = None
        self._pages: AsicPages | None = None

    async def wake(self) -> None:
        """Begin. NotInstalledError, OSError, sqlite3.Error: not now."""
        async with self._waking:
            if self.part is not None:
                return
            # Imported only now: a rig that reads no ASICs installs and loads nothing for them.
            part = await asyncio.to_thread(_make, self._data_dir, self._pace)
            await part.load()
            self.part = part
            self._show()
            self._awake.set()
            log.info("this Sentry reads ASICs")

    # A part

    async def load(self) -> None:
        if self._wanted:
            await self.wake()

    def tokens(self) -> list[str]:
        return self.part.tokens() if self.part is not None else []

    def forget_tokens(self) -> None:
        """See `rigfarm.sentry.agent.agent.ForgetsTokens`."""
        if self.part is not None:
            self.part.service.forget_tokens()

    async def run(self, reporter: Reporter) -> None:
        await self._awake.wait()
        assert self.part is not None
        reporter.tokens_changed()
        await self.part.run(reporter)

    async def on_verdict(self, token: str, verdict: Verdict) -> None:
        if self.part is not None:
            await self.part.on_verdict(token, verdict)

    async def on_playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None:
        """An ASIC runs no playbooks."""

    async def on_command(self, token: str, command: Command) -> CommandOutcome:
        if self.part is None:
            return "failed", "This Sentry reads no ASICs."
        return await self.part.on_command(token, command)

    async def on_console_watch(self, token: str, playbook: int, on: bool) -> None:
        """An ASIC shows no console."""

    # Its pages

    def contribute(self, ui: Ui) -> None:
        """See `rigfarm.sentry.ui.contribute`."""
        self._ui, self._pages = ui, None
        ui.route("GET", "/asics", self._get)
        ui.route("POST", "/asics/begin", self._post)
        ui.fact("ASICs", self._fact)
        self._show()

    def _show(self) -> None:
        if self._ui is not None and self.part is not None and self._pages is None:
            from rigfarm.sentry.asic.pages import AsicPages

            self._pages = AsicPages(self.part.service, self._ui)

    def _fact(self) -> Fact:
        if self._pages is None:
            return Fact("read those of this network", path="/asics")
        return self._pages.fact()

    async def _get(self, visit: Visit) -> Response:
        assert self._ui is not None
        if self._pages is not None:
            return await self._pages.get(visit)
        return self._begin_page(visit, "")

    def _begin_page(self, visit: Visit, problem: str) -> Response:
        assert self._ui is not None
        password = Html("") if self._ui.has_password else render("asics_password", least=MIN_PASSWORD)
        wrong = render("wrong", text=problem) if problem else Html("")
        body = render("asics_begin", csrf=visit.csrf, password=password, wrong=wrong)
        return self._ui.page(visit, "ASICs", body, status=422 if problem else 200)

    async def _post(self, visit: Visit) -> Response:
        assert self._ui is not None
        cookies: tuple[tuple[str, str], ...] = ()
        if not self._ui.has_password:
            problem, session = await self._take_password(visit)
            if problem:
                return self._begin_page(visit, problem)
            cookies = (session_cookie(session),)
        try:
            await self.wake()
        except (NotInstalledError, OSError, sqlite3.Error) as error:
            page = self._begin_page(visit, f"ASICs cannot be read: {error}")
            return page._replace(headers=(*page.headers, *cookies))
        return redirect("/asics", *cookies)

    async def _take_password(self, visit: Visit) -> tuple[str, str]:
        """What is wrong with the password that was chosen; else nothing, and the session of who chose it."""
        assert self._ui is not None
        password = visit.form.get("password", "")
        if len(password) < MIN_PASSWORD:
            return f"A password has {MIN_PASSWORD} characters or more.", ""
        if password != visit.form.get("again", ""):
            return "The two passwords differ: enter the same one twice.", ""
        hashed = await asyncio.to_thread(hash_password, password)
        try:
            await asyncio.to_thread(save_settings, self._data_dir, {"ui_password": hashed})
        except (OSError, SettingsError) as error:
            return f"The password cannot be stored on this machine: {error}", ""
        log.info("a password for this page was chosen")
        return "", self._ui.guard.set_password(visit.request, hashed)


def _make(data_dir: Path, pace: Pace | None) -> AsicPart:
    try:
        from rigfarm.sentry.asic import AsicPart, AsicService
    except ImportError as error:
        raise NotInstalledError(
            f"this installation lacks a package for it ({error.name}). Install the Sentry from its Commander: New ASIC "
            "on the Commander's page shows the line. Then try again."
        ) from None
    return AsicPart(partial(AsicService, data_dir, pace=pace))
