"""Pools and wallets: added, changed, removed, and never removed from under those who use them without a word."""

from __future__ import annotations

from collections.abc import Hashable

import pytest
from msgspec.structs import replace

from rigfarm.commander.addresses import AddressBook, AddressForm
from rigfarm.commander.addresses.broadcasts import CHANNEL
from rigfarm.commander.events import AddressChanged, Events
from rigfarm.commander.live import Event, Hub
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Conflict, Invalid
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage, Use

POOL = AddressForm("Example pool", "pool", "XMR", urls=["stratum+ssl://pool.example:3333"])
WALLET = AddressForm(
    "main",
    "wallet",
    "XMR",
    wallet="888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H",
)


class Viewer:
    def __init__(self) -> None:
        self.heard: list[tuple[str, Hashable]] = []

    def deliver(self, channel: str, key: Hashable, event: Event, payload: object) -> None:
        self.heard.append((event, key))

    def channel_closed(self, channel: str) -> None:
        raise AssertionError(channel)


async def test_it_works(storage: Storage, hub: Hub, book: AddressBook) -> None:
    pool = await book.create(POOL)
    wallet = await book.create(WALLET)
    assert pool.value == "stratum+ssl://pool.example:3333"
    assert wallet.value == WALLET.wallet

    again = AddressBook(storage, hub, Events(), Usage())
    await again.load()
    assert again.addresses == {pool.id: pool, wallet.id: wallet}


async def test_whoever_has_the_book_open_sees_each_change(hub: Hub, book: AddressBook) -> None:
    viewer = Viewer()
    hub.subscribe(viewer, CHANNEL)
    pool = await book.create(POOL)
    await book.change(pool.id, replace(POOL, coin="ZEPH"))
    await book.remove(pool.id)
    assert viewer.heard == [("created", pool.id), ("updated", pool.id), ("deleted", pool.id)]


async def test_a_name_is_distinct_whatever_its_case(book: AddressBook) -> None:
    await book.create(POOL)
    with pytest.raises(Conflict) as refusal:
        await book.create(replace(WALLET, name="EXAMPLE POOL"))
    assert set(refusal.value.fields) == {"name"}
    other = await book.create(WALLET)
    with pytest.raises(Conflict):
        await book.change(other.id, replace(WALLET, name="example pool"))
    assert book.get(other.id) == other


async def test_everything_wrong_is_said_at_once_beside_its_field(book: AddressBook) -> None:
    with pytest.raises(Invalid) as refusal:
        await book.create(AddressForm(" ", "pool", "not a coin", urls=["gopher://x:1"]))
    assert set(refusal.value.fields) == {"name", "coin", "urls"}
    assert book.addresses == {}


@pytest.mark.parametrize("wallet", ["", "two words", "-o evil", "a\x07b", "x" * 300, "safe\u202eeslaf"])
async def test_a_wallet_that_could_not_be_one_argument_is_refused(book: AddressBook, wallet: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await book.create(replace(WALLET, wallet=wallet))
    assert set(refusal.value.fields) == {"wallet"}


async def test_the_failover_order_is_kept_and_doubles_are_not(book: AddressBook) -> None:
    urls = ["b.example:2", "", "stratum+tcp://a.example:1", "b.example:2"]
    pool = await book.create(replace(POOL, urls=urls))
    assert pool.urls == ["stratum+tcp://b.example:2", "stratum+tcp://a.example:1"]


async def test_a_pool_stays_a_pool(book: AddressBook) -> None:
    pool = await book.create(POOL)
    with pytest.raises(Invalid):
        await book.change(pool.id, WALLET)


async def test_who_saves_over_anothers_change_is_told(book: AddressBook) -> None:
    pool = await book.create(POOL)
    await book.change(pool.id, replace(POOL, coin="ZEPH"), revision=1)
    with pytest.raises(ChangedMeanwhile):
        await book.change(pool.id, replace(POOL, coin="SAL"), revision=1)
    assert book.get(pool.id).coin == "ZEPH"


async def test_a_change_is_an_event_and_saving_the_same_is_none(book: AddressBook, events: Events) -> None:
    told: list[AddressChanged] = []
    events.listen(AddressChanged, told.append)
    pool = await book.create(POOL)
    assert await book.change(pool.id, POOL) == pool
    changed = await book.change(pool.id, replace(POOL, urls=["other.example:1"]))
    assert told == [AddressChanged(changed.id)]
    assert changed.revision == 2
    assert changed.updated_at > pool.updated_at


async def test_one_in_use_is_removed_only_knowingly(book: AddressBook, usage: Usage) -> None:
    pool = await book.create(POOL)
    usage.register("address", lambda address_id: [Use("playbook", "XMR on CPUs", "/playbooks/1", 3)])
    with pytest.raises(Conflict, match="playbook XMR on CPUs"):
        await book.remove(pool.id)
    assert book.get(pool.id) == pool
    await book.remove(pool.id, even_if_used=True)
    with pytest.raises(Absent):
        book.get(pool.id)


async def test_it_is_searched_by_kind_coin_and_words(book: AddressBook) -> None:
    await book.create(POOL)
    await book.create(WALLET)
    await book.create(AddressForm("kaspa", "wallet", "KAS", wallet="me"))
    assert [a.name for a in book.listed()] == ["kaspa", "Example pool", "main"]
    assert [a.name for a in book.listed("wallet", "xmr")] == ["main"]
    assert [a.name for a in book.listed(q="EXAMPLE ssl")] == ["Example pool"]
