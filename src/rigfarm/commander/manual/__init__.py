"""The manual: `docs/` as pages of the Commander, so that a farm without the Internet has its own version of it."""

from __future__ import annotations

from rigfarm.commander.manual.model import Manual, folder
from rigfarm.commander.manual.pages import page_routes
from rigfarm.commander.noun import Noun

__all__ = ["Manual", "noun"]


def noun(manual: Manual | None = None) -> Noun:
    """Its door."""
    return Noun(routes=page_routes, parts={"manual": manual if manual is not None else Manual(folder())})
