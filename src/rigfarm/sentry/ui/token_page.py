"""The token page: one field, and one sentence about where to find a token. What is pasted is checked against the
Commander before it is taken."""

from __future__ import annotations

import asyncio

import structlog

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.httpd.html import Html, join
from rigfarm.sentry.httpd.http import Response, redirect
from rigfarm.sentry.identity.tokens import find_token
from rigfarm.sentry.link.errors import LinkError
from rigfarm.sentry.link.probe import check_token
from rigfarm.sentry.link.trust import Trust
from rigfarm.sentry.ui.html import render
from rigfarm.sentry.ui.pages import Ui, Visit

__all__ = ["TokenPage"]

log = structlog.get_logger()


class TokenPage:
    """Shown in the place of the status page as long as nothing can be reported."""

    def __init__(self, agent: Agent, ui: Ui) -> None:
        self._agent = agent
        self._ui = ui
        self._one_at_a_time = asyncio.Lock()
        ui.route("GET", "/token", self.get)
        ui.route("POST", "/token", self._post)

    async def get(self, visit: Visit) -> Response:
        """The page, or the status page where this machine has its token."""
        if self._agent.rig is None or self._agent.has_good_token(self._agent.rig):
            return redirect("/")
        return self._page(visit, "", "", "", "")

    def _page(self, visit: Visit, url: str, token: str, wrong_url: str, wrong_token: str) -> Response:
        known = self._agent.settings.commander
        address = Html("") if known is not None else render("token_address", url=url, wrong=_wrong(wrong_url))
        facts = [(label, fact) for label, maker in self._ui.facts if (fact := maker()) is not None]
        others = [(label, fact) for label, fact in facts if not fact.enough]
        body = render(
            "token",
            others=join(render("token_other", path=fact.path, label=label, text=fact.text) for label, fact in others),
            csrf=visit.csrf,
            why=self._why(),
            address=address,
            token=token,
            wrong=_wrong(wrong_token),
            invalid=Html(' aria-invalid="true"') if wrong_token else Html(""),
            where=f"It is shown once, when a rig is created at {known} or gets a new token."
            if known is not None
            else "The Commander shows it once, when a rig is created or gets a new token.",
        )
        return self._ui.page(visit, "Token", body, status=422 if wrong_url or wrong_token else 200)

    def _why(self) -> Html:
        agent = self._agent
        if agent.removed is not None:
            name = f" ({agent.removed})" if agent.removed else ""
            return render(
                "problem",
                text=f"The rig that this machine was{name} has been removed from the Commander: its mining programs "
                "are stopped, and nothing is reported.",
            )
        verdict = agent.verdict_on(agent.rig) if agent.rig is not None else None
        if verdict is not None and verdict.kind == "unknown":
            return render(
                "problem",
                text="The Commander no longer knows this machine's token, so nothing is reported. Mining "
                "continues. The token is tried again from time to time.",
            )
        return Html("")

    async def _post(self, visit: Visit) -> Response:
        url, pasted = visit.form.get("url", ""), visit.form.get("token", "")
        rig, known = self._agent.rig, self._agent.settings.commander
        if rig is None or self._agent.has_good_token(rig):
            return redirect("/")
        desk = self._ui.commander
        try:
            address, trust = desk.parse(url) if known is None else (known, self._agent.trust)
        except ValueError as error:
            return self._page(visit, url, pasted, str(error), "")
        token = find_token(pasted)
        if token is None:
            wrong = "This is not a token: tokens begin with rf_ and have 46 characters."
            return self._page(visit, url, pasted, "", wrong)
        async with self._one_at_a_time:
            wrong = await self._take(address, trust, token)
        if wrong:
            return self._page(visit, url, pasted, "", wrong)
        return redirect("/")

    async def _take(self, address: str, trust: Trust, token: str) -> str:
        """Check and keep a token; what is wrong, if something is."""
        try:
            verdict = await check_token(address, token, trust)
            await self._ui.commander.use(address, trust, token)
        except (LinkError, ValueError) as error:
            return str(error)
        except OSError as error:
            return f"The Commander accepts the token, but it cannot be stored on this machine: {error}"
        log.info("a token was entered", rig=verdict.name)
        return ""


def _wrong(text: str) -> Html:
    return render("wrong", text=text) if text else Html("")
