"""The manual: `docs/` as pages of the Commander, so that a farm without the Internet has its own version of it."""

from __future__ import annotations

import asyncio

from rigfarm.commander.finds import LONG, Hit
from rigfarm.commander.manual.model import Manual, folder
from rigfarm.commander.manual.pages import page_routes
from rigfarm.commander.noun import Noun

__all__ = ["Manual", "noun"]


def noun() -> Noun:
    """Its door."""
    manual = Manual(folder())

    async def finds(text: str) -> list[Hit]:
        if len(text.strip()) < LONG:
            return []
        found = await asyncio.to_thread(manual.find, text)
        return [Hit(one.title, one.href, "help", one.chapter if one.chapter != one.title else "") for one in found]

    return Noun(routes=page_routes, parts={"manual": manual}, finds=finds)
