"""Many devices at once from a CSV: ip, name, token, username, password, model. A header line is optional."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from msgspec import Struct

from rigfarm.sentry.asic import clean
from rigfarm.sentry.asic.addresses import lan_address
from rigfarm.sentry.asic.model import MODELS, InputError, Login, ReaderName
from rigfarm.wire.tokens import is_token

__all__ = ["COLUMNS", "MAX_LINES", "CsvError", "Entry", "checked_name", "checked_token", "model_of", "parse_csv"]

COLUMNS = ("ip", "name", "token", "username", "password", "model")
MAX_LINES = 5_000
_MAX_CHARACTERS = 1 << 20


class Entry(Struct, frozen=True):
    """A device as it was entered, checked for itself."""

    ip: str
    name: str | None = None
    token: str | None = None
    login: Login | None = None
    model: ReaderName = "auto"


class CsvError(Struct, frozen=True):
    line: int
    message: str


def checked_name(text: str | None) -> str | None:
    """A name of up to 64 characters, or none."""
    if not text or not text.strip():
        return None
    if len(text.strip()) > 64 or clean.text(text, 64) != text.strip():
        raise InputError("name", "A name has up to 64 ordinary characters.")
    return text.strip()


def checked_token(text: str | None) -> str | None:
    """A token, or none: a device without one is read, and shown here only."""
    if not text or not text.strip():
        return None
    if not is_token(text.strip()):
        raise InputError("token", "A token starts with rf_ and has 46 characters: copy it whole from the Commander.")
    return text.strip()


def model_of(text: str | None) -> ReaderName:
    """The reader that a model name calls for; recognising by itself is the rule."""
    name = (text or "").strip().lower()
    if name in MODELS:
        return name
    return "iceriver" if "iceriver" in name else "auto"


def parse_csv(text: str) -> tuple[list[Entry], list[CsvError]]:
    """Entries and errors by line number. What is wrong with one line says nothing about another."""
    if len(text) > _MAX_CHARACTERS:
        return [], [CsvError(1, "This is too long for a list of devices.")]
    entries: list[Entry] = []
    errors: list[CsvError] = []
    columns: tuple[str, ...] = COLUMNS
    try:
        for line, cells in _lines(text):
            if line > MAX_LINES:
                errors.append(CsvError(line, f"At most {MAX_LINES} lines at once."))
                break
            if not entries and not errors and cells[0].lower() == "ip":
                columns = tuple(cell.lower() for cell in cells)
                continue
            try:
                entries.append(_entry(dict(zip(columns, cells, strict=False)), len(cells) > len(columns)))
            except InputError as error:
                errors.append(CsvError(line, error.message))
    except csv.Error as error:
        errors.append(CsvError(1, f"This is not a CSV file: {error}."))
    return entries, errors + _doubles(entries)


def _lines(text: str) -> Iterable[tuple[int, list[str]]]:
    """Line number and cells of the lines with anything on them; comma, semicolon and tab all separate."""
    first = text.lstrip().split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    for cells in reader:
        stripped = [cell.strip() for cell in cells]
        if any(stripped) and not stripped[0].startswith("#"):
            yield reader.line_num, stripped


def _entry(cells: dict[str, str], too_many: bool) -> Entry:
    if too_many:
        raise InputError("csv", f"Too many columns: {', '.join(COLUMNS)}.")
    user, password = cells.get("username", ""), cells.get("password", "")
    if bool(user) != bool(password):
        raise InputError("username", "User and password belong together: enter both or neither.")
    return Entry(
        ip=lan_address(cells.get("ip", "")),
        name=checked_name(cells.get("name")),
        token=checked_token(cells.get("token")),
        login=Login(user, password) if user else None,
        model=model_of(cells.get("model")),
    )


def _doubles(entries: list[Entry]) -> list[CsvError]:
    """The same address or token twice in one list."""
    errors: list[CsvError] = []
    for what, values in (("address", [e.ip for e in entries]), ("token", [e.token for e in entries if e.token])):
        twice = {value for value in values if values.count(value) > 1} if len(set(values)) < len(values) else set()
        shown = sorted(twice)[:3] if what == "address" else []
        errors += [CsvError(0, f"The {what} {value} is listed twice.") for value in shown]
        if twice and what == "token":
            errors.append(CsvError(0, "A token is listed twice: every device needs its own."))
    return errors
