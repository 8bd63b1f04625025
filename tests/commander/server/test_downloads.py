"""Who fetches a file has a place among others, reads it at a least rate, and may still have it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from rigfarm.commander.server.connections import Connections
from rigfarm.commander.server.downloads import GRACE_S, LEAST_RATE, Downloads
from rigfarm.commander.server.incidents import Incidents


class Peer:
    """Our end of the connection on which it is fetched."""

    aborted = False

    def check(self, now: float) -> None: ...

    def abort(self) -> None:
        self.aborted = True

    def unread(self) -> int:
        return 0

    def authenticated(self) -> None: ...


class Fetch:
    """One who fetches ten pieces of 1 MiB."""

    def __init__(self, downloads: Downloads, key: str, allowed: Callable[[], bool] = lambda: True) -> None:
        self.peer = Peer()
        connection = Connections(Incidents()).admit("192.0.2.7")
        assert connection is not None
        connection.peer = self.peer
        self.closed = False
        scope: Any = {"state": {"connection": connection}}
        self.pieces = downloads.send(key, scope, self._pieces(), 10 << 20, allowed)

    async def _pieces(self) -> AsyncGenerator[bytes]:
        try:
            for _ in range(10):
                yield bytes(1 << 20)
        finally:
            self.closed = True


async def test_places_are_counted_for_each_and_in_all_and_given_back() -> None:
    downloads = Downloads(4, 2)
    running = [Fetch(downloads, key) for key in "aab"]
    for one in running:
        await anext(aiter(one.pieces))
    assert (downloads.full("a"), downloads.full("b"), len(downloads)) == (True, False, 3)
    running.append(Fetch(downloads, "c"))
    await anext(aiter(running[-1].pieces))
    assert downloads.full("d")
    for one in running:
        assert len([piece async for piece in one.pieces]) == 9
    assert len(downloads) == 0
    assert not any(one.peer.aborted for one in running)
    assert all(one.closed for one in running)


async def test_who_is_no_longer_allowed_gets_no_further_piece() -> None:
    allowed = [True]
    downloads = Downloads(4, 2)
    one = Fetch(downloads, "a", lambda: allowed[0])
    got = 0
    async for _ in one.pieces:
        got += 1
        allowed[0] = got < 3
    assert got == 3
    assert one.peer.aborted
    assert one.closed
    assert len(downloads) == 0


async def test_who_reads_slowly_makes_room_for_others() -> None:
    now = [0.0]
    downloads = Downloads(4, 2, clock=lambda: now[0])
    for rate, finishes in ((LEAST_RATE * 1.1, True), (LEAST_RATE * 0.9, False)):
        one = Fetch(downloads, "a")
        got = 0
        async for _ in one.pieces:
            got += 1
            now[0] += (1 << 20) / rate
        assert (got == 10) == finishes
        assert got * (1 << 20) / rate >= GRACE_S
        assert one.peer.aborted != finishes
