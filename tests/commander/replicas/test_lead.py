"""Who leads: taken by comparing and setting, and the one before can do nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from rigfarm.commander.replicas.lead import TAKE_AFTER_S, Lead, Observed
from rigfarm.commander.replicas.model import Seat
from rigfarm.commander.storage import Storage, Tenant


class Clock:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
async def leads(postgresql_url: str) -> AsyncIterator[tuple[Lead, Lead]]:
    both = tuple(Lead(postgresql_url, Tenant(f"rigfarm test {n}", lambda: None)) for n in (1, 2))
    await asyncio.gather(*(one.prepare() for one in both))
    yield both[0], both[1]
    for one in both:
        await one.close()


async def test_of_two_that_see_it_free_one_takes_it(leads: tuple[Lead, Lead]) -> None:
    seen = await leads[0].look()
    assert seen == Seat("", 0, 0)
    terms = await asyncio.gather(*(one.take(seen) for one in leads))
    assert sorted(term or 0 for term in terms) == [0, 1]


async def test_the_one_that_moved_meanwhile_keeps_it(leads: tuple[Lead, Lead]) -> None:
    term = await leads[0].take(await leads[0].look())
    assert term is not None
    seen = await leads[1].look()
    assert await leads[0].keep(term)
    assert await leads[1].take(seen) is None
    seen = await leads[1].look()
    assert await leads[1].take(seen) == term + 1
    assert not await leads[0].keep(term)


async def test_who_leaves_frees_it_at_once(leads: tuple[Lead, Lead]) -> None:
    term = await leads[0].take(await leads[0].look())
    assert term is not None
    assert not Observed().saw(await leads[1].look())
    await leads[0].leave(term)
    assert Observed().saw(await leads[1].look())


def test_a_seat_is_free_when_it_was_seen_to_stand_still() -> None:
    clock = Clock()
    observed = Observed(clock)
    assert not observed.saw(Seat("a", 1, 1))
    clock.s += TAKE_AFTER_S - 0.1
    assert not observed.saw(Seat("a", 1, 2)), "it moved"
    clock.s += TAKE_AFTER_S - 0.1
    assert not observed.saw(Seat("a", 1, 2))
    observed.blind()
    clock.s += 1
    assert not observed.saw(Seat("a", 1, 2)), "nobody could see it meanwhile"
    clock.s += TAKE_AFTER_S
    assert observed.saw(Seat("a", 1, 2))


async def test_the_one_before_loses_its_connections_and_gets_no_new_ones(
    postgresql_url: str, leads: tuple[Lead, Lead]
) -> None:
    ended = []
    tenant = Tenant(leads[0].name, lambda: ended.append(True))
    await leads[0].take(await leads[0].look())
    storage = await Storage.open(postgresql_url, tenant)

    async def change(meanwhile: Awaitable[object] | None = None) -> None:
        async with storage.begin() as tx:
            await tx.execute(text("INSERT INTO meta VALUES ('late', 'change')"))
            if meanwhile is not None:
                await meanwhile

    with pytest.raises(DBAPIError):
        await change(leads[1].take(await leads[1].look()))
    assert not ended, "it was under way"
    with pytest.raises(ConnectionRefusedError, match="Another Commander leads"):
        await change()
    assert ended
    await storage.close()
    rest = await Storage.open(postgresql_url)
    async with rest.read() as tx:
        assert await tx.scalar(text("SELECT count(*) FROM meta WHERE key = 'late'")) == 0
    await rest.close()


async def test_the_key_of_the_farm_is_that_of_the_first(leads: tuple[Lead, Lead]) -> None:
    assert await leads[0].farm_key("first") == "first"
    assert await leads[1].farm_key("second") == "first"


async def test_those_that_follow_say_how_they_do(leads: tuple[Lead, Lead]) -> None:
    await leads[1].say("two", "1.0", 5, "")
    await leads[1].say("two", "1.0", 7, "NATS is away")
    (state,) = await leads[0].others()
    assert (state.name, state.position, state.trouble, state.beat) == ("two", 7, "NATS is away", 2)
    await leads[0].forget("two")
    assert await leads[0].others() == []


async def test_one_that_failed_after_it_took_the_seat_takes_it_again(leads: tuple[Lead, Lead]) -> None:
    one, _ = leads
    assert await one.take(await one.look()) == 1
    assert await one.take(await one.look()) == 2
