"""What may be told of an answer: nothing of the URL that it was sent to, which may hold a password or a token."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus, unquote, urlsplit

__all__ = ["without_secrets"]

SECRET_LENGTH = 5
"""Parts of a URL that are so long do not come back in an answer."""


def without_secrets(text: str, url: str) -> str:
    """An answer without any longer part of the URL that it was sent to, however that is encoded."""
    parts = urlsplit(url)
    pieces = re.split(r"[/?&=@:#+,]", f"{parts.netloc}/{parts.path}/{parts.query}/{parts.fragment}")
    secrets = {
        secret
        for piece in pieces
        for bare in (piece, unquote(piece), " ".join(unquote(piece).split()))
        for secret in (bare, quote(bare, safe=""), quote(bare), quote_plus(bare))
        if len(bare) >= SECRET_LENGTH
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = re.sub(re.escape(secret), "…", text, flags=re.IGNORECASE)
    for secret in secrets:  # of one at the end, where reading stopped, there may be only a part
        for length in range(len(secret) - 1, SECRET_LENGTH - 1, -1):
            if text[-length:].lower() == secret[:length].lower():
                text = text[:-length]
                break
    return "".join(char if char.isprintable() else " " for char in text)
