"""Values of a page that stay current: each is told apart from the page around it, so that a script can replace it
without touching anything else, and the whole page only when its shape changes."""

from __future__ import annotations

import hashlib

from rigfarm.sentry.ui.html import Html, escape, fill

__all__ = ["Live"]


class Live:
    """Collects the live values of one page while it is built."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[str, str]] = {}
        """Key -> text and tone."""

    def text(self, key: str, text: str, tone: str = "") -> Html:
        """A place for a value. `tone`: ok, warn, bad, or nothing."""
        self.values[key] = (text, tone)
        return fill('<span data-live="$key">$mark</span>', key=key, mark=f"{{{{{key}}}}}")

    def fill(self, page: Html) -> Html:
        """The page with its values in their places."""
        done = str(page)
        for key, (text, tone) in self.values.items():
            place = fill('<span data-live="$key">$mark</span>', key=key, mark=f"{{{{{key}}}}}")
            shown = fill('<span data-live="$key" data-tone="$tone">$text</span>', key=key, tone=tone, text=text)
            done = done.replace(place, shown)
        return Html(done)

    def shape(self, page: Html) -> str:
        """Differs when something else than the values differs."""
        return hashlib.sha256(escape(page).encode()).hexdigest()[:16]
