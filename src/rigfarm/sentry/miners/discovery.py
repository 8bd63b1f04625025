"""Adapters register themselves by being there: a module with an `ADAPTER`, in this folder or in one of the operator's.

The operator's folder is looked at last, so a file there replaces the adapter of the same name that ships with Rigfarm:
a program that changed its API can be read again without waiting for a release.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType

import structlog

from rigfarm.sentry.miners.adapter import MinerAdapter

__all__ = ["adapters"]

_log = structlog.get_logger(__name__)


def adapters(extra_dirs: Iterable[Path | str] = ()) -> Mapping[str, MinerAdapter]:
    """Every adapter by name. A file in `extra_dirs` that cannot be used is left out, with an error in the log."""
    found = dict(_shipped())
    for directory in extra_dirs:
        for path in sorted(Path(directory).glob("*.py")):
            found.update((adapter.name, adapter) for adapter in _from_file(path))
    return MappingProxyType(found)


@cache
def _shipped() -> Mapping[str, MinerAdapter]:
    package = importlib.import_module("rigfarm.sentry.miners")
    names = (module.name for module in pkgutil.iter_modules(package.__path__, prefix=f"{package.__name__}."))
    found = (adapter for name in names for adapter in _in_module(importlib.import_module(name)))
    return {adapter.name: adapter for adapter in found}


def _in_module(module: ModuleType) -> Iterator[MinerAdapter]:
    candidate = vars(module).get("ADAPTER")
    if isinstance(candidate, MinerAdapter):
        yield candidate


def _from_file(path: Path) -> Iterator[MinerAdapter]:
    if path.stat().st_mode & stat.S_IWOTH:
        _log.error("miner adapter not loaded: every user of this machine may write it", path=str(path), fix="chmod o-w")
        return
    try:
        module = _load(path)
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever another's file raises costs that file only
        _log.error("miner adapter not loaded", path=str(path), error=repr(error))
        return
    found = list(_in_module(module))
    if not found:
        _log.error("miner adapter not loaded: the file has no ADAPTER", path=str(path))
    yield from found


def _load(path: Path) -> ModuleType:
    name = f"rigfarm_miner_plugins.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # msgspec looks a Struct's annotations up in its module
    spec.loader.exec_module(module)
    return module
