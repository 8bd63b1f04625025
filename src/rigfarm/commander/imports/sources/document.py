"""An untrusted file: its text, and its parts if it is JSON or a table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from rigfarm.commander.refusals import Invalid
from rigfarm.commander.web.csv_text import read_csv

__all__ = ["Document", "Scalar", "document_of", "fields_of", "text_of", "words"]

MAX_ITEMS = 20_000
MAX_VALUES = 500_000
"""Of a JSON file: each costs a hundred times its two bytes."""
MAX_ENTRY = 256 << 10
"""Bytes of one entry. Nothing that is understood comes near it."""
MAX_TEXT = 4_096
Scalar = str | int | float | bool | None
_Fields = dict[str, Raw]


class Document(Struct, frozen=True):
    """One file. A JSON document has fields, or entries, or both; a table has rows."""

    note: str = ""
    """What to know about how it was read."""
    fields: dict[str, Raw] = {}
    entries: Sequence[Raw] = ()
    """Of its list: the document itself, or what it has as `data`."""
    rows: Sequence[Sequence[str]] = ()

    @property
    def head(self) -> list[str]:
        """Names of a table's columns, as they are compared."""
        return [cell.casefold() for cell in self.rows[0]] if self.rows else []


def text_of(data: bytes) -> tuple[str, str]:
    """The text of a file, and what to know about it. Invalid for what is not a text."""
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16"), ""
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        pass
    try:
        if b"\0" not in data:
            return data.decode("cp1252"), "A file is not UTF-8 and was read as Windows-1252: check accents in names."
    except UnicodeDecodeError:
        pass
    raise Invalid("This is not a text file: save it as CSV (UTF-8) or JSON.", field="file")


def document_of(text: str, note: str = "") -> Document:
    """The parts of a text. Invalid for what is neither JSON nor a table."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").strip()
    if "\0" in text:
        raise Invalid("This is not a text file: it contains NUL characters.", field="file")
    if not text.startswith(("{", "[")):
        return Document(note, rows=read_csv(text, MAX_ITEMS))
    if text.count(",") > MAX_VALUES:
        raise Invalid(f"At most {MAX_VALUES} values in a file: import it in parts.", field="file")
    try:
        if text.startswith("["):
            entries, fields = msgspec.json.decode(text, type=list[Raw]), _Fields()
        else:
            fields = msgspec.json.decode(text, type=_Fields)
            entries = msgspec.json.decode(fields["data"], type=list[Raw]) if "data" in fields else []
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Invalid(f"This JSON can't be read: {error}.", field="file") from None
    _limit(len(entries))
    return Document(note, fields, entries if "data" in fields or not fields else [Raw(text.encode())])


def fields_of(entry: Raw) -> dict[str, Raw]:
    """Those of a JSON object; none of anything else, and of one that is too large."""
    if memoryview(entry).nbytes > MAX_ENTRY:
        return {}
    try:
        return msgspec.json.decode(entry, type=_Fields)
    except (msgspec.MsgspecError, RecursionError):
        return {}


def words(value: Scalar | Raw) -> str:
    """A text or number on one line; empty for what is neither."""
    if isinstance(value, Raw):
        try:
            value = msgspec.json.decode(value, type=Scalar)
        except (msgspec.MsgspecError, RecursionError):
            return ""
    if value is None or isinstance(value, bool):
        return ""
    return str(value)[:MAX_TEXT].strip()


def _limit(count: int) -> None:
    if count > MAX_ITEMS:
        raise Invalid(f"At most {MAX_ITEMS} entries in a file: import it in parts.", field="file")
