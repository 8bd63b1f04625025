"""One field from which everything is reached: rigs, playbooks, pages, the manual (`Ctrl+K`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rigfarm.commander.finder.pages import page_routes
from rigfarm.commander.finder.view import Finder
from rigfarm.commander.finds import Finds
from rigfarm.commander.noun import Noun
from rigfarm.commander.web.shell import NavItem

__all__ = ["noun"]


def noun(finds: Sequence[Finds], pages: Callable[[], Iterable[NavItem]]) -> Noun:
    """Its door; `finds` of the other nouns, in the order in which what they find is listed, and the `pages` of the top
    bar."""
    return Noun(routes=page_routes, parts={"finder": Finder(finds, pages)})
