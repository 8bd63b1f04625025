"""A hall: fake ASICs on the loopback network, read by a real Sentry, in a thread of the test that sees their lights."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from rigfarm.sentry.agent.agent import Agent
from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.lan import LanAsics
from rigfarm.sentry.identity.passwords import hash_password
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.ui.server import serve_page
from rigfarm.simulate.asic import FakeAsic, FakeAsicFarm
from rigfarm.simulate.commander import CommanderProcess, free_port

__all__ = ["asic_hall"]


@contextlib.contextmanager
def asic_hall(
    commander: CommanderProcess, folder: Path, devices: list[FakeAsic], tokens: list[str], network: str
) -> Iterator[None]:
    """They are read while the block runs, each under the token at its position."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    failed: list[Exception] = []

    async def run() -> None:
        asics = LanAsics(folder)
        settings = Settings(
            data_dir=folder,
            commander=commander.url,
            insecure_http=True,
            ui=f"127.0.0.1:{free_port()}",
            ui_password=await asyncio.to_thread(hash_password, "a password of the Sentry"),
        )
        async with FakeAsicFarm(devices, network):
            await asics.wake()
            assert asics.part is not None
            listed = zip(devices, tokens, strict=True)
            await asics.part.service.add(*[Entry(device.ip, f"device {device.ip}", token) for device, token in listed])
            agent = Agent(settings, [asics], serve=serve_page)
            running = asyncio.create_task(agent.run())
            ready.set()
            await stop.wait()
            agent.stop()
            await asyncio.gather(running, return_exceptions=True)

    def live() -> None:
        try:
            loop.run_until_complete(run())
        except Exception as error:  # noqa: BLE001 - the test raises it
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=live, name="hall of ASICs")
    thread.start()
    try:
        ready.wait()
        if failed:
            raise failed[0]
        yield
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
