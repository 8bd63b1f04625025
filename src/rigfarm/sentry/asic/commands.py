"""An operator's command to a device, from "may it?" to "did it?", in words."""

from __future__ import annotations

import asyncio
import time

from msgspec.structs import replace

from rigfarm.common.pool_url import MAX_POOLS, BadPoolUrlError, asic_pool
from rigfarm.sentry.agent.parts import CommandOutcome
from rigfarm.sentry.asic import clean
from rigfarm.sentry.asic.answer import DeviceAnswer
from rigfarm.sentry.asic.conversations import Conversations
from rigfarm.sentry.asic.readers.base import Reader, ReadingError, Refused, Scope
from rigfarm.sentry.asic.unit import Unit
from rigfarm.wire.commands import Command, Locate, Pause, PowerLimit, Restart, Resume, SetPools

__all__ = ["Commands"]

_OBEY_S = 30.0
_READ_S = 8.0
_AT_ONCE = 64
"""An operator may give one command to a thousand devices: they follow in waves."""
_DONE = {
    Restart: "It restarts.",
    Pause: "It has stopped hashing.",
    Resume: "It is hashing again.",
    SetPools: "It is mining to the new pools.",
}


class Commands:
    """Passes commands on and looks whether they took effect: some firmwares say yes and do nothing."""

    def __init__(self, conversations: Conversations, effect_s: float = 60.0, look_every_s: float = 2.0) -> None:
        self._conversations = conversations
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._effect_s = effect_s
        self._look_every_s = look_every_s

    async def carry_out(self, unit: Unit, command: Command) -> CommandOutcome:
        """What came of it: done, refused by us or the device, or failed."""
        async with self._at_once:
            return await self._carry_out(unit, command)

    async def _carry_out(self, unit: Unit, command: Command) -> CommandOutcome:
        reader = unit.reader
        if reader is None or unit.state != "reading":
            return "failed", f"It cannot be reached now: {unit.detail or 'it was not read yet.'}"
        try:
            command = _checked(reader, unit, command)
            async with self._conversations.with_device(unit.ip), asyncio.timeout(_OBEY_S):
                await reader.obey(command)
        except Refused as refusal:
            return "refused", clean.text(str(refusal), 300) or "The device refused it."
        except TimeoutError:
            return "failed", f"The device did not answer within {_OBEY_S:.0f} s."
        try:
            return await self._effect(unit, reader, command)
        finally:
            unit.nudge()

    async def _effect(self, unit: Unit, reader: Reader, command: Command) -> CommandOutcome:
        """Look until the device shows the effect."""
        if isinstance(command, PowerLimit):
            return "done", f"It accepted a power limit of {command.watts:.0f} W."
        before = unit.reading.uptime_s if unit.reading else None
        until = time.monotonic() + self._effect_s
        while time.monotonic() < until:
            seen = _shows(command, await self._look(unit, reader), before)
            if seen is not None:
                return "done", seen
            await asyncio.sleep(self._look_every_s)
        return "failed", f"It did not refuse, but {self._effect_s:.0f} s later nothing has changed."

    async def _look(self, unit: Unit, reader: Reader) -> DeviceAnswer:
        """A fresh reading; silent if there is none to be had."""
        try:
            async with self._conversations.with_device(unit.ip), asyncio.timeout(_READ_S):
                return await reader.read(Scope.WHOLE)
        except (ReadingError, TimeoutError):
            return DeviceAnswer()


def _checked(reader: Reader, unit: Unit, command: Command) -> Command:
    """The command as it is given to the device. Raises Refused for what need not be tried."""
    name = _name(command)
    if name not in reader.nature.supports:
        what = " ".join(part for part in (reader.nature.what, f"with {reader.nature.firmware}") if part)
        raise Refused(f"{what} cannot do that ({name}).")
    if isinstance(command, PowerLimit):
        _check_power(unit, command.watts)
    return _check_pools(command) if isinstance(command, SetPools) else command


def _check_power(unit: Unit, watts: float) -> None:
    specs = unit.specs
    low, high = (specs.power_limit_min_w, specs.power_limit_max_w) if specs else (None, None)
    if clean.power(watts) is None or not watts:
        raise Refused("A power limit is a number of watts above zero.")
    if (low is not None and watts < low) or (high is not None and watts > high):
        raise Refused(f"{watts:.0f} W is outside what it accepts: {low or 0:.0f} to {high or 0:.0f} W.")


def _check_pools(command: SetPools) -> SetPools:
    """The pools in the way firmwares take them. The Commander judges by the same rule."""
    if not 1 <= len(command.pools) <= MAX_POOLS:
        raise Refused(f"Between one and {MAX_POOLS} pools are needed.")
    try:
        pools = [replace(pool, url=asic_pool(pool.url, pool.user, pool.password)) for pool in command.pools]
    except BadPoolUrlError as error:
        raise Refused(str(error)) from None
    return replace(command, pools=pools)


def _name(command: Command) -> str:
    """Its name on the wire."""
    return str(type(command).__struct_config__.tag)


def _shows(command: Command, answer: DeviceAnswer, uptime_before: float | None) -> str | None:
    """The sentence for an effect that is visible in this answer, or None."""
    match command:
        case Restart():
            seen = answer.silent or (answer.uptime_s is not None and answer.uptime_s < (uptime_before or 0))
        case Pause():
            seen = not answer.silent and (answer.mining is False or answer.hashrate == 0)
        case Resume():
            seen = not answer.silent and answer.mining is not False
        case Locate(on=on):
            return _blinks(answer, on)
        case SetPools(pools=pools):
            seen = [pool.url for pool in answer.pools][:1] == [pools[0].url]
        case _:
            seen = True
    return _DONE.get(type(command), "Done.") if seen else None


def _blinks(answer: DeviceAnswer, on: bool) -> str | None:
    if answer.silent or answer.light not in (on, None):
        return None
    if answer.light is None:
        return "It accepted the command, but doesn't report whether it blinks."
    return "It blinks." if on else "It no longer blinks."
