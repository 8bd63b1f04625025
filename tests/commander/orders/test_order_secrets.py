"""A pool's password is told to the rig that gets the order; the database and whoever looks know that there is one."""

from __future__ import annotations

from pathlib import Path

from rigfarm.commander.events import Events
from rigfarm.commander.live import Hub
from rigfarm.commander.orders import OrderBook
from rigfarm.commander.orders.api import order_answer
from rigfarm.commander.rigs.book import RigBook
from rigfarm.commander.storage import Storage
from rigfarm.wire.frames import Command
from rigfarm.wire.orders import PoolOrder, SetPools
from rigfarm.wire.specs import Specs

SECRET = "canary-password"
ORDER = SetPools([PoolOrder("stratum+tcp://pool.test:3333", "me", SECRET), PoolOrder("stratum+tcp://x:1", "me")])


async def _asic(rigs: RigBook) -> int:
    rig, _ = await rigs.create("asic-01", "asic")
    rigs.specs_changed(rig.id, Specs("1", supports=["set-pools"]))
    await rigs._store_said()
    return rig.id


async def test_only_the_rig_is_told_it(orders: OrderBook, rigs: RigBook, tmp_path: Path) -> None:
    rig = await _asic(rigs)
    [given] = await orders.give(ORDER, [rig])
    shown = order_answer(given).order
    assert isinstance(shown, SetPools)
    assert [pool.password for pool in shown.pools] == ["…", "x"]
    [frame] = await orders.waiting(rig, 0, connected=False)
    assert isinstance(frame, Command)
    assert frame.order == ORDER
    assert SECRET not in repr(await orders.latest())
    for path in tmp_path.glob("rigfarm.db*"):
        assert SECRET.encode() not in path.read_bytes()


async def test_a_restart_forgets_it_and_says_so(
    orders: OrderBook, rigs: RigBook, storage: Storage, hub: Hub, events: Events
) -> None:
    rig = await _asic(rigs)
    await orders.give(ORDER, [rig])
    await orders.close()
    again = OrderBook(storage, hub, events, rigs)
    await again.load()
    assert await again.waiting(rig, 0, connected=True) == []
    [one] = await again.of_rig(rig)
    assert one.state == "failed"
    assert "give the order again" in one.detail
    await again.close()
