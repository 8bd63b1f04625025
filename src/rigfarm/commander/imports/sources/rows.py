"""Tables of rigs: columns by the names that products give them, and what of a row goes where."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rigfarm.commander.imports.sources.document import Document
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.model import MAX_TAG, MAX_TAGS
from rigfarm.common.text import printable

__all__ = ["ip_of", "ip_only", "level_of", "mac_of", "one_line", "rows_of", "tags_of", "unread"]

Columns = Mapping[str, Sequence[str]]
"""What is read -> names of columns that have it; the first that is there counts."""
MAX_SHOWN = 12
_SECRET = re.compile(r"pass|secret|token|api.?key|pwd")
_NOT_IN_A_TAG = re.compile(r"[^\w.+-]+")
_NOT_IN_A_LEVEL = re.compile(r"[^\w .+-]+")
_MAC = re.compile(r"[0-9a-f]{12}")


def rows_of(document: Document, columns: Columns, needs: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(number of the row, what it has) of every row but the head. Invalid without any of the columns it `needs`."""
    head = document.head
    places = {
        what: head.index(name)
        for what, names in columns.items()
        if (name := next((one for one in names if one in head), None)) is not None
    }
    if not any(what in places for what in needs):
        names = ", ".join(columns[what][0] for what in needs)
        raise Invalid(f"The first row names the columns: at least one of {names}.", field="file")
    for number, row in enumerate(document.rows[1:], 2):
        yield number, {what: row[place].strip() if place < len(row) else "" for what, place in places.items()}


def unread(documents: Iterable[Document], columns: Columns) -> list[str]:
    """What to know of columns that are not imported."""
    known = {name for names in columns.values() for name in names}
    others = list(dict.fromkeys(name for one in documents for name in one.head if name and name not in known))
    if not others:
        return []
    shown = ", ".join(one_line(name, 40) for name in others[:MAX_SHOWN])
    more = f" and {len(others) - MAX_SHOWN} more" if len(others) > MAX_SHOWN else ""
    notes = [f"Columns that aren't imported: {shown}{more}."]
    if any(_SECRET.search(name) for name in others):
        notes.append("The file contains passwords. They are not imported; delete it when you are done.")
    return notes


def one_line(text: str, most: int = 60) -> str:
    """A text for people, without what can't be seen."""
    return " ".join(printable(text, " ", most=4 * most).split())[:most].rstrip()


def tags_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Texts as tags: one word each."""
    words = (_NOT_IN_A_TAG.sub("-", text).strip("-.+")[:MAX_TAG].rstrip("-.+") for text in texts)
    return tuple(dict.fromkeys(word for word in words if word))[:MAX_TAGS]


def level_of(text: str) -> str:
    """A text as one level of a place."""
    return _NOT_IN_A_LEVEL.sub("-", one_line(text, 32)).strip(" -.+")


def mac_of(text: str) -> str:
    """Twelve hexadecimal digits; empty for what is no MAC address."""
    mac = re.sub(r"[:.\s-]", "", text).casefold()
    return mac if _MAC.fullmatch(mac) and int(mac, 16) else ""


def ip_of(text: str) -> str:
    """An IP address, from `http://10.0.0.5:80/` too; empty for what is none."""
    host = text.strip().partition("://")[2] or text.strip()
    host = host.partition("/")[0]
    return ip_only(host) or ip_only(host.rpartition(":")[0].strip("[]"))


def ip_only(text: str) -> str:
    """The same text if it is an IP address."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""
