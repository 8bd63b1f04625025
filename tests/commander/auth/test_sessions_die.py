"""A session that ended is refused from that moment, on open sockets too, whatever ended it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from gated import Served, served
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rigfarm.commander.auth import Sessions
from rigfarm.commander.storage import Storage
from rigfarm.wire.tokens import hash_token

DAY_S = 86_400


async def _page(farm: Served, browser: httpx.AsyncClient) -> ClientConnection:
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    page = await connect(f"ws://{farm.host}/live", origin=farm.url, additional_headers={"Cookie": cookie})
    assert await page.recv() == "live"
    return page


async def _closed(page: ClientConnection) -> int | None:
    """The code an open page is closed with; fails when it stays open."""
    with pytest.raises(ConnectionClosed) as closed:
        await asyncio.wait_for(page.recv(), 60)
    return closed.value.rcvd.code if closed.value.rcvd else None


async def _is_dead(farm: Served, cookies: dict[str, str]) -> None:
    async with farm.client(cookies=cookies) as old:
        answers = await asyncio.gather(*(old.get("/api/rigs") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {401}
        with pytest.raises(InvalidStatus) as refused:
            await _page(farm, old)
        assert refused.value.response.status_code == 403


async def test_logging_out_closes_its_live_pages_and_no_others(farm: Served) -> None:
    one, other = await farm.logged_in(), await farm.logged_in()
    cookies = dict(one.cookies)
    ones, others = await _page(farm, one), await _page(farm, other)
    await one.post("/logout")
    assert await _closed(ones) == 4401
    await _is_dead(farm, cookies)
    assert (await other.get("/")).status_code == 200
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(others.recv(), 0.05)
    await others.close()


async def test_signing_another_one_out_from_the_list(farm: Served) -> None:
    me = await farm.logged_in(headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
    thief = await farm.logged_in(headers={"User-Agent": "<script>alert(1)</script>"})
    page, cookies = await _page(farm, thief), dict(thief.cookies)

    listed = (await me.get("/settings/sessions")).text
    assert "Firefox on Linux" in listed
    assert "127.0.0.1" in listed
    assert "<script>" not in listed
    assert listed.count(">this one<") == 1
    rows = re.findall(r'action="/settings/sessions/([0-9a-f]{64})/end"', listed)
    theirs = hash_token(next(iter(cookies.values()))).hex()
    assert len(rows) == 2
    assert theirs in rows

    done = await me.post(f"/settings/sessions/{theirs}/end")
    assert (done.status_code, done.headers["location"]) == (303, "/settings/sessions")
    assert await _closed(page) == 4401
    await _is_dead(farm, cookies)
    assert (await me.get("/")).status_code == 200
    again = await me.post(f"/settings/sessions/{theirs}/end")
    assert again.status_code == 303, "that it has ended already is no error"
    assert (await me.post("/settings/sessions/nonsense/end")).status_code == 303


async def test_signing_out_everywhere(farm: Served) -> None:
    browsers = [await farm.logged_in() for _ in range(4)]
    pages = [await _page(farm, browser) for browser in browsers]
    cookies = [dict(browser.cookies) for browser in browsers]
    done = await browsers[0].post("/settings/sessions/end-all")
    assert (done.status_code, done.headers["location"]) == (303, "/login")
    for page, old in zip(pages, cookies, strict=True):
        assert await _closed(page) == 4401
        await _is_dead(farm, old)
    assert len(farm.auth.sessions) == 0


@pytest.mark.parametrize("which", ["session_idle_days", "session_absolute_days"])
async def test_an_expired_session_closes_its_live_pages(
    tmp_path: Path, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(tmp_path, **{which: 5}) as farm:
        browser = await farm.logged_in()
        page, cookies = await _page(farm, browser), dict(browser.cookies)
        monkeypatch.setattr(farm.auth.sessions, "_clock", lambda: time.monotonic() + 5 * DAY_S)
        assert await _closed(page) == 4401
        await _is_dead(farm, cookies)


async def test_sessions_outlive_a_restart_and_ended_ones_do_not_come_back(tmp_path: Path) -> None:
    with served(tmp_path) as farm:
        living, dead = await farm.logged_in(), await farm.logged_in()
        cookies = [next(iter(browser.cookies.values())) for browser in (living, dead)]
        await dead.post("/logout")
    with served(tmp_path) as farm:
        name = f"rigfarm-{farm.url.rpartition(':')[2]}"
        for cookie, status in zip(cookies, (200, 401), strict=True):
            async with farm.client(cookies={name: cookie}) as browser:
                assert (await browser.get("/api/rigs")).status_code == status


async def test_made_up_cookies_open_nothing(farm: Served) -> None:
    browser = await farm.logged_in()
    name, value = next(iter(browser.cookies.items()))
    hashed = hash_token(value)
    for wrong in ("", "x", value[:-1], value + "x", value.swapcase(), hashed.hex(), "x" * 5000):
        async with farm.client(headers={"Cookie": f"{name}={wrong}"}) as stranger:
            assert (await stranger.get("/api/rigs")).status_code == 401, wrong


# The book itself, on clocks of its own


class Clocks:
    """Monotonic seconds and wall-clock milliseconds that a test moves."""

    def __init__(self) -> None:
        self.mono = 500.0
        self.wall_ms = 1_700_000_000_000

    def pass_s(self, seconds: float) -> None:
        self.mono += seconds
        self.wall_ms += int(seconds * 1000)


@pytest.fixture
async def storage(tmp_path: Path) -> Storage:
    return await Storage.open(f"sqlite:///{tmp_path}/rigfarm.db")


async def _sessions(storage: Storage, clocks: Clocks, **options: int) -> Sessions:
    book = Sessions(100, 1000, clock=lambda: clocks.mono, now_ms=lambda: clocks.wall_ms, **options)
    await book.load(storage)
    return book


async def test_use_keeps_a_session_until_its_absolute_end(storage: Storage) -> None:
    clocks = Clocks()
    book = await _sessions(storage, clocks)
    ended: list[bytes] = []
    book.on_end(ended.append)
    used, unused = await book.create("one", "::1"), await book.create("two", "::1")
    for _ in range(9):
        clocks.pass_s(99)
        assert book.find(used, "::2") is not None
        book.sweep()
    assert ended == [hash_token(unused)]
    assert book.find(unused, "::1") is None
    clocks.pass_s(108.9)
    assert book.find(used, "::1") is None, "idle for too long"
    assert ended == [hash_token(unused), hash_token(used)]

    again = await book.create("three", "::1")
    for _ in range(20):
        clocks.pass_s(49.9)
        assert book.find(again, "::1") is not None
    clocks.pass_s(2.1)
    assert book.sweep() == 1, "however much it was used"
    await storage.close()


@pytest.mark.parametrize("jump_s", [5 * DAY_S, -5 * DAY_S, 3600, -3600])
async def test_a_clock_that_jumps_ends_nothing_and_saves_nothing(storage: Storage, jump_s: int) -> None:
    clocks = Clocks()
    book = await _sessions(storage, clocks)
    secret = await book.create("one", "::1")
    clocks.wall_ms += jump_s * 1000
    assert book.sweep() == 0
    assert book.find(secret, "::1") is not None
    clocks.pass_s(100)
    assert book.sweep() == 1
    await storage.close()


async def test_a_restart_counts_the_time_between(storage: Storage) -> None:
    clocks = Clocks()
    book = await _sessions(storage, clocks)
    secret = await book.create("one", "::1")
    clocks.pass_s(90)
    assert book.find(secret, "::9") is not None
    await book.flush()
    for away, living in ((90.0, True), (20.0, False)):
        clocks.mono = 3.0
        clocks.wall_ms += int(away * 1000)
        book = await _sessions(storage, clocks)
        assert [session.address for session in book.all()] == (["::9"] if living else [])
        await book.flush()
    async with storage.read() as tx:
        assert (await tx.exec_driver_sql("SELECT count(*) FROM sessions")).scalar() == 0
    await storage.close()


async def test_the_number_of_sessions_is_bounded_by_the_longest_unused(storage: Storage) -> None:
    clocks = Clocks()
    book = await _sessions(storage, clocks, limit=3)
    secrets = []
    for number in range(3):
        clocks.pass_s(1)
        secrets.append(await book.create(str(number), "::1"))
    clocks.pass_s(1)
    book.find(secrets[0], "::1")
    await book.create("one more", "::1")
    assert len(book) == 3
    assert [book.find(secret, "::1") is not None for secret in secrets] == [True, False, True]
    await storage.close()


async def test_touching_is_use(storage: Storage) -> None:
    clocks = Clocks()
    book = await _sessions(storage, clocks)
    secret = await book.create("one", "::1")
    clocks.pass_s(99)
    assert book.touch(hash_token(secret))
    clocks.pass_s(99)
    assert book.find(secret, "::1") is not None
    await book.end(hash_token(secret))
    assert not book.touch(hash_token(secret))
    await storage.close()


async def test_a_session_ends_even_when_the_database_cannot_be_written(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = await _sessions(storage, Clocks())
    secret = await book.create("one", "::1")
    begin: Callable[[], object] = storage.begin

    def full(**_: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "begin", full)
    with pytest.raises(OSError, match="No space"):
        await book.end(hash_token(secret))
    assert book.find(secret, "::1") is None
    monkeypatch.setattr(storage, "begin", begin)
    await book.flush()
    assert len(await _sessions(storage, Clocks())) == 0
    await storage.close()


async def test_who_was_signed_out_everywhere_stays_so_after_a_kill(storage: Storage) -> None:
    """A stolen cookie would be good again after a loss of power: the sessions are deleted before the answer is sent."""
    book = await _sessions(storage, Clocks())
    for name in ("mine", "the thief's"):
        await book.create(name, "::1")
    assert await book.end_all() == 2
    assert len(await _sessions(storage, Clocks())) == 0, "nothing was flushed in between"
    await storage.close()
