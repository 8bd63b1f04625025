"""Tokens are of one Commander: whatever address an operator enters, the real ones go to nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from page_of_asics import Looker, looking

from rigfarm.sentry.asic.csv_import import Entry
from rigfarm.sentry.asic.lan import LIST_FILE
from rigfarm.sentry.asic.model import Device
from rigfarm.sentry.asic.store import DeviceStore
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.join import join
from rigfarm.wire.tokens import new_token
from support.toy_commander import ToyCommander, toy_commander
from support.until import until


@pytest.fixture
async def other() -> AsyncIterator[ToyCommander]:
    async with toy_commander() as one:
        yield one


def said(commander: ToyCommander) -> str:
    """All that came to it."""
    return str(commander.frames)


async def linked(looker: Looker, commander: ToyCommander) -> str:
    token = new_token()
    commander.good(token)
    await looker.service.add(Entry("127.9.9.1", "mine", token))
    await until(lambda: token in said(commander), "the token at its own Commander")
    return token


async def test_a_changed_address_gets_no_token(
    settings: Settings, commander: ToyCommander, other: ToyCommander
) -> None:
    async with looking(settings, commander) as looker:
        token = await linked(looker, commander)
        before = other.connections
        assert (await looker.post("/asics/commander", address=other.url)).status_code == 303
        await until(lambda: other.connections > before, "it asks there")
        while "not the Commander that this machine joined" not in await looker.text():
            await asyncio.sleep(0.05)
        assert "Hello" not in said(other)
        assert (await looker.post("/asics/commander", address=commander.url)).status_code == 303
        await until(lambda: looker.service.device(1).has_token)
        assert looker.service.roster.tokens() == [token], "back at its own, everything is as before"


async def test_another_commander_gets_none_of_them(
    settings: Settings, commander: ToyCommander, other: ToyCommander
) -> None:
    async with looking(settings, commander) as looker:
        token = await linked(looker, commander)
        assert (await looker.post("/asics/commander", address=other.url, another="on")).status_code == 303
        assert looker.service.roster.tokens() == []
        fresh = new_token()
        other.good(fresh)
        await looker.service.add(Entry("127.9.9.2", "new", fresh))
        await until(lambda: fresh in said(other), "the new token at the new Commander")
        assert token not in said(other)
    with_store = DeviceStore(settings.data_dir / LIST_FILE)
    assert [device.token for device in with_store.all()] == [None, fresh], "also after a restart"
    with_store.close()


async def test_joining_another_commander_forgets_the_tokens_of_asics(
    tmp_path: Path, commander: ToyCommander, other: ToyCommander
) -> None:
    folder, first, second = tmp_path / "sentry", new_token(), new_token()
    folder.mkdir()
    commander.good(first)
    other.good(second)
    await join(folder, commander.url, first, insecure_http=True)
    store = DeviceStore(folder / LIST_FILE)
    store.put(Device(id=1, ip="127.9.9.1", token=new_token()))
    store.close()
    await join(folder, commander.url, first, insecure_http=True)
    assert _tokens(folder) != [None], "the same Commander keeps them"
    await join(folder, other.url, second, insecure_http=True)
    assert _tokens(folder) == [None]


def _tokens(folder: Path) -> list[str | None]:
    store = DeviceStore(folder / LIST_FILE)
    try:
        return [device.token for device in store.all()]
    finally:
        store.close()
