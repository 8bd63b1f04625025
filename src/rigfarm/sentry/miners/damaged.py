"""What can still be read of JSON that a mining program writes wrongly.

Programs cut their answer off in the middle, write a worker's name without its quotes, put raw control characters into
strings, print `-nan(ind)` or `1.#QNAN`, leave a comma out or one too many, use a comma as the decimal point, or answer
with several objects in a row. All that is whole counts: a value of no use is null, what follows a cut is absent, and
the members of objects in a row are those of one object.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

__all__ = ["Damage", "Salvaged", "salvage"]

Damage = Literal["", "cut off", "not valid JSON"]

_MAX_DEPTH = 64
_MAX_VALUES = 100_000
"""More than any rig has to tell; what comes after them counts as cut off."""

_BLANK = re.compile(r"[\x00-\x20\ufeff]*")
_STRING = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_SINGLE = re.compile(r"'([^'\\]*(?:\\.[^'\\]*)*)'", re.DOTALL)
_BARE = re.compile(r"[^,:\[\]{}\"\x00-\x1f]+")
_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*)?(?:\.\d*)?(?:[eE][+-]?\d+)?")
_DECIMALS = re.compile(r"[ \t]*,[ \t]*(\d+(?:[eE][+-]?\d+)?)(?=\s*[,}])")
_NAMES = {"true": True, "false": False}
_NOTHING = re.compile(
    r"null|none|nil|undefined|n/?a|-+|[-+]?1\.#.*|[-+]?(?:nan|inf(?:inity)?)(?:\([^()]*\))?", re.IGNORECASE
)
"""Words for no value, among them numbers that are none as C prints them."""
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Salvaged(Struct, frozen=True):
    """What was read: `tree` is None where there is neither an object nor an array."""

    tree: object
    damage: Damage


class _Cut(Exception):  # noqa: N818 - how reading ends, more than an error
    """Here the answer ends, or nothing more of it is worth reading."""


def salvage(data: bytes) -> Salvaged:
    """All of `data` that is whole. Total, and linear in its length."""
    reader = _Reader(data.decode("utf-8", "replace"))
    tree = reader.all()
    damage: Damage = "cut off" if reader.cut else "not valid JSON" if reader.wrong else ""
    return Salvaged(tree, damage)


class _Reader:
    """One pass over the text. Containers are filled while they are read, so a cut leaves what came before it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._values = 0
        self.cut = False
        self.wrong = False

    def all(self) -> object:
        """The first object or array, and the members of the objects behind it."""
        self._blanks()
        if self._peek() not in ("{", "["):
            return None
        tree: dict[str, object] | list[object] = {} if self._peek() == "{" else []
        try:
            self._container(tree, 0)
            self._followers(tree)
        except _Cut:
            self.cut = True
        return tree

    def _followers(self, tree: dict[str, object] | list[object]) -> None:
        while True:
            self._blanks()
            if self._peek() == ",":
                self.wrong = True
                self._at += 1
            elif self._peek() == "{" and isinstance(tree, dict):
                self.wrong = True
                more: dict[str, object] = {}
                try:
                    self._container(more, 0)
                finally:
                    for key, value in more.items():
                        tree.setdefault(key, value)
            else:
                self.wrong = self.wrong or bool(self._peek())
                return

    def _container(self, into: dict[str, object] | list[object], depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise _Cut
        self._count()
        self._at += 1
        if isinstance(into, dict):
            self._object(into, depth)
        else:
            self._array(into, depth)

    def _object(self, into: dict[str, object], depth: int) -> None:
        while self._more("}", into):
            key = self._key()
            if key is None:
                continue
            self._blanks()
            if self._peek() != ":":
                self._end_unless("the value may follow")
                self.wrong = True  # `{"BYE", "id": 1}`
                continue
            self._at += 1
            self._blanks()
            if self._peek() in ("{", "["):
                child: dict[str, object] | list[object] = {} if self._peek() == "{" else []
                into.setdefault(key, child)
                self._container(child, depth + 1)
            else:
                into[key] = self._scalar(in_object=True)

    def _array(self, into: list[object], depth: int) -> None:
        while self._more("]", into):
            if self._peek() in ("{", "["):
                child: dict[str, object] | list[object] = {} if self._peek() == "{" else []
                into.append(child)
                self._container(child, depth + 1)
            else:
                into.append(self._scalar(in_object=False))

    def _more(self, end: str, into: dict[str, object] | list[object]) -> bool:
        """Whether another member follows; passes the commas and the end. An empty place of a list stays one: others
        are parallel to it."""
        commas = 0
        while True:
            self._blanks()
            char = self._peek()
            if char == ",":
                commas += 1
                self.wrong = self.wrong or commas > 1
                if commas > 1 and isinstance(into, list):
                    self._count()
                    into.append(None)
                self._at += 1
            elif char in ("}", "]"):
                self._at += 1
                self.wrong = self.wrong or commas > 0 or char != end
                return False
            else:
                self._end_unless(char)
                self.wrong = self.wrong or bool(into and not commas)
                return True

    def _key(self) -> str | None:
        if self._peek() in ('"', "'"):
            return self._quoted()
        self.wrong = True
        if bare := _BARE.match(self._text, self._at):
            self._at = bare.end()
            return bare[0].strip()
        self._at += 1  # a bracket where a name should be
        return None

    def _scalar(self, *, in_object: bool) -> object:
        self._count()
        if self._peek() in ('"', "'"):
            return self._quoted()
        bare = _BARE.match(self._text, self._at)
        if bare is None:
            self.wrong = True
            self._end_unless(self._peek())
            if self._peek() not in (",", "}", "]"):
                self._at += 1
            return None
        self._at = bare.end()
        self._end_unless(self._peek())  # a number at the very end may lack its last digits
        word = bare[0].strip()
        if in_object and word.lstrip("-").isdigit() and (decimals := _DECIMALS.match(self._text, self._at)):
            self.wrong = True
            self._at = decimals.end()
            return _number(f"{word}.{decimals[1]}")
        return self._word(word)

    def _word(self, word: str) -> object:
        if word in _NAMES:
            return _NAMES[word]
        if word == "null":
            return None
        if any(char.isdigit() for char in word) and _NUMBER.fullmatch(word):
            self.wrong = self.wrong or word[0] in "+." or word[-1] == "."
            return _number(word)
        self.wrong = True
        return None if _NOTHING.fullmatch(word) else word  # `004`: a name, or a number to who asks for one

    def _quoted(self) -> str:
        form = _STRING if self._text[self._at] == '"' else _SINGLE
        self.wrong = self.wrong or form is _SINGLE
        found = form.match(self._text, self._at)
        if found is None:
            raise _Cut
        self._at = found.end()
        text = found[1]
        self.wrong = self.wrong or any(char < " " for char in text)
        return _ESCAPE.sub(_unescaped, text) if "\\" in text else text

    def _blanks(self) -> None:
        found = _BLANK.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _end_unless(self, more: str) -> None:
        if not more or self._at >= len(self._text):
            raise _Cut

    def _count(self) -> None:
        self._values += 1
        if self._values > _MAX_VALUES:
            raise _Cut


def _number(word: str) -> object:
    try:
        return float(word) if any(char in ".eE" for char in word) else int(word)
    except ValueError:  # longer than Python reads
        return None


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1]
    if code[0] == "u" and len(code) == 5:
        return chr(int(code[1:], 16))
    return _ESCAPED.get(code, code if code in "\"\\/'" else escape[0])
