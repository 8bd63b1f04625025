"""HTML from templates in which escaping is what happens unless the contrary is asked for.

A template is a file of a package's `templates/` with `$name` places (string.Template). Whatever is put there is
escaped, but for what is `Html` already: the result of another template.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable
from importlib.resources import files
from string import Template

__all__ = ["Html", "Templates", "escape", "fill", "join"]


_INVISIBLE = {"Cc", "Cf", "Cs", "Cn", "Co"}
"""Control characters, and those that turn the direction of text or hide in it."""


class Html(str):
    """Text that is HTML. Made by `escape`, `render` and `join`; never from anything that came from outside."""

    __slots__ = ()


def escape(value: object) -> Html:
    """As HTML, inert wherever it is put: between tags, or in a quoted attribute."""
    if isinstance(value, Html):
        return value
    text = str(value)
    if not text.isprintable():
        text = "".join("\ufffd" if unicodedata.category(c) in _INVISIBLE and c not in "\n\t" else c for c in text)
    return Html(html.escape(text, quote=True))


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Several after one another, each escaped unless it is Html."""
    return Html(html.escape(separator).join(escape(part) for part in parts))


def fill(template: str, **values: object) -> Html:
    """A template given as text of ours; KeyError for a place without a value."""
    return Html(Template(template).substitute({name: escape(value) for name, value in values.items()}))


class Templates:
    """The templates of one package: `render = Templates(__package__)`, then `render("name", place=value)`."""

    def __init__(self, package: str) -> None:
        self._folder = files(package) / "templates"
        self._known: dict[str, Template] = {}

    def __call__(self, file: str, /, **values: object) -> Html:
        """The template `templates/<file>.html`, filled; KeyError for a place without a value."""
        template = self._known.get(file)
        if template is None:
            template = Template((self._folder / f"{file}.html").read_text(encoding="utf-8"))
            self._known[file] = template
        return Html(template.substitute({place: escape(value) for place, value in values.items()}))
