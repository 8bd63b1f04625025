"""The answers of real devices that the fakes serve: see data/README.md for their source and licence."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

__all__ = ["Json", "recorded"]

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
"""Anything JSON can say; what a fake answers is changed in place before it is sent."""

_decoder = msgspec.json.Decoder()


def recorded(folder: str, name: str) -> Json:
    """A fresh copy of one recorded answer, or KeyError if the device was never asked that."""
    return _decoder.decode(_bytes(folder, name))  # type: ignore[no-any-return]  # recorded JSON of any shape


@cache
def _bytes(folder: str, name: str) -> bytes:
    path = files("rigfarm.simulate.asic") / "data" / folder / f"{name}.json"
    if not path.is_file():
        raise KeyError(f"{folder}/{name}")
    return path.read_bytes()
