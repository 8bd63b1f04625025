"""`rigfarm commander` in a process of its own, with the small application of these tests in place of the whole one:
what is tested is how it starts, answers and ends, and that must not depend on what else a page shows."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType

from gated import make_app

from rigfarm.commander.cli import commander
from rigfarm.commander.identity.certificate import Certificate
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.server.serve import Served
from rigfarm.commander.settings import Settings


@asynccontextmanager
async def opened(settings: Settings, certificate: Certificate | None) -> AsyncIterator[Served]:
    assert certificate is None
    app, _ = make_app(settings)
    async with app.lifespan():
        yield Served(app, Incidents(), settings.trusted_proxies)


if __name__ == "__main__":
    small = ModuleType("rigfarm.commander.app")
    small.opened = opened  # type: ignore[attr-defined]
    sys.modules["rigfarm.commander.app"] = small
    commander(prog_name="rigfarm commander")
