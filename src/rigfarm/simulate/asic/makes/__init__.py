"""The makes there are: every `Make` in this package, found by being there."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from rigfarm.simulate.asic.makes.base import Make

__all__ = ["Make", "makes"]


@cache
def makes() -> dict[str, Make]:
    """Name -> make, in the order of their names."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return {kind.name: kind() for kind in sorted(Make.__subclasses__(), key=lambda kind: kind.name)}
