"""Find the sources: every module of this package that defines `open_source`. No list to extend."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import structlog

from rigfarm.sentry.sensors.source import Source

__all__ = ["discover"]

_log = structlog.get_logger(__name__)


def discover(root: Path) -> list[Source]:
    """One of each source, in the order of their names, looking at the machine whose sysfs is `root`."""
    return [module.open_source(root) for module in _modules() if hasattr(module, "open_source")]


def _modules() -> Iterator[ModuleType]:
    package = importlib.import_module(__package__ or "rigfarm.sentry.sensors")
    for entry in sorted(pkgutil.iter_modules(package.__path__), key=lambda entry: entry.name):
        try:
            yield importlib.import_module(f"{package.__name__}.{entry.name}")
        except ImportError:
            # A source whose library is not installed costs its own values only.
            _log.exception("sensor-source-not-loaded", source=entry.name)
