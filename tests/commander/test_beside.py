"""A part that fails is started again while the others go on."""

from __future__ import annotations

import asyncio

import pytest

from rigfarm.commander import beside as beside_module
from rigfarm.commander.beside import beside


async def test_it_works() -> None:
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    async with beside(work):
        await asyncio.wait_for(done.wait(), 5)


async def test_what_fails_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside_module, "FIRST_S", 0.01)
    starts = 0
    well = asyncio.Event()

    async def work() -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise RuntimeError("broken")
        well.set()
        await asyncio.sleep(3600)

    async with beside(work):
        await asyncio.wait_for(well.wait(), 5)
    assert starts == 3


async def test_it_ends_with_its_block() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    async with beside(work):
        await asyncio.sleep(0)
    assert ended.is_set()
