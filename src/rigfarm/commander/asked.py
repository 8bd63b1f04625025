"""What a URL's parameters ask for. What has no meaning is refused with 400: a slip of the pen must not mean something
else, least of all everything."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.common.text import printable

__all__ = ["OfRigs", "known_names", "one_of", "row_numbers", "short_text", "whole_number"]


class OfRigs(Struct, frozen=True):
    """Which rigs' rows a list of the API is asked for, by its `filter`: handlers ask for it as `of_rigs`."""

    ids: frozenset[int] | None = None
    """Those that it finds at this moment; None: there is no filter, and rows without a rig are wanted, too."""

    def has(self, *rigs: int | None) -> bool:
        """Whether a row of these rigs is wanted."""
        return self.ids is None or not self.ids.isdisjoint(rigs)


def known_names(params: Mapping[str, str], known: Collection[str]) -> None:
    """NotUnderstood for a parameter of another name."""
    if unknown := [name for name in params if name not in known]:
        raise NotUnderstood(f"Unknown parameter {_shown(unknown[0])}. Known parameters: {', '.join(known)}.")


def short_text(params: Mapping[str, str], name: str, most: int) -> str:
    """A text of at most so many characters; empty where there is none."""
    text = params.get(name, "").strip()
    if len(text) > most:
        raise NotUnderstood(f"{name} has at most {most} characters.")
    return text


def one_of(name: str, text: str, known: Collection[str]) -> str:
    """One of the known values."""
    if text not in known:
        raise NotUnderstood(f"Unknown {name} {_shown(text)}. Known values: {', '.join(filter(None, known))}.")
    return text


def whole_number(params: Mapping[str, str], name: str, known: Collection[int] = ()) -> int | None:
    """A whole number, at least 1, or one of those that are known; None where there is none."""
    text = params.get(name, "")
    if not text:
        return None
    found = number(text)
    if not found or (known and found not in known):
        choice = f"one of {', '.join(map(str, known))}" if known else "a whole number, at least 1"
        raise NotUnderstood(f"{name} must be {choice}, not {_shown(text)}.")
    return found


def row_numbers(name: str, texts: Sequence[str]) -> list[int]:
    """Numbers of rows, one by one or joined by commas; each once."""
    parts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    found = [number(part) for part in parts]
    for part, one in zip(parts, found, strict=True):
        if one is None:
            raise NotUnderstood(f"{name} is a list of numbers, and {_shown(part)} is not one.")
    return list(dict.fromkeys(one for one in found if one is not None))


def _shown(text: str) -> str:
    return printable(text, "?", most=40)
