"""`make demo`: a living farm on this machine, in a temporary folder; Ctrl-C ends it and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import secrets
import signal
import tempfile
import time
from pathlib import Path

from rigfarm.sentry import logging
from rigfarm.simulate.asic_lan import UNLISTED, AsicLan
from rigfarm.simulate.commander import CommanderProcess, free_port
from rigfarm.simulate.demo_playbooks import give_playbooks
from rigfarm.simulate.farm import SimulatedFarm, this_machine

__all__ = ["main"]

RIGS = 15
"""Twelve with cards, three without: every mining program there is an adapter for runs on one of them."""
ASICS = 40
RACK, ROW = 8, 3
"""Rigs of a rack, racks of a row."""
CIRCUIT_W = {"gpu hall": 650, "asic hall": 2_500}
"""What the circuit of a rack may carry for each of its rigs."""
PORT = 7070
FIRST_NUMBERS_WITHIN_S = 30.0


def main(port: int | None = None, rigs: int = RIGS, asics: int = ASICS) -> None:
    """Run until Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_demo(port, rigs, asics))


async def _demo(port: int | None, rigs: int, asics: int) -> None:
    # So many Sentries in one terminal would talk over each other; what goes wrong is still said.
    logging.configure("error")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    began = time.monotonic()
    password = secrets.token_urlsafe(9)
    with tempfile.TemporaryDirectory(prefix="rigfarm-demo-") as temporary:
        folder = Path(temporary)
        lan = AsicLan(asics, folder / "asic-sentry")
        print(f"Starting a Commander, {rigs} simulated rigs and {lan.count} fake ASICs in {folder} …", flush=True)
        if lan.left_out:
            print(f"Of the ASICs, {lan.left_out}.", flush=True)
        commander = CommanderProcess(folder / "commander", port=port or _port(), password=password)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, commander.stop)
            starting = asyncio.create_task(asyncio.to_thread(commander.start))
            await stack.enter_async_context(lan)
            await starting
            await _live(commander, folder, rigs, lan, began, stop)
    print("The demo has ended; nothing of it is left.")


async def _live(
    commander: CommanderProcess, folder: Path, rigs: int, lan: AsicLan, began: float, stop: asyncio.Event
) -> None:
    names = [platform.node() or "this-machine", *(f"rig-{number:02}" for number in range(1, rigs + 2))]
    made = await asyncio.to_thread(commander.add_rigs, names)
    tokens = [token for _, token in made]
    await asyncio.to_thread(give_playbooks, commander, made[0][0])
    made = await asyncio.to_thread(commander.add_rigs, lan.names, "asic")
    asic_tokens = [token for _, token in made]
    await asyncio.to_thread(_give_places, commander)
    # The last rig has no Sentry: it shows what a rig looks like that waits for its first signal.
    async with (
        this_machine(commander.url, tokens[0], folder / "this-machine"),
        SimulatedFarm(commander.url, tokens[1:-1], folder),
        lan.read(commander.url, asic_tokens),
    ):
        # Plain http, which never leaves this machine: a newcomer's first page should not be a browser's warning.
        print(f"\n    Open      {commander.url}\n    Password  {commander.password}\n", flush=True)
        print(f"    The ASICs' Sentry  {lan.url}\n    Its password       {lan.password}", flush=True)
        print(f"    A scan of {lan.network} finds {UNLISTED} more to enrol.\n", flush=True)
        await _first_numbers(commander, rigs + 1, lan.count, stop)
        print(f"Live after {time.monotonic() - began:.1f} s. Ctrl-C ends it.", flush=True)
        await stop.wait()
        print("\nEnding …", flush=True)


def _give_places(commander: CommanderProcess) -> None:
    """Each kind in a hall of its own; some have a tag."""
    rigs = commander.api("GET", "/api/rigs?kind=cpu-gpu&limit=1000&sort=name")
    asics = commander.api("GET", "/api/rigs?kind=asic&limit=1000&sort=name")
    assert isinstance(rigs, list)
    assert isinstance(asics, list)
    for hall, listed in zip(CIRCUIT_W, (rigs, asics), strict=True):
        for start in range(0, len(listed), RACK):
            some = [rig["id"] for rig in listed[start : start + RACK]]
            place = f"{hall}/row-{1 + start // RACK // ROW}/rack-{1 + start // RACK % ROW}"
            commander.api("POST", "/api/rigs/labels", {"rigs": some, "place": place})
            name = f"PDU of {place.replace('/', ' ')}"
            circuit = {"name": name, "limit_w": CIRCUIT_W[hall] * len(some), "places": [place]}
            commander.api("POST", "/api/circuits", circuit)
    solar = [rig["id"] for rig in [*rigs, *asics][::5]]
    commander.api("POST", "/api/rigs/labels", {"rigs": solar, "add_tags": ["solar"]})


async def _first_numbers(commander: CommanderProcess, rigs: int, asics: int, stop: asyncio.Event) -> None:
    deadline = time.monotonic() + FIRST_NUMBERS_WITHIN_S
    while time.monotonic() < deadline and not stop.is_set():
        stats = await asyncio.to_thread(commander.api, "GET", "/api/stats")
        assert isinstance(stats, dict)
        if stats["cpu-gpu"]["alive"] >= rigs and stats["asic"]["alive"] >= asics:
            return
        await asyncio.sleep(0.2)


def _port() -> int:
    """The Commander's usual port where it is free, so that the address is easy to remember."""
    import socket

    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return free_port()
    return PORT


if __name__ == "__main__":
    main()
