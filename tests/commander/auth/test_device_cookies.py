"""A browser that has logged in before has password attempts of its own: whoever guesses, from however many addresses,
does not keep the owner out. The cookie that says so opens nothing else."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import argon2
import httpx
import pytest
from gated import PASSWORD, Served, served

from rigfarm.commander.auth.limits import DEVICE_ATTEMPTS, LoginLimits
from rigfarm.commander.auth.password import Password
from rigfarm.commander.settings import Settings
from rigfarm.commander.storage import Storage

PROXY = ["127.0.0.1"]


def _device(browser: httpx.AsyncClient) -> str:
    return next(value for name, value in browser.cookies.items() if name.startswith("rigfarm-device-"))


async def _try(farm: Served, password: str, device: str = "", address: str = "203.0.113.9") -> httpx.Response:
    """A login of a browser that has no session, and this device cookie."""
    port = farm.url.rpartition(":")[2]
    cookies = {f"rigfarm-device-{port}": device} if device else {}
    async with farm.client(cookies=cookies) as browser:
        return await browser.post("/login", data={"password": password}, headers={"X-Forwarded-For": address})


async def _use_up_all(farm: Served) -> None:
    """What strangers have together, from many addresses and the owner's own."""
    number = 0
    while not farm.auth.login_limits.all_blocked:
        number += 1
        await _try(farm, "guess", address=f"198.51.100.{number}" if number > 10 else "203.0.113.9")


async def test_the_owner_gets_in_while_many_addresses_guess(tmp_path: Path) -> None:
    with served(tmp_path, trusted_proxies=PROXY) as farm:
        device = _device(await farm.logged_in())
        await _use_up_all(farm)
        stranger = await _try(farm, PASSWORD, address="192.0.2.1")
        assert stranger.status_code == 429, "the control: without the cookie nobody new gets in"
        assert "a browser that has logged in here before" in stranger.text
        owner = await _try(farm, PASSWORD, device)
        assert owner.status_code == 303
        [incident] = [one for one in farm.auth.incidents.all() if one.source == "many addresses together"]
        assert incident.kind == "sent too many wrong passwords"


async def test_a_cookie_has_ten_attempts_and_then_is_a_stranger(tmp_path: Path) -> None:
    """Whoever steals one gains those ten, and nothing beyond what any stranger has."""
    with served(tmp_path, trusted_proxies=PROXY, login_attempts_per_address=3) as farm:
        device, other = _device(await farm.logged_in()), _device(await farm.logged_in())
        found = [(await _try(farm, "guess", device, f"198.51.100.{n}")).status_code for n in range(DEVICE_ATTEMPTS)]
        assert found == [401] * DEVICE_ATTEMPTS
        found = [(await _try(farm, "guess", device)).status_code for _ in range(5)]
        assert found == [401] * 3 + [429] * 2, "now the address counts"
        assert (await _try(farm, PASSWORD, other)).status_code == 303, "another browser has its own"
        assert len(farm.auth.login_limits._total._hits["all"]) == 3


async def test_right_passwords_use_nothing_up(farm: Served) -> None:
    device = _device(await farm.logged_in())
    for _ in range(DEVICE_ATTEMPTS + 1):
        assert (await _try(farm, PASSWORD, device)).status_code == 303
    assert (await _try(farm, "guess", device)).status_code == 401
    assert len(farm.auth.login_limits._total) == 0


@pytest.mark.parametrize(
    "wrong", ["x", ".", "a.b", "é.x", "x" * 4000, "{nonce}.", "{nonce}.{zeros}", "other.{signature}"]
)
async def test_a_forged_cookie_is_a_stranger(farm: Served, wrong: str) -> None:
    nonce, _, signature = _device(await farm.logged_in()).partition(".")
    forged = wrong.format(nonce=nonce, signature=signature, zeros="0" * len(signature))
    assert farm.auth.devices.find(forged) is None
    assert farm.auth.devices.find(f"{nonce}.{signature}") == nonce


async def test_the_cookie_is_out_of_reach_and_opens_nothing(farm: Served) -> None:
    async with farm.client() as browser:
        answer = await browser.post("/login", data={"password": PASSWORD})
    [line] = [one for one in answer.headers.get_list("set-cookie") if one.startswith("rigfarm-device-")]
    assert "httponly" in line.lower()
    assert "samesite=strict" in line.lower()
    assert int(re.findall(r"max-age=(\d+)", line.lower())[0]) > 365 * 86_400
    name, value = line.partition(";")[0].split("=", 1)
    async with farm.client(cookies={name: value}) as browser:
        assert (await browser.get("/")).status_code == 303
        assert (await browser.get("/api/rigs")).status_code == 401
        session = name.replace("-device", "")
    async with farm.client(cookies={session: value}) as browser:
        assert (await browser.get("/")).status_code == 303


