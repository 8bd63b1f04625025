"""Where the Commander is, as the pages show and change it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rigfarm.sentry.commander_url import commander_url
from rigfarm.sentry.link import LinkState
from rigfarm.sentry.settings import SettingsError, save_commander
from rigfarm.units import duration

if TYPE_CHECKING:
    from rigfarm.sentry.agent import Agent

__all__ = ["CommanderDesk"]

_VARIABLE = "RIGFARM_COMMANDER"


class CommanderDesk:
    """The Commander of one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    @property
    def url(self) -> str | None:
        """Its address; None: nobody has named one yet."""
        return self._agent.settings.commander

    @property
    def ca_file(self) -> Path | None:
        """Who signed its certificate, if it is the farm's own authority."""
        named = self._agent.settings.ca_file
        return Path(named) if named else None

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

    async def change(self, text: str) -> str:
        """Go on with the Commander at this address; returns it. ValueError says what would be right."""
        url = commander_url(text)
        if url == self.url:
            return url
        if os.environ.get(_VARIABLE):
            raise ValueError(f"The address comes from {_VARIABLE}: change it there, and restart the Sentry.")
        settings = self._agent.settings
        try:
            await asyncio.to_thread(save_commander, settings.data_dir, url, settings.ca_file)
        except (OSError, SettingsError) as error:
            raise ValueError(f"The address cannot be kept on this machine: {error}") from None
        self._agent.take_over(url, settings.ca_file, None)
        return url
