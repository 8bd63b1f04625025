"""Patterns of names and addresses: `r{rack}-{slot}`, `10.1.{rack}.*`. They are not regular expressions: a match looks
at each piece of a pattern at most twice at each character of the text, whatever both are.

    {rack}          letters and digits, at least one, as many as fit
    {rack:number}   digits
    {rack:2}        exactly two letters or digits
    *               anything, also nothing

Everything else stands for itself; case is ignored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from rigfarm.commander.refusals import Invalid
from rigfarm.common.text import printable

__all__ = ["MAX_PARTS", "MAX_PATTERN", "Pattern", "fill", "parts_in"]

MAX_PATTERN = 100
MAX_PARTS = 8
MAX_STARS = 8
MAX_WIDTH = 32
_BRACES = re.compile(r"\{([^{}]*)\}")
_PIECE = re.compile(rf"{_BRACES.pattern}|(\*+)|([^{{}}*]+|[{{}}])")
_PART = re.compile(r"([a-z][a-z0-9_]{0,15})(?::(number|[0-9]{1,2}))?", re.ASCII)
_DIGITS = frozenset("0123456789")


class _Piece(Struct, frozen=True):
    """Something that stands for itself, a part with a name (letters and digits, or digits alone), or anything."""

    kind: Literal["text", "part", "number", "star"]
    text: str = ""
    """Of a part its name; of a text what it is without regard to case."""
    width: int = 0
    """How many characters of a part exactly; 0: as many as fit."""

    def takes(self, char: str) -> bool:
        """Whether a part may have this character in it."""
        return char in _DIGITS if self.kind == "number" else char.isalnum()


class Pattern(Struct, frozen=True):
    """One that was read. Texts to be matched are in NFC, as all names are."""

    text: str
    pieces: tuple[_Piece, ...]

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Invalid says what is wrong with it."""
        text = unicodedata.normalize("NFC", text)
        if len(text) > MAX_PATTERN:
            raise Invalid(f"A pattern has at most {MAX_PATTERN} characters.")
        pieces = tuple(_read(text))
        names = [piece.text for piece in pieces if piece.kind in ("part", "number")]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise Invalid(f"{{{twice}}} appears twice: give each part a name of its own.")
        if len(names) > MAX_PARTS:
            raise Invalid(f"A pattern has at most {MAX_PARTS} parts in braces.")
        if sum(piece.kind == "star" for piece in pieces) > MAX_STARS:
            raise Invalid(f"A pattern has at most {MAX_STARS} *.")
        for one, other in pairwise(pieces):
            if all(piece.kind in ("part", "number") and not piece.width for piece in (one, other)):
                raise Invalid(
                    f"It isn't clear where {{{one.text}}} ends and {{{other.text}}} begins: put a character between "
                    f"them, or say how long one of them is, for example {{{one.text}:2}}."
                )
        return cls(text, pieces)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of its parts."""
        return tuple(piece.text for piece in self.pieces if piece.kind in ("part", "number"))

    def match(self, text: str) -> dict[str, str] | None:
        """What the named parts are in a text; None where it is not like the pattern."""
        folded, first = _folded(text), self.pieces[0] if self.pieces else None
        if first is None or (first.kind == "text" and not folded.startswith(first.text)):
            return None  # most texts are other ones
        after = [bytearray(len(text)) + b"\1"]
        """Of what comes after each piece, the last one first: a 1 for each position at which it can begin."""
        for piece in reversed(self.pieces):
            after.append(_begins(piece, folded, after[-1]))
        if not after.pop()[0]:
            return None
        found: dict[str, str] = {}
        at = 0
        for piece, ends in zip(self.pieces, reversed(after), strict=True):
            start = at
            if piece.kind == "text":
                at += len(piece.text)
            elif piece.kind == "star":
                at = ends.find(1, at)  # as little as possible
            else:
                most = start + (piece.width or _run(piece, text, start))
                at = ends.rfind(1, start + 1, most + 1)
                found[piece.text] = text[start:at]
        return found


def parts_in(template: str) -> list[str]:
    """What stands in braces in a text that is filled in."""
    return _BRACES.findall(template)


def fill(template: str, parts: dict[str, str]) -> str:
    """The text with its parts; all of them are known."""
    return _BRACES.sub(lambda found: parts[found[1]], template)


def _read(text: str) -> Iterator[_Piece]:
    for inside, stars, plain in _PIECE.findall(text):
        if stars:
            yield _Piece("star")
        elif plain:
            if plain in "{}":
                raise Invalid("A brace is not closed, or not opened: a part is written {rack}.")
            yield _Piece("text", _folded(plain))
        else:
            yield _part(inside)


def _part(inside: str) -> _Piece:
    found = _PART.fullmatch(inside)
    width = 0 if found is None or found[2] in (None, "number") else int(found[2])
    if found is None or width > MAX_WIDTH or (found[2] and found[2] != "number" and not width):
        raise Invalid(
            f"{{{printable(inside, '?', most=20)}}} is not a part: write {{rack}}, {{rack:number}}, or {{rack:2}} for "
            "two characters. The name of a part has small letters and digits."
        )
    return _Piece("number" if found[2] == "number" else "part", found[1], width)


def _begins(piece: _Piece, text: str, ends: bytearray) -> bytearray:
    """Where a piece can begin so that it ends at one of `ends`."""
    found = bytearray(len(ends))
    last = ends.rfind(1)
    if piece.kind == "star":
        found[: last + 1] = b"\1" * (last + 1)
    elif piece.kind == "text":
        at = text.find(piece.text)
        while at >= 0:
            found[at] = ends[at + len(piece.text)]
            at = text.find(piece.text, at + 1)
    else:
        while last > 0:
            _take_back(piece, text, last, found)
            last = ends.rfind(1, 0, last)
    return found


def _take_back(piece: _Piece, text: str, end: int, found: bytearray) -> None:
    """Where a part can begin that ends there; from an end further on, some of it is known."""
    if piece.width:
        start = end - piece.width
        if start >= 0 and all(map(piece.takes, text[start:end])):
            found[start] = 1
        return
    at = end - 1
    while at >= 0 and not found[at] and piece.takes(text[at]):
        found[at] = 1
        at -= 1


def _run(piece: _Piece, text: str, at: int) -> int:
    """How many characters from there on a part may have."""
    return next((n for n, char in enumerate(text[at:]) if not piece.takes(char)), len(text) - at)


def _folded(text: str) -> str:
    """Without regard to case, character by character: one that is several in another case stays as it is."""
    folded = text.casefold()
    if len(folded) == len(text):
        return folded
    return "".join(one if len(one.casefold()) != 1 else one.casefold() for one in text)
