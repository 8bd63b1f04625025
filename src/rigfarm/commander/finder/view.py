"""What the finder lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice

from rigfarm.commander.finds import Finds, Hit, matching
from rigfarm.commander.web.shell import NavItem

__all__ = ["MAX_TEXT", "Finder"]

MAX_TEXT = 200
MOST_OF_ONE = 7
"""Of each noun."""
_PAGES = {
    "Settings": "/settings",
    "Logins": "/settings/sessions",
    "Enrolment keys": "/settings/enrolment",
    "Webhooks": "/settings/webhooks",
    "Size of the history": "/settings/history",
    "Electricity prices and reports": "/reports/settings",
    "Alert rules": "/alerts/rules",
    "Alert channels": "/alerts/channels",
    "Circuits": "/circuits",
    "Placing rules": "/places/rules",
    "Scan a sticker": "/scan",
    "Fill a rack": "/places/fill",
    "Wall screen": "/wall",
    "API": "/api/docs",
    "Help": "/help",
}
"""Besides those of the top bar."""


class Finder:
    """Asks every noun."""

    def __init__(self, finds: Sequence[Finds], pages: Callable[[], Iterable[NavItem]]) -> None:
        """`pages` of the top bar."""
        self._finds = finds
        self._pages = pages

    async def find(self, text: str) -> list[Hit]:
        """Pages, then what the nouns have. Of an empty text: pages."""
        pages = [Hit(one.label, one.href, "page", f"g {one.go}" if one.go else "") for one in self._pages()]
        pages += [Hit(label, href, "page") for label, href in _PAGES.items()]
        if not text.strip():
            return pages
        found = matching(text, pages)[:MOST_OF_ONE]
        for finds in self._finds:
            some = finds(text)
            found += islice(await some if isinstance(some, Awaitable) else some, MOST_OF_ONE)
        return found
