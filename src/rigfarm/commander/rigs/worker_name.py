"""The name under which a rig shows up at its pool."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["worker_name"]

_OTHER = re.compile(r"[^a-zA-Z0-9]")


def worker_name(rig_name: str) -> str:
    """The rig's name without diacritics, every character but a–z, A–Z and 0–9 turned into a hyphen."""
    plain = "".join(char for char in unicodedata.normalize("NFD", rig_name) if not unicodedata.combining(char))
    return _OTHER.sub("-", plain)
