"""Orders: told once, answered or given up on, each with its own result that stays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from rigfarm.commander import channels
from rigfarm.commander.events import Events, WorkWaiting
from rigfarm.commander.live import Event, Hub
from rigfarm.commander.orders import OrderBook
from rigfarm.commander.orders.broadcasts import ON_RIG, batch_channel
from rigfarm.commander.refusals import Absent, Conflict, Invalid
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.storage import Storage
from rigfarm.common.clock import utc_ms
from rigfarm.wire.frames import Command, CommandResult
from rigfarm.wire.orders import (
    Locate,
    Order,
    Pause,
    PoolOrder,
    PowerLimit,
    Reboot,
    Restart,
    RestartMiner,
    SetPools,
    ShutDown,
)
from rigfarm.wire.specs import Specs

LATER = 10_000.0


class Viewer:
    def __init__(self) -> None:
        self.heard: list[tuple[str, Hashable, Any]] = []

    def deliver(self, channel: str, key: Hashable, event: Event, payload: Any) -> None:
        self.heard.append((channel, key, payload))

    def channel_closed(self, channel: str) -> None:
        self.heard.append((channel, "", "closed"))


async def _state(orders: OrderBook, rig_id: int) -> list[tuple[str, str]]:
    return [(one.state, one.detail) for one in await orders.of_rig(rig_id)]


async def test_it_works(orders: OrderBook, rigs: RigBook, hub: Hub, events: Events) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    viewer = Viewer()
    hub.subscribe(viewer, channels.rig("cpu-gpu", rig.id))
    waiting: list[WorkWaiting] = []
    events.listen(WorkWaiting, waiting.append)
    (order,) = await orders.give(RestartMiner(), [rig.id])
    assert waiting == [WorkWaiting(rig.id)]
    assert await _state(orders, rig.id) == [("queued", "")]

    frames = await orders.waiting(rig.id, 4, connected=False)
    assert frames == [Command(order.id, 4, RestartMiner())]
    await orders.result(rig.id, CommandResult(order.id, 4, "running"))
    await orders.result(rig.id, CommandResult(order.id, 4, "done", "restarted 1 program"))
    assert await _state(orders, rig.id) == [("done", "restarted 1 program")]
    assert [payload.state for _, key, payload in viewer.heard if key == ON_RIG] == [
        "queued", "queued", "running", "done",
    ]  # fmt: skip


async def test_a_rig_is_told_once_even_when_it_drops_in_the_middle(
    orders: OrderBook, rigs: RigBook, storage: Storage, hub: Hub, events: Events
) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    await orders.give(Reboot(), [rig.id])
    first = await asyncio.gather(*(orders.waiting(rig.id, 0, connected=False) for _ in range(5)))
    assert sum(len(frames) for frames in first) == 1
    assert await orders.waiting(rig.id, 0, connected=True) == []
    again = OrderBook(storage, hub, events, rigs)
    await again.load()
    assert await again.waiting(rig.id, 0, connected=True) == [], "nor after a restart of the Commander"
    assert len(again.open_of(rig.id)) == 1


async def test_what_could_not_be_stored_as_told_is_not_told(
    orders: OrderBook, rigs: RigBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    await orders.give(Reboot(), [rig.id])

    async def full(*_: Any) -> None:
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    monkeypatch.setattr("rigfarm.commander.orders.store.save_orders", full)
    with pytest.raises(OperationalError):
        await orders.waiting(rig.id, 0, connected=False)
    monkeypatch.undo()
    assert len(await orders.waiting(rig.id, 0, connected=False)) == 1


async def test_a_rig_that_stays_away_is_given_up_on(orders: OrderBook, rigs: RigBook) -> None:
    away, mute, slow = [(await rigs.create(name, "cpu-gpu"))[0].id for name in ("away", "mute", "slow")]
    await orders.give(Reboot(), [away, mute, slow])
    await orders.waiting(mute, 0, connected=False)
    (frame,) = await orders.waiting(slow, 0, connected=False)
    assert isinstance(frame, Command)
    await orders.result(slow, CommandResult(frame.id, 0, "running"))
    now = time.monotonic()
    await orders.tick(now + 100)
    assert await _state(orders, mute) == [("queued", "")]
    await orders.tick(now + 130)
    assert await _state(orders, mute) == [
        ("failed", "The rig was told and never answered: it may have carried it out.")
    ]
    assert await _state(orders, away) == [("queued", "")]
    await orders.tick(now + 610)
    assert await _state(orders, away) == [("failed", "The rig was not connected: it was never told.")]
    await orders.tick(now + LATER)
    assert await _state(orders, slow) == [("failed", "The rig began and never said how it ended.")]
    assert await orders.waiting(away, 0, connected=True) == [], "too late is never told"


async def test_a_result_after_the_end_changes_nothing(orders: OrderBook, rigs: RigBook) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    other, _ = await rigs.create("rig-02", "cpu-gpu")
    (order,) = await orders.give(Reboot(), [rig.id])
    await orders.waiting(rig.id, 0, connected=False)
    await orders.result(other.id, CommandResult(order.id, 0, "done", "not mine to answer"))
    await orders.result(rig.id, CommandResult(order.id, 0, "queued"))
    await orders.result(rig.id, CommandResult("nonsense", 0, "done"))
    assert await _state(orders, rig.id) == [("queued", "")]
    await orders.result(rig.id, CommandResult(order.id, 0, "refused", "not allowed\x1b[31m\n" + "x" * 5000))
    await orders.result(rig.id, CommandResult(order.id, 0, "done"))
    ((state, detail),) = await _state(orders, rig.id)
    assert (state, detail[:16], len(detail)) == ("refused", "not allowed [31m", 600)


async def test_each_rig_of_a_selection_has_its_own_result(orders: OrderBook, rigs: RigBook, hub: Hub) -> None:
    made = await rigs.create_many([f"rig-{n:04}" for n in range(500)], "cpu-gpu")
    ids = [rig.id for rig, _ in made]
    asic, _ = await rigs.create("asic-01", "asic")
    given = await orders.give(RestartMiner(), [*ids, asic.id, ids[0]])
    assert len({one.batch for one in given}) == 1
    viewer = Viewer()
    hub.subscribe(viewer, batch_channel(given[0].batch))
    frames = await asyncio.gather(*(orders.waiting(rig_id, 0, connected=False) for rig_id in ids))
    assert [len(one) for one in frames] == [1] * 500
    await asyncio.gather(
        *(orders.result(one.rig_id, CommandResult(one.id, 0, "done")) for one in given if one.rig_id != asic.id)
    )
    found = {one.rig_id: (one.state, one.detail) for one in await orders.of_batch(given[0].batch)}
    assert found.pop(asic.id) == ("refused", "asic-01 is an ASIC: “Restart miner” is not for it.")
    assert set(found.values()) == {("done", "")}
    assert len(found) == 500
    assert {key for _, key, payload in viewer.heard if payload.state == "done"} == set(ids)


@pytest.mark.parametrize(
    ("kind", "supports", "order", "refused"),
    [
        ("cpu-gpu", None, Reboot(), False),
        ("cpu-gpu", [], Reboot(), False),
        ("cpu-gpu", ["restart-miner"], Reboot(), True),
        ("cpu-gpu", None, Pause(), True),
        ("asic", None, Restart(), False),
        ("asic", [], Restart(), True),
        ("asic", ["restart", "locate"], Locate(True), False),
        ("asic", ["restart", "locate"], PowerLimit(3000), True),
        ("asic", ["reboot"], Reboot(), False),
        ("asic", None, ShutDown(), True),
    ],
)
async def test_what_a_rig_cannot_do_is_refused_at_once(
    orders: OrderBook, rigs: RigBook, kind: Any, supports: list[str] | None, order: Order, refused: bool
) -> None:
    rig, _ = await rigs.create("rig-01", kind)
    if supports is not None:
        rigs.specs_changed(rig.id, Specs("1", supports=supports))
        await rigs._store_said()
    (given,) = await orders.give(order, [rig.id])
    assert (given.state == "refused") is refused
    assert ("rig-01" in given.detail) is refused
    assert len(await orders.waiting(rig.id, 0, connected=True)) == (not refused)


@pytest.mark.parametrize(
    "order",
    [
        PowerLimit(0),
        PowerLimit(float("nan")),
        PowerLimit(1e308),
        SetPools([]),
        SetPools([PoolOrder("gopher://x:1", "me")]),
        SetPools([PoolOrder("stratum+tcp://x:1", " ")]),
        SetPools([PoolOrder("stratum+tcp://x:1", "me", "x\ny")]),
        SetPools([PoolOrder("stratum+tcp://x:1", "me")] * 9),
    ],
)
async def test_orders_that_make_no_sense_reach_nobody(orders: OrderBook, rigs: RigBook, order: Order) -> None:
    rig, _ = await rigs.create("asic-01", "asic")
    with pytest.raises(Invalid):
        await orders.give(order, [rig.id])
    assert await orders.of_rig(rig.id) == []


async def test_it_needs_rigs_that_exist(orders: OrderBook) -> None:
    with pytest.raises(Invalid):
        await orders.give(Reboot(), [])
    with pytest.raises(Absent):
        await orders.give(Reboot(), [99])


async def test_one_can_be_taken_back_until_the_rig_is_told(orders: OrderBook, rigs: RigBook) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    one, other = (await orders.give(Reboot(), [rig.id]))[0], (await orders.give(ShutDown(), [rig.id]))[0]
    await orders.cancel(one.id)
    assert [frame.order for frame in await orders.waiting(rig.id, 0, connected=True)] == [ShutDown()]  # type: ignore[union-attr]
    with pytest.raises(Conflict, match="told already"):
        await orders.cancel(other.id)
    with pytest.raises(Absent):
        await orders.cancel(one.id)


async def test_a_rig_has_only_so_many_without_a_result(orders: OrderBook, rigs: RigBook) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    states = [(await orders.give(RestartMiner(), [rig.id]))[0].state for _ in range(22)]
    assert states == ["queued"] * 20 + ["refused"] * 2


async def test_a_removed_rig_takes_its_orders_with_it(orders: OrderBook, rigs: RigBook) -> None:
    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    await orders.give(Reboot(), [rig.id])
    await rigs.remove(rig.id)
    await orders.tick(time.monotonic() + LATER)
    assert await orders.latest() == []


async def test_old_results_are_forgotten_and_open_orders_are_not(
    orders: OrderBook, rigs: RigBook, storage: Storage
) -> None:
    from rigfarm.commander.orders import store

    rig, _ = await rigs.create("rig-01", "cpu-gpu")
    (done,) = await orders.give(Reboot(), [rig.id])
    await orders.cancel(done.id)
    await orders.give(Reboot(), [rig.id])
    async with storage.begin() as tx:
        await store.prune(tx, utc_ms() + 1000)
    assert await _state(orders, rig.id) == [("queued", "")]
