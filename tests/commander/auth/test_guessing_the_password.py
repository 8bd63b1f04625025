"""Guessing is slow for everybody together, and does not lock out who is in. HTTP and WebSockets count alike."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest
from gated import PASSWORD, served
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from rigfarm.commander.auth.hashing import BusyError, Hasher, hash_password
from rigfarm.commander.auth.limits import LoginLimits, RateLimit


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def _guess(client: httpx.AsyncClient, count: int, addresses: int = 1) -> Counter[int]:
    """Wrong passwords from so many addresses, as a trusted proxy names them; the answers' status codes."""
    found: Counter[int] = Counter()
    for number in range(count):
        headers = {"X-Forwarded-For": f"198.51.{number % addresses // 250}.{number % addresses % 250 + 1}"}
        answer = await client.post("/login", data={"password": f"guess {number}"}, headers=headers)
        found[answer.status_code] += 1
    return found


async def test_one_address_gets_ten_guesses_and_the_owner_stays_in(tmp_path: Path) -> None:
    with served(tmp_path) as farm:
        owner = await farm.logged_in()
        async with farm.client() as attacker:
            found = await _guess(attacker, 40)
            assert found == {401: 10, 429: 30}
            right = await attacker.post("/login", data={"password": PASSWORD})
            assert right.status_code == 429, "whoever guesses on does not learn that it was right"
            assert 0 < int(right.headers["retry-after"]) <= 61
            assert "Too many wrong passwords" in right.text
        assert (await owner.get("/")).status_code == 200
        async with connect(f"ws://{farm.host}/live", origin=farm.url, additional_headers=_cookies(owner)) as page:
            assert await page.recv() == "live"


async def test_an_address_that_a_stranger_claims_is_not_believed(tmp_path: Path) -> None:
    with served(tmp_path) as farm:
        async with farm.client() as attacker:
            assert (await _guess(attacker, 30, addresses=30)) == {401: 10, 429: 20}


async def test_what_comes_before_the_last_proxy_is_not_believed(tmp_path: Path) -> None:
    with served(tmp_path, trusted_proxies=["127.0.0.1"]) as farm:
        async with farm.client() as attacker:
            found: Counter[int] = Counter()
            for number in range(15):
                headers = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.1"}
                found[(await attacker.post("/login", data={"password": "x"}, headers=headers)).status_code] += 1
            assert found == {401: 10, 429: 5}


async def test_guesses_at_the_same_moment_all_count(tmp_path: Path) -> None:
    with served(tmp_path) as farm:
        async with farm.client(limits=httpx.Limits(max_connections=64)) as attacker:
            guesses = [attacker.post("/login", data={"password": "x"}) for _ in range(64)]
            found = Counter(answer.status_code for answer in await asyncio.gather(*guesses))
    assert found == {401: 10, 429: 54}


async def test_right_passwords_do_not_count(tmp_path: Path) -> None:
    with served(tmp_path, login_attempts_per_address=3) as farm:
        for _ in range(6):
            await farm.logged_in()
        assert len(farm.auth.login_limits._address) == 0


async def test_wrong_api_keys_are_limited_over_http_and_sockets_together(tmp_path: Path) -> None:
    with served(tmp_path) as farm:
        owner = await farm.logged_in()
        async with farm.client() as attacker:
            found: Counter[int] = Counter()
            for number in range(20):
                headers = {"Authorization": f"Bearer rk_{number}"}
                found[(await attacker.get("/api/rigs", headers=headers)).status_code] += 1
            assert found == {401: 10, 429: 10}
        for _ in range(3):
            with pytest.raises(InvalidStatus) as refused:
                await connect(
                    f"ws://{farm.host}/live", origin=farm.url, additional_headers={"Authorization": "Bearer x"}
                )
            assert refused.value.response.status_code == 403
        assert (await owner.get("/api/rigs")).status_code == 200, "a login is no key"


async def test_passwords_are_never_checked_all_at_once() -> None:
    hasher = Hasher(at_once=1, waiting=2)
    hashed = hash_password("farm")
    answers = await asyncio.gather(*(hasher.verify(hashed, "farm") for _ in range(8)), return_exceptions=True)
    assert [answer for answer in answers if answer is True] == [True] * 3
    assert sum(isinstance(answer, BusyError) for answer in answers) == 5
    assert await hasher.verify(hashed, "farm")
    hasher.close()


async def test_checking_a_password_does_not_hold_the_others_up(tmp_path: Path) -> None:
    """While passwords are checked other requests are answered: none waits for a check to end."""
    with served(tmp_path, password=PASSWORD, password_hash=None) as farm:
        owner = await farm.logged_in()
        async with farm.client() as guesser:
            guesses = [asyncio.create_task(guesser.post("/login", data={"password": "x"})) for _ in range(8)]
            answered = 0
            while not all(guess.done() for guess in guesses):
                assert (await owner.get("/rigs/1")).status_code == 200
                answered += 1
            assert [guess.result().status_code for guess in guesses] == [401] * 8
    assert answered > 8


def _cookies(client: httpx.AsyncClient) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}


def test_a_window_slides() -> None:
    clock = Clock()
    limit = RateLimit(3, 60, clock=clock)
    for _ in range(3):
        assert not limit.blocked("a")
        limit.hit("a")
        clock.now += 10
    assert limit.wait_s("a") == 30
    assert not limit.blocked("b")
    clock.now += 30
    assert not limit.blocked("a"), "the first of the three is a minute old"
    limit.hit("a")
    assert limit.wait_s("a") == 10


def test_never_more_than_the_limit_in_any_window() -> None:
    clock = Clock()
    limit = LoginLimits(10, 100, clock=clock)
    admitted: list[tuple[float, str]] = []
    for step in range(30_000):
        address = f"10.0.{step % 7}.1"
        attempts = limit.of(address)
        if attempts.wait_s() == 0:
            attempts.take()
            admitted.append((clock.now, address))
        clock.now += 0.01
    for at, _ in admitted:
        window = [one for when, one in admitted if at <= when < at + 60]
        assert len(window) <= 100
        assert max(Counter(window).values()) <= 10


def test_memory_is_bounded() -> None:
    clock = Clock()
    limit = RateLimit(5, 60, max_addresses=100, clock=clock)
    for number in range(10_000):
        limit.hit(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(limit) == 100
    clock.now += 61
    limit.hit("a")
    assert len(limit) == 1


def test_a_forgiven_hit_is_none() -> None:
    limit = RateLimit(1)
    limit.hit("a")
    limit.forgive("a")
    assert not limit.blocked("a")
    assert len(limit) == 0
    limit.forgive("never seen")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("fe80::1%eth0", "fe80::1%eth0", True),
        ("unknown:thing", "unknown:thing", True),
    ],
)
def test_an_ipv6_network_is_one_address(one: str, other: str, same: bool) -> None:
    limit = RateLimit(1)
    limit.hit(one)
    assert limit.blocked(other) is same
