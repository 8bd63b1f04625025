"""SHA-256 of certificates, as people see and paste them."""

from __future__ import annotations

import re

__all__ = ["find_fingerprint", "fingerprint_text"]

_FINGERPRINT = re.compile(r"SHA-?256(?: fingerprint)?[:=]((?:[0-9a-f]{2}:?){32})(?![0-9a-f:])", re.IGNORECASE)


def find_fingerprint(text: str) -> bytes | None:
    """The certificate's SHA-256 in what was pasted: `SHA256:…` in hexadecimal, with or without colons."""
    found = _FINGERPRINT.search(text)
    return bytes.fromhex(found[1].replace(":", "")) if found else None


def fingerprint_text(fingerprint: bytes) -> str:
    """As join commands and pages show it."""
    return f"SHA256:{fingerprint.hex()}"
