"""Two ASICs whose logins are secrets, one right and one refused; and what the Sentry's page shows of them."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
from anyio.from_thread import start_blocking_portal

from rigfarm.sentry.asic.lan import LIST_FILE
from rigfarm.sentry.asic.model import Device, Login
from rigfarm.sentry.asic.store import DeviceStore
from rigfarm.sentry.identity.passwords import hash_password
from rigfarm.simulate.asic import FakeAsic
from rigfarm.simulate.commander import free_port
from support.asic_trial import farm_of

__all__ = ["AsicLogins"]


class AsicLogins:
    """What goes into a Sentry's folder, and what its page says."""

    def __init__(self) -> None:
        self.right, self.wrong, self.page_password = (f"asic-{secrets.token_urlsafe(12)}" for _ in range(3))
        self._url = f"http://127.0.0.1:{free_port()}"

    @contextlib.contextmanager
    def devices(self, folder: Path, tokens: list[str]) -> Iterator[str]:
        """They stand on this LAN and in the list of the Sentry of this folder; yields its settings."""
        made = [FakeAsic("antminer-stock", username="op", password=word) for word in (self.right, "another")]
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(farm_of(*made)) as farm:
            store = DeviceStore(folder / LIST_FILE)
            listed = zip(farm.devices, tokens, (self.right, self.wrong), strict=True)
            store.put(
                *(
                    Device(number, ip, f"asic {number}", token, Login("op", password))
                    for number, (ip, token, password) in enumerate(listed, 1)
                )
            )
            store.close()
            address = self._url.removeprefix("http://")
            yield f'ui = "{address}"\nui_password = "{hash_password(self.page_password)}"\nasics = true\n'

    def pages(self) -> str:
        """All that the page shows to who knows its password."""
        with httpx.Client(base_url=self._url, headers={"Origin": self._url}, timeout=20) as browser:
            form = re.search(r'name="csrf" value="(\w+)"', browser.get("/login").text)
            assert form
            answer = browser.post("/login", data={"csrf": form[1], "password": self.page_password})
            assert answer.status_code == 303
            paths = ("/", "/asics", "/asics?values=1", "/asics/add", "/asics/1", "/asics/2", "/asics/2?values=1")
            answers = [browser.get(path) for path in paths]
            assert [answer.status_code for answer in answers] == [200] * len(paths)
            return "\n".join(f"{answer.headers}\n{answer.text}" for answer in answers)
