"""How a part adds pages of its own to the Sentry's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from rigfarm.sentry.ui.pages import Ui

__all__ = ["Contributes"]


@runtime_checkable
class Contributes(Protocol):
    """A part with pages: it is asked once, before the first request."""

    def contribute(self, ui: Ui) -> None:
        """Call `ui.route`, `ui.card`, `ui.fact` and `ui.link`."""
