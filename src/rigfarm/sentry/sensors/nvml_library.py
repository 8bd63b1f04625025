"""NVIDIA's management library behind typed calls: a number, *unknown*, or one of the two ways in which it can be gone.

`pynvml` (of nvidia-ml-py) is handed in, so that tests speak for a driver that is not there.
Reference: NVML API Reference Guide, https://docs.nvidia.com/deploy/nvml-api/.
"""

from __future__ import annotations

import contextlib
from types import ModuleType

__all__ = ["CardLost", "DriverGone", "Library"]

_UNINITIALIZED = 1
_DRIVER_NOT_LOADED = 9
_GPU_IS_LOST = 15
_VERSION_MISMATCH = 18
_GONE = (_UNINITIALIZED, _DRIVER_NOT_LOADED, _VERSION_MISMATCH)
_NOT_TOLD = frozenset({2, 3, 4, 6, 7, 13, 21, 22, 24, 25, 26})
"""Invalid argument, not supported, no permission, not found, buffer too small, function not found, no data, not of a
virtual GPU, no such frequency, version mismatch of an argument, deprecated: this card or driver does not tell that. All
others (unknown error, timeout, no external power, reset required, …) are errors."""

_SENSOR_GPU = 0
_FIELD_MEMORY_TEMPERATURE = 82
_UNSIGNED_INT = 1


class CardLost(Exception):  # noqa: N818 - an event of the hardware
    """The card fell off the bus or is otherwise inaccessible."""


class DriverGone(Exception):  # noqa: N818 - a state of the driver, not a mistake
    """No driver answers any more (or yet). `code` is NVML's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def updated(self) -> bool:
        """The driver's files were updated and the old one still runs."""
        return self.code == _VERSION_MISMATCH


class Library:
    """The calls we make. A value that a card does not tell is None; a handle is opaque."""

    def __init__(self, pynvml: ModuleType) -> None:
        self._pynvml = pynvml
        self._errors: list[str] = []

    def errors(self) -> list[str]:
        """With which errors the driver has answered since this was asked last."""
        errors, self._errors = self._errors, []
        return errors

    def start(self) -> None:
        """Connect to the driver. Raises DriverGone."""
        try:
            self._pynvml.nvmlInit()
        except self._pynvml.NVMLError as error:
            raise DriverGone(error.value, str(error)) from None

    def stop(self) -> None:
        """Let go of the driver, if it is still there."""
        with contextlib.suppress(DriverGone, CardLost):
            self._call("nvmlShutdown")

    def cards(self) -> int:
        """How many cards the driver knows of, those that do not answer included."""
        return int(self.number("nvmlDeviceGetCount") or 0)

    def handle(self, index: int) -> object | None:
        """The handle of a card; None if it does not answer. Raises CardLost."""
        return self._call("nvmlDeviceGetHandleByIndex", index)

    def bus_id(self, handle: object) -> str | None:
        """The PCI address, as NVML writes it."""
        return _text(getattr(self._call("nvmlDeviceGetPciInfo", handle), "busId", None))

    def number(self, function: str, *arguments: object) -> float | None:
        """A call that answers one number. Raises CardLost, DriverGone."""
        return _number(self._call(function, *arguments))

    def text(self, function: str, *arguments: object) -> str | None:
        """A call that answers a text. Raises CardLost, DriverGone."""
        return _text(self._call(function, *arguments))

    def core_celsius(self, handle: object) -> float | None:
        """°C of the GPU itself. NVML's old call is understood by every driver, and due to be removed with CUDA 14."""
        old, new = "nvmlDeviceGetTemperature", "nvmlDeviceGetTemperatureV"
        return self.number(old if hasattr(self._pynvml, old) else new, handle, _SENSOR_GPU)

    def memory_celsius(self, handle: object) -> float | None:
        """°C of the memory, of the cards that tell it (HBM; no GeForce)."""
        fields = self._call("nvmlDeviceGetFieldValues", handle, [_FIELD_MEMORY_TEMPERATURE])
        if not isinstance(fields, (list, tuple)) and not hasattr(fields, "__getitem__"):
            return None
        field = fields[0]
        known = field.nvmlReturn == 0 and field.valueType == _UNSIGNED_INT
        return _number(field.value.uiVal) if known else None

    def memory_bytes(self, handle: object) -> float | None:
        """Size of the memory."""
        return _number(getattr(self._call("nvmlDeviceGetMemoryInfo", handle), "total", None))

    def power_limits(self, handle: object) -> tuple[float | None, float | None]:
        """The lowest and highest power limit that can be set, mW."""
        limits = self._call("nvmlDeviceGetPowerManagementLimitConstraints", handle)
        if not isinstance(limits, (list, tuple)) or len(limits) != 2:
            return None, None
        return _number(limits[0]), _number(limits[1])

    def _call(self, function: str, *arguments: object) -> object | None:
        call = getattr(self._pynvml, function, None)
        if call is None:
            return None
        try:
            answer: object = call(*arguments)
        except self._pynvml.NVMLError as error:
            if error.value == _GPU_IS_LOST:
                raise CardLost from None
            if error.value in _GONE:
                raise DriverGone(error.value, str(error)) from None
            if error.value not in _NOT_TOLD:
                self._errors.append(str(error))
            return None
        return answer


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip()[:200] or None if isinstance(value, str) else None
