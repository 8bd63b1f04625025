"""Where the Commander is, as the pages show and change it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import msgspec

from rigfarm.common.commander_url import commander_url
from rigfarm.common.fingerprints import find_fingerprint
from rigfarm.sentry.identity.settings import SettingsError, save_commander
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.link.errors import LinkError
from rigfarm.sentry.link.trust import Trust
from rigfarm.units import duration

if TYPE_CHECKING:
    from rigfarm.sentry.agent.agent import Agent

__all__ = ["CommanderDesk"]

_VARIABLE = "RIGFARM_COMMANDER"


class CommanderDesk:
    """The Commander of one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    @property
    def url(self) -> str | None:
        """Its address; None: none was named yet."""
        return self._agent.settings.commander

    @property
    def trust(self) -> Trust:
        """Whom the agent takes for it."""
        return self._agent.trust

    def parse(self, text: str, *, another: bool = False) -> tuple[str, Trust]:
        """The address in what was typed, and whom to trust there: with a fingerprint (`SHA256:…`) beside it, the owner
        of that certificate and no other. ValueError says what would be right.

        Unless it is `another` Commander, which gets none of the tokens kept here, it has to prove that it is the one
        before.
        """
        words = [word for word in text.split() if find_fingerprint(word) is None and not word.startswith("--")]
        url = commander_url(" ".join(words))
        agent = self._agent
        fingerprint = find_fingerprint(text)
        if not another and (fingerprint is None or fingerprint == agent.trust.certificate):
            trust = agent.trust
        else:
            trust = Trust(ca_file=agent.trust.ca_file, insecure_http=agent.trust.insecure_http)
            trust.certificate = fingerprint
            trust.key = None if another else agent.trust.key
        if not another and trust.key is None and self.url not in (None, url) and agent.reporter.tokens:
            raise ValueError(
                f"The tokens stored here were entered for {self.url}, which has not yet proved who it is. "
                f"To change to another Commander, tick the box: the tokens are deleted."
            )
        try:
            trust.check_url(url)
        except LinkError as error:
            raise ValueError(str(error)) from None
        return url, trust

    def words(self) -> tuple[str, str, str]:
        """State of the link in a word, its tone, and a sentence (empty while all is well)."""
        status = self._agent.link.status()
        now = asyncio.get_running_loop().time()
        if status.state is LinkState.ONLINE:
            return "● linked", "ok", ""
        if status.url is None:
            return "○ no Commander", "warn", "No Commander has been named yet."
        if status.state is LinkState.IDLE:
            return "○ not linked", "warn", status.error or "There is no token to report with."
        retry = ""
        if status.retry_at is not None and status.retry_at - now > 1.5:
            retry = f" Trying again in {duration(status.retry_at - now)}."
        if status.error is None:
            return "○ connecting", "", ""
        return "✕ not linked", "bad", status.error + retry

    async def change(self, text: str, *, another: bool = False) -> str:
        """Go on with the Commander at this address; returns it. With `another` one, all tokens are forgotten first.
        ValueError says what would be right."""
        url, trust = self.parse(text, another=another)
        await self.use(url, trust)
        return url

    async def use(self, url: str, trust: Trust, token: str | None = None) -> None:
        """Keep address and trust, and go on with them. ValueError when they cannot be kept."""
        if url == self.url and trust is self._agent.trust and token is None:
            return
        if url != self.url and os.environ.get(_VARIABLE):
            raise ValueError(f"The address comes from {_VARIABLE}: change it there, and restart the Sentry.")
        settings = self._agent.settings
        try:
            await asyncio.to_thread(trust.save, settings.data_dir)
            if url != self.url:
                await asyncio.to_thread(
                    save_commander, settings.data_dir, url, settings.ca_file, insecure_http=settings.insecure_http
                )
        except (OSError, SettingsError) as error:
            raise ValueError(f"The address cannot be stored on this machine: {error}") from None
        self._agent.take_over(msgspec.structs.replace(settings, commander=url), token)
