"""The pages of ASICs, served by a running Sentry that reads a farm of fakes; and a logged-in browser."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator

import httpx
from page_helpers import browsing, csrf

from rigfarm.sentry.asic.lan import LanAsics
from rigfarm.sentry.asic.poller import Pace
from rigfarm.sentry.asic.service import AsicService
from rigfarm.sentry.identity.passwords import hash_password
from rigfarm.sentry.identity.settings import Settings
from support.asic_trial import QUICK
from support.toy_commander import ToyCommander
from support.until import until

__all__ = ["PASSWORD", "Looker", "looking"]

PASSWORD = "eight or more"
PACE = dataclasses.replace(QUICK, reading=4.0)
_HASH = hash_password(PASSWORD)


class Looker:
    """Somebody in front of the page; and the Sentry behind it."""

    def __init__(self, client: httpx.AsyncClient, service: AsicService) -> None:
        self.client = client
        self.service = service

    async def text(self, path: str = "/asics") -> str:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def live(self, path: str = "/asics", **query: str) -> dict[str, object]:
        """What the page's script asks for."""
        answer = await self.client.get(
            path, params={"values": "1", **{k.replace("_", "-"): v for k, v in query.items()}}
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    async def values(self, **query: str) -> dict[str, list[str]]:
        """Key -> text and tone."""
        return (await self.live(**query))["values"]  # type: ignore[return-value]

    async def rows(self, name: str, **query: str) -> list[list[str]]:
        """Key, mark and HTML of a list's rows."""
        lists = (await self.live(**query))["lists"]
        return lists[name][1]  # type: ignore[index, no-any-return]

    async def post(self, path: str, **fields: str) -> httpx.Response:
        data = {name.replace("_", "-"): value for name, value in fields.items()}
        return await self.client.post(path, data={"csrf": await csrf(self.client, "/asics"), **data})

    async def pick(self, path: str, ips: list[str], **fields: str) -> httpx.Response:
        """Send the form of the finds with these ticked."""
        ticked = {f"pick-{ip}": "on" for ip in ips}
        return await self.client.post(path, data={"csrf": await csrf(self.client, "/asics"), **ticked, **fields})

    async def scanned(self, text: str) -> None:
        answer = await self.post("/asics/scan", range=text)
        assert answer.status_code == 303, answer.text
        await until(lambda: self.service.scan and self.service.scan.state == "done", "the end of the scan")

    async def state(self, id: int, state: str) -> None:
        await until(lambda: self.service.device(id).state == state, f"{state} of {id}")


@contextlib.asynccontextmanager
async def looking(
    settings: Settings, commander: ToyCommander | None = None, pace: Pace = PACE
) -> AsyncIterator[Looker]:
    """A Sentry that reads ASICs only, and somebody logged in at its page."""
    lan = LanAsics(settings.data_dir, wanted=True, pace=pace)
    async with browsing(settings, commander, lan, ui_password=_HASH, login=False) as (agent, client):
        agent.link.interval_s = 0.05
        await until(lambda: lan.part)
        secret = await csrf(client, "/login")
        answer = await client.post("/login", data={"csrf": secret, "password": PASSWORD})
        assert answer.status_code == 303
        assert lan.part is not None
        yield Looker(client, lan.part.service)
