"""HTML from templates in which escaping is what happens unless somebody asks for the contrary.

A template is a file of `templates/` with `$name` places (string.Template). Whatever is put there is escaped, but for
what is `Html` already: the result of another template.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from string import Template

__all__ = ["Html", "escape", "fill", "join", "render"]


_INVISIBLE = {"Cc", "Cf", "Cs", "Cn", "Co"}
"""Control characters, and those that turn the direction of text or hide in it."""


class Html(str):
    """Text that is HTML. Made by `escape`, `render` and `join`; never from anything that came from outside."""

    __slots__ = ()


def escape(value: object) -> Html:
    """As HTML, inert wherever it is put: between tags, or in a quoted attribute."""
    if isinstance(value, Html):
        return value
    text = "".join("\ufffd" if unicodedata.category(c) in _INVISIBLE and c not in "\n\t" else c for c in str(value))
    return Html(html.escape(text, quote=True))


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Several after one another, each escaped unless it is Html."""
    return Html(html.escape(separator).join(escape(part) for part in parts))


def fill(template: str, **values: object) -> Html:
    """A template given as text of ours; KeyError for a place without a value."""
    return Html(Template(template).substitute({name: escape(value) for name, value in values.items()}))


def render(name: str, **values: object) -> Html:
    """The template `templates/<name>.html`."""
    return fill(_template(name), **values)


@cache
def _template(name: str) -> str:
    return (files(__package__) / "templates" / f"{name}.html").read_text(encoding="utf-8")
