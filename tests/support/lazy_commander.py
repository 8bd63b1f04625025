"""The whole Commander as an ASGI application that is built when the server that runs it starts."""

from __future__ import annotations

import asyncio
import contextlib

from litestar import Litestar
from litestar.types import ControllerRouterHandler, Receive, Scope, Send

from rigfarm.commander.app import Commander, application, build
from rigfarm.commander.settings import Settings


class LazyCommander:
    """`uvicorn.Config(LazyCommander(settings), lifespan="on")`; its parts are there once the server has started."""

    def __init__(self, settings: Settings, *more: ControllerRouterHandler) -> None:
        self.settings = settings
        self.commander: Commander
        self.app: Litestar
        self.loop: asyncio.AbstractEventLoop
        self._more = more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":  # type: ignore[comparison-overlap]  # Litestar types only what its routes get
            await self.app(scope, receive, send)
            return
        await receive()
        async with contextlib.AsyncExitStack() as stack:
            self.commander = await stack.enter_async_context(build(self.settings))
            self.app = application(self.commander, *self._more)
            self.loop = asyncio.get_running_loop()
            await send({"type": "lifespan.startup.complete"})  # type: ignore[typeddict-item]
            await receive()
        await send({"type": "lifespan.shutdown.complete"})  # type: ignore[typeddict-item]
