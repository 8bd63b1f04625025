"""The templates of these pages."""

from __future__ import annotations

from rigfarm.sentry.ui import Html, Templates

__all__ = ["render", "wrong"]

render = Templates("rigfarm.sentry.asic.pages")


def wrong(text: str | None, name: str) -> Html:
    """What is wrong with a field, beside it; nothing while nothing is. The field refers to `wrong-<name>`."""
    return render("wrong", text=text, name=name) if text else Html("")
