"""Devices of every make, read by a real Sentry: judges see what one did, what it ignored, and what it took back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from rigfarm.commander.effects.judges import judge
from rigfarm.commander.effects.model import Before, Seen, Verdict, hashrate_of
from rigfarm.common.clock import utc_ms
from rigfarm.simulate.asic import FakeAsic
from rigfarm.wire.commands import Command, Pause, PoolLogin, PowerLimit, Restart, SetPools
from rigfarm.wire.log import OperationalLog
from support.asic_trial import LOW_PORTS, Sentry, farm_of, sentry
from support.until import until

POOLS = SetPools([PoolLogin("stratum+tcp://eu.pool.example:3333", "wallet.rig-1", "x")])
READINGS = 20
MAKES = ["luxos", "whatsminer", "braiins", *(["antminer-stock", "epic"] if LOW_PORTS else [])]


@pytest.fixture
async def asics(tmp_path: Path) -> AsyncIterator[Sentry]:
    async with sentry(tmp_path, effect_s=0.5) as asics:
        yield asics


async def _next_log(asics: Sentry, token: str) -> OperationalLog:
    """One whose reading began after this moment."""
    seen = len(asics.ear.logs[token])
    await until(lambda: len(asics.ear.logs[token]) > seen + 2, "another log")
    return replace(asics.ear.logs[token][-1], t=utc_ms())


class Told:
    """A device that was told something, and what it did before."""

    def __init__(self, asics: Sentry, token: str, asic: FakeAsic, command: Command, before: OperationalLog) -> None:
        self._asics, self._token, self._command = asics, token, command
        self.asic = asic
        self.since_ms = utc_ms()
        self._before = Before(before.power_w, hashrate_of(before), before.uptime_s)

    async def verdict(self, expected: Verdict) -> Verdict:
        """As it is expected, or the last of many: not every reading asks for everything."""
        for _ in range(READINGS):
            log = await _next_log(self._asics, self._token)
            found = judge(self._command, Seen(self.since_ms, self._before, log, "online")).verdict
            if found == expected:
                break
        return found


async def _tell(asics: Sentry, asic: FakeAsic, token: str, command: Command) -> tuple[Told, str]:
    told = Told(asics, token, asic, command, await _next_log(asics, token))
    asics.service._commands._effect_s = (
        0.5 if asic.ignores_orders else 60.0
    )  # what comes may come late on a busy machine
    state, _ = await asics.part.on_command(token, command)
    return told, state


@pytest.mark.parametrize("make", MAKES)
async def test_what_a_device_did_ignored_and_took_back(asics: Sentry, make: str) -> None:
    async with farm_of(FakeAsic(make, steady=True, restart_s=0.1)) as farm:
        (ip,) = farm.devices
        asic = farm[ip]
        token = await asics.add(ip)
        await asics.reading([token])
        for command in (Pause(), POOLS):
            told, state = await _tell(asics, asic, token, command)
            assert (state, await told.verdict("took-effect")) == ("done", "took-effect"), command
            asic.forget_orders()
            assert await told.verdict("no-effect") == "no-effect", "it was taken back"
            asic.ignores_orders = True
            told, _ = await _tell(asics, asic, token, command)
            assert await told.verdict("no-effect") == "no-effect", "it was ignored"
            asic.ignores_orders = False
        told, _ = await _tell(asics, asic, token, Restart())
        await asics.reading([token])
        assert await told.verdict("took-effect") == "took-effect"


async def test_a_power_limit_is_seen_in_the_power(asics: Sentry) -> None:
    async with farm_of(FakeAsic("braiins", steady=True)) as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        limit = PowerLimit(1_500)
        farm[ip].ignores_orders = True
        told, state = await _tell(asics, farm[ip], token, limit)
        assert (state, await told.verdict("no-effect")) == ("done", "no-effect"), "the device says that it is done"
        farm[ip].ignores_orders = False
        told, _ = await _tell(asics, farm[ip], token, limit)
        assert await told.verdict("took-effect") == "took-effect"
        farm[ip].forget_orders()
        assert await told.verdict("no-effect") == "no-effect"
