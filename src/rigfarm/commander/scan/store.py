"""Rigs by their MAC addresses and serial numbers, in memory: a code is looked up, whatever the size of the farm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from rigfarm.commander.codes import Code, mac_key, serial_key
from rigfarm.commander.events import Events, RigRemoved, SpecsChanged
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.wire.specs import Specs

__all__ = ["MAX_FOUND", "By", "CodeIndex", "Found"]

By = Literal["mac", "serial", "name"]
MAX_FOUND = 20
"""Rigs of one code: devices of some makes all have the same serial number."""
_Key = tuple[By, str]


class Found(Struct, frozen=True):
    """A rig, and by what of a code it was found."""

    rig: Rig
    by: tuple[By, ...]


class CodeIndex:
    """Follows what rigs say that they are made of."""

    def __init__(self, book: Rigs, events: Events) -> None:
        self._book = book
        self._rigs: dict[_Key, dict[int, None]] = {}
        self._keys: dict[int, tuple[_Key, ...]] = {}
        events.listen(SpecsChanged, lambda changed: self._put(changed.rig_id, changed.specs))
        events.listen(RigRemoved, lambda removed: self._put(removed.rig_id, None))

    async def load(self) -> None:
        """Take all rigs; once, before serving."""
        for rig in self._book.rigs.values():
            self._put(rig.id, rig.specs)

    def find(self, code: Code) -> list[Found]:
        """The rigs that a code means, at most MAX_FOUND: by MAC address, then serial number, then name."""
        by: dict[int, dict[By, None]] = {}
        for key in _keys_of(code):
            for rig_id in self._rigs.get(key, ()):
                by.setdefault(rig_id, {})[key[0]] = None
        for word in code.words:
            if (named := self._book.named(word)) is not None:
                by.setdefault(named.id, {})["name"] = None
        some = [one for one in by if one in self._book.rigs][:MAX_FOUND]
        return [Found(self._book.rigs[one], tuple(by[one])) for one in some]

    def _put(self, rig_id: int, specs: Specs | None) -> None:
        for key in self._keys.pop(rig_id, ()):
            self._rigs[key].pop(rig_id, None)
            if not self._rigs[key]:
                del self._rigs[key]
        keys = () if specs is None else tuple(_keys_in(specs))
        if keys:
            self._keys[rig_id] = keys
        for key in keys:
            self._rigs.setdefault(key, {})[rig_id] = None


def _keys_in(specs: Specs) -> Iterable[_Key]:
    if mac := mac_key(specs.mac or ""):
        yield "mac", mac
    if serial := serial_key(specs.serial or ""):
        yield "serial", serial


def _keys_of(code: Code) -> Iterable[_Key]:
    yield from (("mac", mac) for mac in code.macs)
    yield from (("serial", word) for word in code.words)
