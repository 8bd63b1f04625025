"""URLs from untrusted clients."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

__all__ = ["split_url"]


def split_url(text: str) -> SplitResult:
    """The parts of a URL; a text that is not one, such as `http://[`, has none."""
    try:
        return urlsplit(text)
    except ValueError:
        return SplitResult("", "", "", "", "")
