"""A stand-in for the module `pynvml`: a driver whose cards can be lost, go silent, or hang, on request.

Answers have the shapes of nvidia-ml-py 13: mW, MHz, °C, bytes; an error is raised with NVML's number in `value`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

UNINITIALIZED, NOT_SUPPORTED, DRIVER_NOT_LOADED, GPU_IS_LOST, VERSION_MISMATCH, UNKNOWN = 1, 3, 9, 15, 18, 999


class NVMLError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return f"error {self.value}"


@dataclass
class Card:
    bus_id: str
    name: str | bytes = "NVIDIA GeForce RTX 3080"
    answers: dict[str, object] = field(default_factory=dict)
    memory_c: int | None = 86
    error: int | None = None
    """What every call about this card fails with."""


def healthy(bus_id: str, **answers: object) -> Card:
    """A card that answers everything."""
    usual: dict[str, object] = {
        "nvmlDeviceGetTemperature": 63,
        "nvmlDeviceGetClockInfo": {0: 1665, 2: 9251},
        "nvmlDeviceGetFanSpeed": 71,
        "nvmlDeviceGetFanSpeedRPM": 2450,
        "nvmlDeviceGetPowerUsage": 229_417,
        "nvmlDeviceGetEnforcedPowerLimit": 240_000,
        "nvmlDeviceGetPowerManagementLimitConstraints": [100_000, 370_000],
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=10_737_418_240),
        "nvmlDeviceGetVbiosVersion": "94.02.42.40.6C",
    }
    return Card(bus_id, answers=usual | answers)


class FakeNvml:
    """The driver. `module()` is what is imported in place of pynvml."""

    def __init__(self, *cards: Card) -> None:
        self.cards = list(cards)
        self.init_error: int | None = None
        self.error: int | None = None
        """What every call but nvmlInit fails with."""
        self.hang = threading.Event()
        self.hang.set()
        self.calls: list[str] = []

    def module(self) -> ModuleType:
        module = ModuleType("pynvml")
        module.NVMLError = NVMLError
        module.nvmlInit = self._init
        module.nvmlShutdown = lambda: self._driver("nvmlShutdown", None)
        module.nvmlSystemGetDriverVersion = lambda: self._driver("nvmlSystemGetDriverVersion", "550.120")
        module.nvmlDeviceGetCount = lambda: self._driver("nvmlDeviceGetCount", len(self.cards))
        module.nvmlDeviceGetHandleByIndex = self._handle
        module.nvmlDeviceGetPciInfo = lambda card: self._of(card, "nvmlDeviceGetPciInfo", _Pci(card.bus_id))
        module.nvmlDeviceGetName = lambda card: self._of(card, "nvmlDeviceGetName", card.name)
        module.nvmlDeviceGetFieldValues = self._fields
        module.nvmlDeviceGetClockInfo = lambda card, domain: self._clock(card, domain)
        module.nvmlDeviceGetTemperature = lambda card, sensor: self._value(card, "nvmlDeviceGetTemperature")
        for name in (
            "nvmlDeviceGetFanSpeed",
            "nvmlDeviceGetFanSpeedRPM",
            "nvmlDeviceGetPowerUsage",
            "nvmlDeviceGetEnforcedPowerLimit",
            "nvmlDeviceGetPowerManagementLimitConstraints",
            "nvmlDeviceGetMemoryInfo",
            "nvmlDeviceGetVbiosVersion",
        ):
            setattr(module, name, lambda card, name=name: self._value(card, name))
        return module

    def _init(self) -> None:
        self.calls.append("nvmlInit")
        if self.init_error is not None:
            raise NVMLError(self.init_error)

    def _driver(self, name: str, answer: object) -> object:
        self.calls.append(name)
        self.hang.wait(20)
        if self.error is not None:
            raise NVMLError(self.error)
        return answer

    def _handle(self, index: int) -> Card:
        card = self.cards[index]
        return self._of(card, "nvmlDeviceGetHandleByIndex", card)

    def _of(self, card: Card, name: str, answer):
        self._driver(name, None)
        if card.error is not None:
            raise NVMLError(card.error)
        return answer

    def _value(self, card: Card, name: str) -> object:
        self._of(card, name, None)
        if card.answers.get(name) is None:
            raise NVMLError(NOT_SUPPORTED)
        if isinstance(card.answers[name], NVMLError):
            raise card.answers[name]
        return card.answers[name]

    def _clock(self, card: Card, domain: int) -> object:
        clocks = self._value(card, "nvmlDeviceGetClockInfo")
        assert isinstance(clocks, dict)
        return clocks[domain]

    def _fields(self, card: Card, ids: list[int]) -> list[object]:
        self._of(card, "nvmlDeviceGetFieldValues", None)
        assert ids == [82]
        known = card.memory_c is not None
        return [
            SimpleNamespace(
                nvmlReturn=0 if known else NOT_SUPPORTED,
                valueType=1,
                value=SimpleNamespace(uiVal=card.memory_c if known else 0),
            )
        ]


class _Pci:
    def __init__(self, bus_id: str) -> None:
        self.busId = bus_id
