"""A page session sends the newest state, rarely, and never the whole past."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from rigfarm.commander.live import Hub, PageSession
from rigfarm.commander.live.session import BYTES_PER_S, FLUSH_INTERVAL_S, Changes
from support.until import until


class Rows:
    """A page that shows one channel and renders each change as `key=payload`."""

    pause_s = 0.0

    def open(self, session: PageSession) -> None:
        session.follow("rows", {1, 2, 3})
        session.follow("rigs", {1})

    async def snapshot(self) -> list[str]:
        return ["snapshot"]

    async def render(self, changes: Changes) -> list[str]:
        return [" ".join(f"{key}={payload}" for (_, key), (_, payload) in changes.items())]

    async def hear(self, message: dict[str, object]) -> None:
        pass

    def urgent(self, channel: str) -> bool:
        return channel == "rigs"


class Socket:
    def __init__(self) -> None:
        self.frames: list[str] = []
        self.times: list[float] = []
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, frame: str) -> None:
        await self.open.wait()
        self.frames.append(frame)
        self.times.append(asyncio.get_running_loop().time())

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.frames) < count:
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def opened(hub: Hub, around: Callable[[], Sequence[str]] = tuple) -> AsyncIterator[tuple[PageSession, Socket]]:
    socket = Socket()
    session = PageSession(hub, Rows(), socket.send, b"", around)
    task = asyncio.create_task(session.run())
    await socket.until(1)
    yield session, socket
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_works() -> None:
    hub = Hub()
    async with opened(hub) as (_, socket):
        hub.publish("rows", "updated", "a", key=1)
        await socket.until(2)
        assert socket.frames == ["snapshot", "1=a"]
    assert hub.subscriptions() == 0


async def test_a_slow_browser_gets_the_newest_state_only() -> None:
    hub = Hub()
    async with opened(hub) as (_, socket):
        socket.open.clear()
        for value in range(1000):
            hub.publish("rows", "updated", value, key=1 + value % 2)
            if not value % 100:
                await asyncio.sleep(0.05)
        socket.open.set()
        await socket.until(3)
        assert len(socket.frames) == 3, "the snapshot, the one that was stuck, and the newest state"
        assert set(socket.frames[-1].split()) == {"1=998", "2=999"}


async def test_operational_changes_leave_at_most_four_times_a_second() -> None:
    hub = Hub()
    async with opened(hub) as (_, socket):
        for value in range(60):
            hub.publish("rows", "updated", value, key=1)
            await asyncio.sleep(0.01)
        # Counted over the whole time: a busy machine delays single frames, and never makes more of them.
        passed = asyncio.get_running_loop().time() - socket.times[0]
        assert 2 <= len(socket.frames) <= passed / FLUSH_INTERVAL_S + 2


async def test_a_page_that_costs_much_is_rendered_rarely_even_when_nothing_is_different() -> None:
    hub, page = Hub(), Rows()
    page.pause_s = 3_600.0
    rendered: list[Changes] = []

    async def render(changes: Changes) -> list[str]:
        rendered.append(changes)
        return []

    page.render = render  # type: ignore[method-assign]
    session = PageSession(hub, page, Socket().send, b"")
    task = asyncio.create_task(session.run())
    await until(lambda: session._not_before > 0.0, "the snapshot was sent")
    session._not_before = 0.0
    hub.publish("rows", "updated", "a", key=1)
    await until(lambda: rendered, "it is rendered once")
    hub.publish("rows", "updated", "b", key=1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert (len(rendered), session._not_before > asyncio.get_running_loop().time() + 3_000) == (1, True)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_rig_change_does_not_wait_for_the_next_flush() -> None:
    hub = Hub()
    async with opened(hub) as (session, socket):
        hub.publish("rows", "updated", "a", key=1)
        await socket.until(2)
        session._not_before += 60  # the next ordinary flush is a minute away
        hub.publish("rows", "updated", "b", key=1)
        await asyncio.sleep(0.05)
        assert len(socket.frames) == 2
        hub.publish("rigs", "updated", "renamed", key=1)
        await socket.until(3)
        assert socket.frames[-1] == "1=b 1=renamed"


async def test_created_then_updated_is_still_created() -> None:
    hub = Hub()
    session = PageSession(hub, Rows(), Socket().send, b"")
    session.deliver("rows", 1, "created", "a")
    session.deliver("rows", 1, "updated", "b")
    assert session._pending == {("rows", 1): ("created", "b")}


async def test_a_page_gets_no_more_than_its_share_of_bytes() -> None:
    """One page of a large farm would take the line of all others."""
    hub = Hub()
    async with opened(hub) as (session, socket):
        hub.publish("rows", "updated", "x" * (60 * BYTES_PER_S), key=1)
        await socket.until(2)
        await asyncio.sleep(0)  # the flush ends after its last frame was sent
        assert session._not_before - socket.times[-1] > 30, "a minute, less what the sending took"


async def test_a_page_hears_of_what_it_shows_now_and_of_nothing_else() -> None:
    """After a change of the view the old rows would go on coming, and their subscriptions stay for ever."""
    hub = Hub()
    async with opened(hub) as (session, socket):
        before = hub.subscriptions()
        session.follow("rows", {3, 4})
        assert hub.subscriptions() == before - 1
        for key in (1, 2, 3, 4):
            hub.publish("rows", "updated", "a", key=key)
        await socket.until(2)
        assert socket.frames[1:] == ["3=a 4=a"]
    assert hub.subscriptions() == 0


async def test_what_stands_around_the_page_is_sent_when_it_is_different() -> None:
    around = ["trouble 0", "sick 5"]
    async with opened(Hub(), lambda: tuple(around)) as (session, socket):
        await socket.until(3)
        assert socket.frames == ["trouble 0", "sick 5", "snapshot"]
        around[1] = "sick 6"
        session.around_changed()
        await socket.until(4)
        session.around_changed()
        session.say("done")
        await socket.until(5)
        assert socket.frames[3:] == ["sick 6", "done"], "only what is different, and only once"
