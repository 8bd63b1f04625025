"""What a fake of one mining program is: its protocol, and a pure renderer from a snapshot to its answers."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from rigfarm.simulate.miners.model import Model, Snapshot

__all__ = ["FakeProgram", "Protocol", "as_json", "programs"]

Protocol = Literal["http", "tcp"]


@dataclass(frozen=True)
class FakeProgram:
    """One program, in a module of its own as `PROGRAM`, found by being there."""

    name: str
    """The name of the adapter that reads it."""
    software: str
    protocol: Protocol
    answer: Callable[[str, Snapshot], bytes | None]
    """Pure: the request (an HTTP path, or the line that came over TCP) and the moment; None for what the program does
    not know. What it returns for TCP is sent as it is, and the connection closed."""
    example: Model
    """A rig such as this program is used on."""
    dual: bool = False
    """Whether the program can mine two algorithms at once."""
    pci: bool = True
    """Whether it tells its cards' PCI addresses."""


@cache
def programs() -> Mapping[str, FakeProgram]:
    """Every fake by name."""
    package = importlib.import_module("rigfarm.simulate.miners")
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if module.name != "__main__"]
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    found = [candidate for module in modules if isinstance(candidate := vars(module).get("PROGRAM"), FakeProgram)]
    return {program.name: program for program in found}


def as_json(tree: object) -> bytes:
    """A page of JSON."""
    return json.dumps(tree).encode()
