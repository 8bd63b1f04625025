"""A rig, of either kind."""

from __future__ import annotations

import unicodedata

from msgspec import Struct

from rigfarm.commander.channels import Kind
from rigfarm.wire.specs import Specs

__all__ = ["KINDS", "MAX_NAME", "BadNameError", "Rig", "clean_name", "name_key"]

KINDS: tuple[Kind, ...] = ("cpu-gpu", "asic")
MAX_NAME = 64


class BadNameError(ValueError):
    """A name that cannot be; the text says what would be right."""


class Rig(Struct, frozen=True):
    """What is kept about a rig. Times are UTC milliseconds."""

    id: int
    name: str
    kind: Kind
    created_at: int
    revision: int = 1
    first_seen_at: int | None = None
    """When it reported for the first time; absent: it is waiting."""
    specs: Specs | None = None


def clean_name(text: str) -> str:
    """A name as it is stored: one line, no blanks around it, canonical characters, 1 to 64 of them."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise BadNameError("A rig needs a name, for example rig-01.")
    if len(name) > MAX_NAME:
        raise BadNameError(f"A name has at most {MAX_NAME} characters; this one has {len(name)}.")
    if any(unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp") for char in name):
        raise BadNameError("A name may not contain control or invisible characters.")
    return name


def name_key(name: str) -> str:
    """What makes names distinct: compared without regard to case."""
    return unicodedata.normalize("NFKC", name).casefold()
