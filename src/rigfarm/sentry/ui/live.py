"""What stays current on a page: values, each told apart from the page around it, and lists whose rows come, change and
go. A script replaces them without touching anything else, and reloads the whole page only when its shape changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rigfarm.sentry.httpd.html import Html, escape, fill, join

__all__ = ["Live", "Row"]

_VALUE = re.compile(r'<span data-live="([^"]+)">\{\{[^<]*\}\}</span>')
_LIST = re.compile(r"<!--rows ([a-z]+)-->")
"""Text from outside cannot look like either: it is escaped."""


class Row(NamedTuple):
    """One row of a list. Its HTML begins with a tag and a space: `<tr class="asic">…`."""

    key: str
    html: Html
    """What the script puts there when the row is new or this has changed; live values in it do not count."""
    shown: Html | None = None
    """What the page has at first, if something else: boxes that were ticked, say."""


class Live:
    """Collects what is live on one page while it is built. `shape`: of a page that is never to be loaded again, because
    all that changes on it is live and people type into the rest."""

    def __init__(self, shape: str | None = None, *, onlooker: bool = False) -> None:
        self._shape = shape
        self.onlooker = onlooker
        """It is for someone who has not logged in: any user of this machine."""
        self.values: dict[str, tuple[str, str]] = {}
        """Key -> text and tone."""
        self.again_s = 2.0
        """When the script shall look again."""
        self._lists: dict[str, list[Row]] = {}

    def text(self, key: str, text: str, tone: str = "") -> Html:
        """A place for a value. `tone`: ok, warn, bad, or nothing."""
        self.values[key] = (text, tone)
        return fill('<span data-live="$key">$mark</span>', key=key, mark=f"{{{{{key}}}}}")

    def rows(self, name: str, rows: Iterable[Row]) -> Html:
        """A place for a list, inside of an element with `data-rows="<name>"`; `name` is of small letters."""
        self._lists[name] = list(rows)
        return Html(f"<!--rows {escape(name)}-->")

    def fill(self, page: Html) -> Html:
        """The page with its rows and values in their places."""
        whole = _LIST.sub(lambda found: join(self._row(row, row.shown) for row in self._lists[found[1]]), page)
        return self._filled(whole)

    def shape(self, page: Html) -> str:
        """Differs when something else than values and rows differs."""
        return self._shape or hashlib.sha256(escape(page).encode()).hexdigest()[:16]

    def changed_lists(self, seen: Mapping[str, str]) -> dict[str, tuple[str, list[tuple[str, str, str]]]]:
        """Name -> mark of the list, and its rows as key, mark, HTML; without lists whose mark was `seen` already."""
        found: dict[str, tuple[str, list[tuple[str, str, str]]]] = {}
        for name, rows in self._lists.items():
            marks = [_mark(row.html) for row in rows]
            mark = _mark("".join(f"{row.key} {one} " for row, one in zip(rows, marks, strict=True)))
            if seen.get(f"seen-{name}") != mark:
                html = [str(self._filled(self._row(row))) for row in rows]
                found[name] = (mark, list(zip([row.key for row in rows], marks, html, strict=True)))
        return found

    def _row(self, row: Row, shown: Html | None = None) -> Html:
        attributes = fill(' data-key="$key" data-mark="$mark" ', key=row.key, mark=_mark(row.html))
        return Html((row.html if shown is None else shown).replace(" ", attributes, 1))

    def _filled(self, html: str) -> Html:
        return Html(_VALUE.sub(self._value, html))

    def _value(self, found: re.Match[str]) -> str:
        text, tone = self.values[found[1]]
        return fill('<span data-live="$key" data-tone="$tone">$text</span>', key=found[1], tone=tone, text=text)


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
