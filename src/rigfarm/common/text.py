"""Text from elsewhere, for people: a log line, a message, a terminal. Pages have their own way (`web.visible`)."""

from __future__ import annotations

__all__ = ["escaped", "printable"]


def printable(text: str, instead: str = "", *, most: int | None = None) -> str:
    """The first `most` characters, with `instead` in the place of control characters, marks that reverse text and
    everything else that is not visible."""
    text = text if most is None else text[:most]
    return text if text.isprintable() else "".join(char if char.isprintable() else instead for char in text)


def escaped(text: str) -> str:
    r"""All of it, with everything that is not visible written as Python writes it: `\n`, `\x1b`."""
    return text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
