"""The connection to NVIDIA's driver: made when there is one, given up when it is gone, tried again later."""

from __future__ import annotations

import ctypes
import importlib
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from rigfarm.sentry.sensors.nvml_library import DriverGone, Library
from rigfarm.sentry.sensors.pci import NVIDIA, PciCard, cards
from rigfarm.sentry.sensors.source import Problem, SourceFailed

__all__ = ["Driver", "load_pynvml"]

_RETRY_S = 30.0


def load_pynvml() -> ModuleType | None:
    """pynvml where the driver's library is installed; the import costs 3 MB that other rigs need not pay."""
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    return importlib.import_module("pynvml")


class Driver:
    """NVML, connected or not. A machine without NVIDIA cards has no driver and no problem."""

    def __init__(
        self, root: Path, load: Callable[[], ModuleType | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._root = root
        self._load = load
        self._clock = clock
        self._library: Library | None = None
        self._tried = float("-inf")
        self._problem: Problem | None = None

    def library(self) -> Library | None:
        """The library, connected; None where there is nothing to connect to. Raises SourceFailed where there should
        be."""
        if self._library is None and self._clock() - self._tried >= _RETRY_S:
            self._tried = self._clock()
            self._problem = self._connect()
        if self._library is None and self._problem is not None:
            raise SourceFailed(self._problem)
        return self._library

    def gone(self, reason: DriverGone) -> SourceFailed:
        """Let go of a driver that no longer answers, and say so."""
        self.let_go(_does_not_answer(reason))
        return SourceFailed(_does_not_answer(reason))

    def let_go(self, problem: Problem | None = None) -> None:
        """Disconnect, and stay so for a while."""
        library, self._library = self._library, None
        self._tried, self._problem = self._clock(), problem
        if library is not None:
            library.stop()

    def _connect(self) -> Problem | None:
        try:
            pynvml = self._load()
        except ImportError:
            return _NO_PACKAGE
        present = cards(self._root, NVIDIA)
        if pynvml is None:
            return _no_driver(present)
        library = Library(pynvml)
        try:
            library.start()
        except DriverGone as reason:
            # An image may bring every driver: without cards, one that does not start is no problem.
            return _does_not_answer(reason) if present else None
        self._library = library
        return None


_NO_PACKAGE = Problem(
    "NVIDIA cards",
    "the Python package nvidia-ml-py is not installed",
    "Install the Sentry from its Commander: New rig on the Commander's page shows the line.",
)


def _no_driver(present: list[PciCard]) -> Problem | None:
    """Cards without a driver are a problem, unless another one has them: to pass them on to a virtual machine."""
    waiting = [card for card in present if card.driver in (None, "nouveau")]
    if not waiting:
        return None
    nouveau = any(card.driver == "nouveau" for card in waiting)
    return Problem(
        f"NVIDIA cards ({', '.join(card.id for card in waiting)})",
        "the nouveau driver has them, which no mining program can use" if nouveau else "NVIDIA's driver is missing",
        "Install NVIDIA's driver (Debian: `apt install nvidia-driver`) and reboot.",
    )


def _does_not_answer(gone: DriverGone) -> Problem:
    if gone.updated:
        return Problem("NVIDIA cards", "the driver was updated and the old one still runs", "Reboot this machine.")
    return Problem(
        "NVIDIA cards",
        f"the driver does not answer ({gone})",
        "Run `nvidia-smi` and `dmesg | grep -i nvrm` to see why; a reboot loads it again.",
    )