async def test_logging_out_keeps_it_and_signing_out_everywhere_ends_the_others(farm: Served) -> None:
    one, other = await farm.logged_in(), await farm.logged_in()
    before = _device(one)
    await one.post("/logout")
    assert farm.auth.devices.find(_device(one)) is not None
    stolen = _device(other)
    await other.post("/settings/sessions/end-all")
    assert farm.auth.devices.find(before) is None
    assert farm.auth.devices.find(stolen) is None
    assert farm.auth.devices.find(_device(other)) is not None, "who pressed the button can log in again"


async def test_it_outlives_a_restart_and_ends_with_the_password(tmp_path: Path) -> None:
    with served(tmp_path) as farm:
        device = _device(await farm.logged_in())
    with served(tmp_path) as farm:
        assert farm.auth.devices.find(device) is not None
    other = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("another password")
    with served(tmp_path, password_hash=other) as farm:
        assert farm.auth.devices.find(device) is None


async def test_a_flood_of_strangers_does_not_hold_up_the_owner(tmp_path: Path) -> None:
    """Their passwords wait in a queue of their own."""
    slow = argon2.PasswordHasher(time_cost=200, memory_cost=19456, parallelism=1).hash(PASSWORD)
    storage = await Storage.open(f"sqlite:///{tmp_path / 'rigfarm.db'}")
    password = Password()
    await password.establish(storage, Settings(data_dir=tmp_path, password_hash=slow))
    strangers = [asyncio.create_task(password.matches(f"guess {number}")) for number in range(18)]
    await asyncio.sleep(0)
    assert await password.matches(PASSWORD, known=True)
    assert sum(not task.done() for task in strangers) > 10
    for task in strangers:
        task.cancel()
    password.close()
    await storage.close()


async def test_signing_out_everywhere_stops_a_login_that_is_being_checked(
    farm: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thief who knows the password must not slip in at the very moment at which everybody is signed out."""
    owner = await farm.logged_in()
    checking, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    matches = farm.auth.password.matches

    async def held_up(password: str, *, known: bool = False) -> bool:
        loop.call_soon_threadsafe(checking.set)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go_on.wait(), loop))
        return await matches(password, known=known)

    monkeypatch.setattr(farm.auth.password, "matches", held_up)
    thief = asyncio.create_task(_try(farm, PASSWORD))
    await checking.wait()
    assert (await owner.post("/settings/sessions/end-all")).status_code == 303
    go_on.set()
    refused = await thief
    assert refused.status_code == 409
    assert "All logins were ended" in refused.text
    assert "set-cookie" not in refused.headers
    assert len(farm.auth.sessions) == 0


async def test_a_session_that_is_being_written_is_signed_out_too(tmp_path: Path) -> None:
    with served(tmp_path) as farm:
        storage, sessions = farm.auth.sessions.storage, farm.auth.sessions

        async def race() -> None:
            async with storage.begin():  # the database is busy
                making = asyncio.create_task(sessions.create("thief", "::1"))
                await asyncio.sleep(0)
                ending = asyncio.create_task(sessions.end_all())
                await asyncio.sleep(0)
            with pytest.raises(Exception, match="All logins were ended"):
                await making
            await ending

        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(race(), farm.app.state.loop))
        assert len(sessions) == 0
    with served(tmp_path) as farm:
        assert len(farm.auth.sessions) == 0


def test_a_hundred_thousand_addresses_neither_fill_the_memory_nor_gain_anything() -> None:
    clock, admitted = [1000.0], 0
    limits = LoginLimits(10, 100, clock=lambda: clock[0])
    for number in range(100_000):
        attempts = limits.of(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        if attempts.wait_s() == 0:
            attempts.take()
            admitted += 1
        clock[0] += 0.001
        if number % 10_000 == 0:
            assert limits.of("10.0.0.1", "owner").wait_s() == 0, "the owner is not locked out"
    assert admitted <= 200, "100 seconds are at most two windows"
    assert len(limits._address) <= 200
