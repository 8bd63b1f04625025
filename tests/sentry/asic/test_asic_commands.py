"""An operator's order is passed on, looked after, and answered in words: done, refused and why, or without effect."""

from __future__ import annotations

import pytest

from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.simulate.asic import Fault
from rigfarm.simulate.asic.makes import luxos, makes
from rigfarm.wire.commands import Command, Locate, Pause, PoolLogin, PowerLimit, Restart, Resume, SetPools
from support.asic_trial import Sentry, farm_of
from support.until import until

POOL = PoolLogin("stratum+tcp://eu.pool.example:3333", "wallet.rig-1", "x")
EVERYTHING = [Pause(), Resume(), Locate(on=True), Locate(on=False), PowerLimit(3000), SetPools([POOL]), Restart()]
CAN = {
    "antminer-stock": {"pause", "resume", "locate on", "locate off", "set-pools", "restart"},
    "luxos": {"pause", "resume", "locate on", "locate off", "set-pools", "restart"},
    "epic": {"pause", "resume", "locate on", "locate off", "set-pools", "restart"},
    "whatsminer": {"pause", "resume", "locate on", "locate off", "power-limit 3000", "set-pools", "restart"},
    "braiins": {"pause", "resume", "locate on", "locate off", "power-limit 3000", "set-pools", "restart"},
    "iceriver": {"locate on", "locate off"},
    "bitaxe": set[str](),
}


@pytest.mark.parametrize("make", sorted(CAN))
async def test_every_order_to_every_make(asics: Sentry, make: str) -> None:
    async with farm_of(make) as farm:
        (ip,) = farm.devices
        farm[ip].restart_s = 0.3
        token = await asics.add(ip)
        await asics.reading([token])
        outcomes = [await asics.part.on_command(token, order) for order in EVERYTHING]
        done = [words for state, words in outcomes if state == "done"]
        refused = [words for state, words in outcomes if state == "refused"]
        assert len(done) == len(CAN[make]), outcomes
        assert len(done) + len(refused) == len(EVERYTHING), outcomes
        assert set(farm[ip].commands) == CAN[make]
        assert all("cannot do that" in words for words in refused)
        if "set-pools" in CAN[make]:
            assert farm[ip].pools is not None
            assert [(pool.url, pool.user) for pool in farm[ip].pools] == [(POOL.url, POOL.user)]


async def test_the_supported_orders_are_in_the_specs(asics: Sentry) -> None:
    async with farm_of("braiins") as farm:
        token = await asics.add(next(iter(farm.devices)))
        await until(lambda: asics.ear.all_specs[token])
        specs = asics.ear.all_specs[token][0]
        assert specs.supports == ["locate", "pause", "power-limit", "restart", "resume", "set-pools"]


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (PowerLimit(100), "954 to 4500 W"),
        (PowerLimit(9000), "954 to 4500 W"),
        (PowerLimit(float("nan")), "above zero"),
        (PowerLimit(0), "above zero"),
        (SetPools([]), "one and 8 pools"),
        (SetPools([PoolLogin("stratum+tcp://eu.pool.example", "w")]), "lacks the port"),
        (SetPools([PoolLogin("http://eu.pool.example:80", "w")]), "stratum+tcp://host:port"),
        (SetPools([PoolLogin("stratum+tcp://eu.pool.example:99999", "w")]), "from 1 to 65535"),
        (SetPools([PoolLogin("stratum+tcp://eu.pool.example:3333", "w\nrm -rf")]), "without line ends"),
    ],
)
async def test_what_cannot_be_right_is_not_tried(asics: Sentry, order: Command, why: str) -> None:
    async with farm_of("braiins") as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        state, words = await asics.part.on_command(token, order)
        assert (state, why in words) == ("refused", True), words
        assert farm[ip].commands == []


async def test_a_device_that_refuses_says_why(asics: Sentry) -> None:
    async with farm_of("epic") as farm:
        (ip,) = farm.devices
        farm[ip].password = "not the factory's"
        token = await asics.add(ip)
        await asics.reading([token])
        state, words = await asics.part.on_command(token, Locate(on=True))
        assert state in ("refused", "failed"), words
        assert farm[ip].commands == []


async def test_a_yes_without_effect_is_no_success(asics: Sentry, monkeypatch: pytest.MonkeyPatch) -> None:
    """LuxOS whose session is somebody else's: the library says that the restart succeeded."""
    asics.service._commands._effect_s = 0.5
    real = luxos.LuxOs.rpc

    def busy(self, asic, command, request):  # type: ignore[no-untyped-def]
        if command in ("session", "logon", "rebootdevice"):
            raise KeyError(command)
        return real(self, asic, command, request)

    async with farm_of("luxos") as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        monkeypatch.setattr(type(makes()["luxos"]), "rpc", busy)
        state, words = await asics.part.on_command(token, Restart())
        assert (state, "nothing has changed" in words) == ("failed", True), words


async def test_an_order_to_a_device_that_cannot_be_reached(asics: Sentry) -> None:
    async with farm_of("luxos") as farm:
        (ip,) = farm.devices
        token = await asics.add(ip)
        await asics.reading([token])
        farm[ip].fault = Fault.RESET
        await asics.state(token, "unreachable")
        state, words = await asics.part.on_command(token, Restart())
        assert (state, "cannot be reached" in words) == ("failed", True), words


async def test_an_order_for_a_device_that_was_removed(asics: Sentry) -> None:
    (view,) = await asics.service.add(Entry("127.0.0.9", token="rf_" + "a" * 43))
    await asics.service.remove(view.id)
    state, words = await asics.part.on_command("rf_" + "a" * 43, Restart())
    assert (state, words) == ("failed", "This Sentry has no device with that token.")
