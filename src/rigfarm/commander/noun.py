"""What a noun (rigs, playbooks, the address book, …) provides to the Commander: one `Noun` for each folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from typing import Any, Protocol

from litestar.types import ControllerRouterHandler
from msgspec import Struct

from rigfarm.commander.finds import Finds
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.supervised import Work
from rigfarm.commander.web.shell import NavItem
from rigfarm.wire.frames import DownFrame, UpFrame

__all__ = ["LinkHandler", "Notice", "Noun", "RemovalEffect", "RenameEffect", "Source"]

LinkHandler = Callable[[int, Any], Coroutine[Any, Any, None] | None]
"""Takes a rig's id and one frame that its Sentry sent; what it returns is awaited beside the link."""
RemovalEffect = Callable[[Sequence[int]], str]
"""What ends when these rigs are removed, as a sentence; empty when nothing does."""
RenameEffect = Callable[[int], str]
"""What a new name of this rig brings about, in sentences; empty when nothing."""
Notice = Callable[[Hashable, object], tuple[str, str] | None]
"""(words, level) for a message (key, payload) of a rig's own channel; None where there is nothing to say."""


class Source(Protocol):
    """Has something for Sentries: it is asked when a rig's Sentry connects, and whenever work waits for the rig."""

    async def waiting(self, rig_id: int, slot: int, *, connected: bool) -> list[DownFrame]:
        """Everything the rig's Sentry should be sent; `connected`: it has just come and knows nothing yet."""


class Noun(Struct, frozen=True, kw_only=True):
    """One noun of a running Commander. What it has nothing to say about is left out."""

    routes: Sequence[ControllerRouterHandler] = ()
    """Pages and the JSON API."""
    parts: Mapping[str, object] = {}
    """What handlers may ask for, by the name of their parameter."""
    live_pages: Callable[[PageRoutes], None] | None = None
    """Registers the pages that are kept fresh."""
    link_handlers: Mapping[type[UpFrame], LinkHandler] = {}
    """Who takes what Sentries send, by the frame's type."""
    source: Source | None = None
    """Asked what waits for a rig's Sentry."""
    removal_effect: RemovalEffect | None = None
    rename_effect: RenameEffect | None = None
    notice: Notice | None = None
    work: Sequence[Work] = ()
    """Its background parts."""
    load: Callable[[], Awaitable[None]] | None = None
    """Reads what is kept: once, in the order of the nouns, before anything is served."""
    close: Callable[[], Awaitable[None]] | None = None
    """Ends what is under way: in reverse order, before the database is closed."""
    closing: Callable[[], None] | None = None
    """Ends answers that would go on for ever: before connections are closed."""
    nav: Sequence[NavItem] = ()
    """Its places in the top bar."""
    finds: Finds | None = None
    """Finds its things for the finder."""
