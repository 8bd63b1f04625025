"""What happens to a farm: each function does one thing to it, drawn from `chance`, and says what."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeAlias

from invariants import no_program_without_its_sentry
from machines import Farm, RigProcess
from relay import answer

__all__ = ["MISHAPS", "Mishap"]

Mishap: TypeAlias = Callable[[Farm, Random], Awaitable[str]]
DAY_MS = 86_400_000
COMMANDER_TURNS_MS = (2_000, -2_000, 137, 3_600_000, -3_600_000)
"""NTP, and daylight saving by those who keep local time."""
SENTRY_TURNS_MS = (*COMMANDER_TURNS_MS, 5 * DAY_MS, -5 * DAY_MS)


async def kill_commander(farm: Farm, chance: Random) -> str:
    """And start it again."""
    away_s = chance.uniform(0.1, 3.0)
    await asyncio.to_thread(farm.commander.kill)
    await asyncio.sleep(away_s)
    await asyncio.to_thread(farm.commander.start)
    return f"kill -9 of the Commander, away for {away_s:.1f} s"


async def stop_commander(farm: Farm, chance: Random) -> str:
    """In an orderly way."""
    del chance
    await asyncio.to_thread(farm.commander.stop)
    await asyncio.to_thread(farm.commander.start)
    return "restart of the Commander"


async def freeze_commander(farm: Farm, chance: Random) -> str:
    """It doesn't run for a while, and doesn't know."""
    seconds = chance.uniform(0.5, 12.0)
    os.kill(farm.commander.pid, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    os.kill(farm.commander.pid, signal.SIGCONT)
    return f"SIGSTOP of the Commander for {seconds:.1f} s"


async def kill_sentry(farm: Farm, chance: Random) -> str:
    """And start it again."""
    rig, away_s = chance.choice(farm.rigs), chance.uniform(0.0, 3.0)
    await asyncio.to_thread(rig.end)
    await no_program_without_its_sentry(farm)
    await asyncio.sleep(away_s)
    rig.start()
    return f"kill -9 of the Sentry of {rig.name}, away for {away_s:.1f} s"


async def stop_sentry(farm: Farm, chance: Random) -> str:
    """In an orderly way."""
    rig = chance.choice(farm.rigs)
    await asyncio.to_thread(rig.end, signal.SIGTERM)
    await no_program_without_its_sentry(farm)
    rig.start()
    return f"restart of the Sentry of {rig.name}"


async def freeze_sentry(farm: Farm, chance: Random) -> str:
    """It doesn't run for a while, and doesn't know."""
    rig, seconds = chance.choice(farm.rigs), chance.uniform(0.5, 12.0)
    rig.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    rig.signal(signal.SIGCONT)
    return f"SIGSTOP of the Sentry of {rig.name} for {seconds:.1f} s"


async def cut(farm: Farm, chance: Random) -> str:
    """Connections break."""
    rigs = _some(farm, chance)
    for rig in rigs:
        rig.relay.cut()
    return f"connections cut: {_names(rigs)}"


async def hold(farm: Farm, chance: Random) -> str:
    """Cables are pulled, and put back; some connections stay half open."""
    rigs, seconds, forget = _some(farm, chance), chance.uniform(0.5, 10.0), chance.random() < 0.5
    for rig in rigs:
        rig.relay.become("hold")
    await asyncio.sleep(seconds)
    for rig in rigs:
        if forget:
            rig.relay.forget()
        rig.relay.become("forward")
    return f"cable pulled for {seconds:.1f} s{', half-open afterwards' if forget else ''}: {_names(rigs)}"


async def proxy(farm: Farm, chance: Random) -> str:
    """Somebody else answers in the Commander's place."""
    rigs, status = _some(farm, chance), chance.choice(["401 Unauthorized", "410 Gone", "502 Bad Gateway"])
    seconds = chance.uniform(0.5, 5.0)
    for rig in rigs:
        rig.relay.become("answer", answer(status))
    await asyncio.sleep(seconds)
    for rig in rigs:
        rig.relay.become("forward")
    return f"{status} for {seconds:.1f} s: {_names(rigs)}"


