"""What is kept for searches is never old: after whatever happens to a farm, the same rigs in the same order as if every
one of them were looked at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rigfarm.commander.events import Events, MaintenanceChanged
from rigfarm.commander.live import Hub
from rigfarm.commander.names import name_key, name_sort
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.listing import steps
from rigfarm.commander.rigs.listing.language import parse
from rigfarm.commander.rigs.listing.query import IndexQuery
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rigs.listing.rows import FEW
from rigfarm.commander.rigs.listing.sorting import SORT_KEYS
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.stats import OperationalStats
from rigfarm.common.clock import utc_ms
from rigfarm.wire.log import Device, Devices, OperationalLog, Workload
from rigfarm.wire.specs import Specs

COINS = ("XMR", "KAS", "ETC")
SEARCHES = ("", "rig-1", "-rig-1", "coin:XMR", "-coin:XMR,KAS", "temp>60", "-temp:*", "state:online", "tag:hot",
            "place:hall", "power>150 coin:*", "model:s19", "firmware!=a", "circuit:pdu", "reason:lost", "pool:b",
            "seen<1h", "messages>0", "hashrate>50", "worker", "uptime<1h", "state:maintenance")  # fmt: skip
STATES = ("", "online", "offline", "attention", "maintenance", "waiting")


class Farm:
    """Rigs of which nothing that was found is believed a moment later."""

    def __init__(self) -> None:
        hub, events = Hub(), Events()
        self.events = events
        self.book = Rigs(None, hub, events)  # type: ignore[arg-type]
        self.stats = OperationalStats(hub, events, 5.0)
        self.list = RigList(self.book, self.stats, sorted_for_s=0.0)
        self.t = utc_ms()

    def add(self, rig_id: int, name: str) -> None:
        """A rig that waits."""
        self.book.put(Rig(rig_id, name, "cpu-gpu", 0), rig_id.to_bytes(32, "big"))
        self.stats.add(rig_id, "cpu-gpu")

    def remove(self, rig_id: int) -> None:
        """It is gone."""
        del self.book._names[name_key(self.book.rigs.pop(rig_id).name)]
        self.book.revision += 1
        self.stats.remove(rig_id)
        self.list.forget(rig_id)

    def change(self, rig_id: int, **what: object) -> None:
        """Its record."""
        old = self.book.rigs[rig_id]
        self.book.put(replace(old, revision=old.revision + 1, **what))

    def report(self, rig_id: int, number: int) -> None:
        """One of many different logs."""
        self.t += 1
        coins = [COINS[(number + one) % 3] for one in range(number % 3)]
        workloads = [
            Workload(coin=coin, hashrate=float(number % 100), pool="ab"[number % 2], worker="worker") for coin in coins
        ]
        devices = Devices.from_rows([Device(kind="gpu", index=0, core_c=float(number))] if number % 5 else [])
        messages = ["Xid"] if number % 7 == 0 else []
        self.stats.link_up(rig_id)
        self.stats.receive(
            rig_id,
            OperationalLog(
                t=self.t, power_w=number * 2.0, uptime_s=number * 60.0, workloads=workloads, devices=devices,
                messages=messages,
            ),
        )  # fmt: skip

    def happens(self, what: int, rig_id: int, number: int) -> None:
        """Something to a rig that there may be."""
        if rig_id not in self.book.rigs:
            self.add(rig_id, f"rig-{number}-{rig_id}")
        elif what == 0:
            self.remove(rig_id)
        elif what == 1:
            self.change(rig_id, name=f"other-{number}-{rig_id}")
        elif what == 2:
            self.change(rig_id, tags=("hot",) if number % 2 else (), place=("hall/a", "")[number % 2])
        elif what == 3:
            self.change(rig_id, specs=Specs(sentry_version="1", model=f"S{number}", firmware="ab"[number % 2]))
        elif what == 4:
            self.stats.link_lost(rig_id)
            self.stats.tick(time.monotonic() + 5)
        elif what == 5:
            self.stats.fed_by(self.stats.rigs[rig_id], ("pdu", "")[number % 2])
        elif what == 6:
            self.events.publish(MaintenanceChanged(rig_id, bool(number % 2), ""))
        else:
            self.report(rig_id, number)

    def one_by_one(self, query: IndexQuery) -> list[int]:
        """The answer, without anything that is kept."""
        fresh = RigList(self.book, self.stats)
        left = [one for one in self.book.rigs if fresh.matches(one, parse(query.q))]
        conditions = {one: self.stats.rigs[one].condition for one in left}
        if query.coin:
            left = [one for one in left if query.coin in [s.coin for s in self.stats.rigs[one].contribution.coins]]
        match query.state:
            case "":
                left = [one for one in left if query.q or conditions[one].state != "waiting"]
            case "attention":
                left = [one for one in left if conditions[one].severity]
            case "maintenance":
                left = [one for one in left if conditions[one].maintenance]
            case state:
                left = [one for one in left if conditions[one].state == state]
        left.sort(key=lambda one: name_sort(self.book.rigs[one].name))
        if query.sort == "name":
            return left[::-1] if query.descending else left
        keys = {
            one: [read(self.book.rigs[one], self.stats.rigs[one]) for read in SORT_KEYS[query.sort]] for one in left
        }
        known = sorted(
            (one for one in left if keys[one][0] is not None), key=keys.__getitem__, reverse=query.descending
        )  # type: ignore[arg-type]
        return known + [one for one in left if keys[one][0] is None]


_QUERIES = st.builds(
    IndexQuery,
    kind=st.just("cpu-gpu"),
    q=st.sampled_from(SEARCHES),
    state=st.sampled_from(STATES),
    coin=st.sampled_from(("", "XMR")),
    sort=st.sampled_from(sorted(SORT_KEYS)),
    descending=st.booleans(),
)
_EVENTS = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6), st.integers(0, 130)), max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_EVENTS, _QUERIES), max_size=6), _QUERIES)
def test_the_answer_is_that_of_looking_at_every_rig(
    course: Sequence[tuple[Sequence[tuple[int, int, int]], IndexQuery]], always: IndexQuery
) -> None:
    farm = Farm()
    for happens, asked in course:
        for what, rig_id, number in happens:
            farm.happens(what, rig_id, number)
        for query in (asked, always):
            assert list(farm.list.sorted_ids(query)) == farm.one_by_one(query)
            counts = farm.list.select(query).counts
            left = farm.one_by_one(replace(query, state="", q=query.q or "-name:nothing"))
            states = [farm.stats.rigs[one].condition.state for one in left]
            if query.q or query.coin:
                assert {one: counts.get(one, 0) for one in STATES[1:3]} == {
                    one: states.count(one) for one in STATES[1:3]
                }


def test_many_rigs_that_come_at_once_stand_by_name() -> None:
    farm = Farm()
    for rig_id in range(1, FEW + 10):
        farm.add(rig_id, f"rig-{1000 - rig_id}")
    query = IndexQuery("cpu-gpu", sort="name", state="waiting")
    assert list(farm.list.sorted_ids(query)) == list(range(FEW + 9, 0, -1))
    farm.add(9_000, "rig-995")
    assert list(farm.list.sorted_ids(query))[-6:] == [5, 9_000, 4, 3, 2, 1]
    assert [rig.id for rig in farm.list.waiting("cpu-gpu")][:2] == [9_000, FEW + 9]


async def test_a_large_search_lets_others_have_their_turn(monkeypatch: object) -> None:
    farm = Farm()
    for rig_id in range(1, 3 * steps.SLICE):
        farm.add(rig_id, f"rig-{rig_id}")
    farm.list._sorted_for_s = 60.0
    query = IndexQuery("cpu-gpu", q="rig-1", sort="power")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(steps, "TURN_S", 0.0)  # type: ignore[attr-defined]
    task = asyncio.create_task(other())
    await asyncio.gather(farm.list.prepare(query), farm.list.prepare(query))
    task.cancel()
    assert turns > 10
    found = farm.list._sorted.copy()
    assert len(farm.list.sorted_ids(query)) == 1 + sum(str(one).startswith("1") for one in range(2, 3 * steps.SLICE))
    assert farm.list._sorted == found, "nobody searched again"