async def full_spool(farm: Farm, chance: Random) -> str:
    """A rig reports more than its spool holds while it is alone."""
    rig = chance.choice(farm.rigs)
    rig.relay.become("refuse")
    await asyncio.sleep(0.5)
    rig.signal(signal.SIGUSR1)
    await asyncio.sleep(chance.uniform(1.0, 4.0))
    rig.relay.become("forward")
    return f"full spool of {rig.name}"


async def turn_commanders_clock(farm: Farm, chance: Random) -> str:
    """By seconds, or an hour."""
    wrong_ms = chance.choice(COMMANDER_TURNS_MS)
    farm.clock.write_text(str(wrong_ms))
    return f"the Commander's clock is wrong by {wrong_ms} ms from now on"


async def turn_sentrys_clock(farm: Farm, chance: Random) -> str:
    """By seconds, hours or days."""
    rig, wrong_ms = chance.choice(farm.rigs), chance.choice(SENTRY_TURNS_MS)
    (rig.folder / "clock").write_text(str(wrong_ms))
    return f"the clock of {rig.name} is wrong by {wrong_ms} ms from now on"


async def slow_browsers(farm: Farm, chance: Random) -> str:
    """Until the farm is healed."""
    count = chance.randint(1, 5)
    await farm.open_browsers(count)
    return f"{count} browsers that read a byte a second"


async def remove_rig(farm: Farm, chance: Random) -> str:
    """Sometimes the Commander is killed as soon as it has said so, and sometimes the rig is away. Another rig joins."""
    rig, killed, away = chance.choice(farm.rigs), chance.random() < 0.3, chance.random() < 0.3
    if away:
        rig.relay.become("refuse")
    await farm.api("DELETE", f"/api/rigs/{rig.id}")
    farm.rigs.remove(rig)
    farm.removed.append(rig)
    if killed:
        await asyncio.to_thread(farm.commander.kill)
        await asyncio.to_thread(farm.commander.start)
    rig.relay.become("forward")
    new = await farm.add_rig()
    more = f"{', while it was away' if away else ''}{', then kill -9 of the Commander' if killed else ''}"
    return f"{rig.name} removed{more}; {new.name} joins"


async def rename_rig(farm: Farm, chance: Random) -> str:
    """To a name that no rig had."""
    rig = chance.choice(farm.rigs)
    old, rig.name = rig.name, f"{rig.name.partition('.')[0]}.{chance.getrandbits(32):08x}"
    await farm.api("PATCH", f"/api/rigs/{rig.id}", {"name": rig.name})
    return f"{old} renamed to {rig.name}"


async def change_playbook(farm: Farm, chance: Random) -> str:
    """A new revision for some rigs."""
    rigs, number = _some(farm, chance), chance.randint(1_000, 50_000)
    template = f"-o $CPU_POOL --hashrate {number}"
    await farm.api("PATCH", f"/api/playbooks/{farm.playbook}", {"template": template})
    await farm.api("POST", f"/api/playbooks/{farm.playbook}/apply", {"rigs": [rig.id for rig in rigs]})
    for rig in rigs:
        rig.wanted = True
    return f"a new revision: {_names(rigs)}"


async def stop_or_start(farm: Farm, chance: Random) -> str:
    """A playbook on a rig."""
    rig = chance.choice(farm.rigs)
    rig.wanted = not rig.wanted
    verb = "start" if rig.wanted else "stop"
    await farm.api("POST", f"/api/playbooks/{farm.playbook}/{verb}", {"rigs": [rig.id]})
    return f"{verb} mining on {rig.name}"


MISHAPS: tuple[Mishap, ...] = (
    kill_commander, stop_commander, freeze_commander, kill_sentry, stop_sentry, freeze_sentry, cut, hold, proxy,
    full_spool, turn_commanders_clock, turn_sentrys_clock, slow_browsers, remove_rig, rename_rig, change_playbook,
    stop_or_start,
)  # fmt: skip


def _some(farm: Farm, chance: Random) -> list[RigProcess]:
    return chance.sample(farm.rigs, chance.randint(1, len(farm.rigs)))


def _names(rigs: list[RigProcess]) -> str:
    return ", ".join(rig.name for rig in rigs)
