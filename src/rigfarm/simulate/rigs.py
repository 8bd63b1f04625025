"""Simulated CPU/GPU rigs: a model of a machine's warmth and power, and sensors that read it through the Sentry's own
code.

The model is stepped in s, so a test can run an hour in no time; the sensors step it by the clock. What it mines with is
handed to the fake mining programs as their model, so that program and sensors tell of the same cards.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from rigfarm import __version__
from rigfarm.sentry.sensors import Sensors, SourceReading
from rigfarm.simulate.miners.model import Model
from rigfarm.wire.log import Device
from rigfarm.wire.specs import GpuSpecs, Specs

__all__ = ["SimCpu", "SimGpu", "SimRig", "SimulatedMachine", "SimulatedSensors", "demo_rigs"]

_GPU_WARMS_S, _CPU_WARMS_S = 40.0, 8.0
"""Time in which a part covers two thirds of the way to its settled temperature."""
_THROTTLE_C = 90.0


@dataclass
class SimGpu:
    """One card: its nominal values, then its state at this moment."""

    pci: str
    name: str = "NVIDIA GeForce RTX 3070"
    hashrate: float = 60.5e6
    """H/s at full load."""
    power_w: float = 125.0
    """At full load."""
    memory_bytes: int = 8 << 30
    core_mhz: float = 1440.0
    memory_mhz: float = 6800.0
    load: float = 1.0
    """0..1, what the mining program makes of it."""
    fan_broken: bool = False
    lost: bool = False
    """Fell off the bus."""
    core_c: float = 55.0
    drawn_w: float = 20.0
    fan_percent: float = 30.0

    @property
    def vendor(self) -> str:
        """NVIDIA or AMD, as the name tells."""
        return "NVIDIA" if "NVIDIA" in self.name else "AMD"

    @property
    def memory_c(self) -> float:
        """°C of the memory, always the warmer part."""
        return self.core_c + 6 + 20 * self.drawn_w / self.power_w

    @property
    def rate(self) -> float:
        """H/s at this moment: none when lost, less when it throttles."""
        throttled = max(0.2, 1 - max(0.0, self.core_c - _THROTTLE_C) / 15)
        return 0.0 if self.lost else self.hashrate * self.load * throttled

    def step(self, seconds: float, ambient_c: float, noise: random.Random) -> None:
        """Let `seconds` pass."""
        self.drawn_w = (12 + (self.power_w - 12) * self.load) * noise.uniform(0.98, 1.02)
        self.fan_percent = 0.0 if self.fan_broken else min(100.0, max(30.0, 30 + (self.core_c - 45) * 2.2))
        airflow = 0.45 + self.fan_percent / 110
        settled = ambient_c + 34 * self.drawn_w / self.power_w / airflow
        self.core_c = _toward(self.core_c, settled, seconds / _GPU_WARMS_S) + noise.uniform(-0.2, 0.2)


@dataclass
class SimCpu:
    """The processor: its nominal values, then its state at this moment."""

    name: str = "AMD Ryzen 9 5950X 16-Core Processor"
    cores: int = 16
    threads: int = 32
    power_w: float = 118.0
    """At full load."""
    load: float = 0.1
    core_c: float = 41.0
    drawn_w: float = 20.0

    def step(self, seconds: float, ambient_c: float, noise: random.Random) -> None:
        """Let `seconds` pass."""
        self.drawn_w = (14 + (self.power_w - 14) * self.load) * noise.uniform(0.97, 1.03)
        settled = ambient_c + self.drawn_w * 0.42
        self.core_c = _toward(self.core_c, settled, seconds / _CPU_WARMS_S) + noise.uniform(-0.3, 0.3)


@dataclass
class SimRig:
    """A machine with a processor and any number of cards. The same seed gives the same life."""

    name: str
    gpus: list[SimGpu] = field(default_factory=list)
    cpu: SimCpu = field(default_factory=SimCpu)
    ram_bytes: int = 16 << 30
    ambient_c: float = 24.0
    lan_ip: str = "10.20.0.11"
    seed: int = 1
    age_s: float = 0.0

    def __post_init__(self) -> None:
        self._noise = random.Random(self.seed)

    def step(self, seconds: float) -> None:
        """Let `seconds` pass; the room's temperature follows a slow wave."""
        self.age_s += seconds
        ambient = self.ambient_c + 2 * math.sin(self.age_s / 700 + self.seed)
        for gpu in self.gpus:
            gpu.step(seconds, ambient, self._noise)
        self.cpu.step(seconds, ambient, self._noise)

    def mined_by(self, program: Model) -> Model:
        """`program` with this rig's cards: the model to give a fake mining program that runs here. Ask again after
        something happened to a card."""
        if not program.gpus:
            return program
        pattern = program.gpus[0]
        share = [rate / pattern.rates[0] if pattern.rates[0] else 0.0 for rate in pattern.rates]
        cards = tuple(
            replace(
                pattern,
                pci=gpu.pci,
                name=gpu.name,
                rates=tuple(gpu.rate * part for part in share),
                core_c=gpu.core_c,
                memory_c=gpu.memory_c,
                power_w=gpu.drawn_w,
                core_mhz=gpu.core_mhz,
                memory_mhz=gpu.memory_mhz,
                dead=gpu.lost,
            )
            for gpu in self.gpus
        )
        return replace(program, gpus=cards)


class SimulatedSource:
    """A sensor source (see `rigfarm.sentry.sensors.source`) that reads the model instead of a kernel."""

    name = "simulated"
    title = "Simulated rig"

    def __init__(self, rig: SimRig, clock: Callable[[], float]) -> None:
        self._rig = rig
        self._clock = clock
        self._last = clock()

    def read(self) -> SourceReading:
        now = self._clock()
        self._rig.step(now - self._last)
        self._last = now
        gpus = [_gpu_device(gpu) for gpu in self._rig.gpus if not gpu.lost]
        return SourceReading(devices=[_cpu_device(self._rig.cpu), *gpus])

    def gpu_specs(self) -> list[GpuSpecs]:
        return [_gpu_specs(gpu) for gpu in self._rig.gpus if not gpu.lost]

    def close(self) -> None:
        """Holds nothing."""


class SimulatedSensors(Sensors):
    """The Sentry's own sensors, with the model as their only source."""

    def __init__(
        self, rig: SimRig, known_path: Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(sources=[SimulatedSource(rig, clock)], known_path=known_path)
        self.rig = rig


class SimulatedMachine:
    """What a simulated rig is: the `Machine` that `rigfarm.sentry.rig.part` asks."""

    def __init__(self, rig: SimRig, uptime_s: float = 3600.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._rig = rig
        self._clock = clock
        self._booted = clock() - uptime_s

    def specs(self, gpus: list[GpuSpecs]) -> Specs:
        """The rig's, with these GPUs."""
        cpu = self._rig.cpu
        return Specs(
            sentry_version=__version__,
            hostname=self._rig.name,
            os="Debian GNU/Linux 12 (bookworm)",
            kernel="6.1.0-simulated",
            cpu=cpu.name,
            cpu_cores=cpu.cores,
            cpu_threads=cpu.threads,
            ram_bytes=self._rig.ram_bytes,
            board="Simulated B550",
            bios="simulated 1.0",
            gpus=gpus,
        )

    def uptime_s(self) -> float:
        """Since its imagined boot."""
        return self._clock() - self._booted

    def lan_ip(self) -> str:
        """Its imagined address."""
        return self._rig.lan_ip


_CARDS = (
    SimGpu("", "NVIDIA GeForce RTX 3070", 60.5e6, 125, 8 << 30),
    SimGpu("", "NVIDIA GeForce RTX 3080", 98.0e6, 228, 10 << 30, 1120, 10200),
    SimGpu("", "NVIDIA GeForce RTX 3060 Ti", 60.1e6, 119, 8 << 30, 1410, 8000),
    SimGpu("", "AMD Radeon RX 6800 XT", 63.9e6, 118, 16 << 30, 1305, 1070),
    SimGpu("", "AMD Radeon RX 5700 XT", 54.8e6, 104, 8 << 30, 1300, 930),
)
_CPUS = (
    SimCpu(),
    SimCpu("Intel(R) Core(TM) i5-10400 CPU @ 2.90GHz", 6, 12, 65),
    SimCpu("AMD EPYC 7443P 24-Core Processor", 24, 48, 190),
)


def demo_rigs(count: int, seed: int = 1) -> list[SimRig]:
    """`count` different rigs: every fourth without cards, the others with four to eight of one kind."""
    noise = random.Random(seed)
    return [_demo_rig(number, noise) for number in range(count)]


def _demo_rig(number: int, noise: random.Random) -> SimRig:
    cards = 0 if number % 4 == 3 else noise.randint(4, 8)
    kind = noise.choice(_CARDS)
    return SimRig(
        name=f"rig-{number + 1:02}",
        gpus=[replace(kind, pci=f"0000:{bus:02x}:00.0") for bus in range(1, cards + 1)],
        cpu=replace(noise.choice(_CPUS), load=0.15 if cards else 0.95),
        ram_bytes=noise.choice((8, 16, 32)) << 30,
        ambient_c=noise.uniform(19, 29),
        lan_ip=f"10.20.{number // 200}.{11 + number % 200}",
        seed=noise.getrandbits(31),
    )


def _toward(value: float, settled: float, passed: float) -> float:
    return value + (settled - value) * (1 - math.exp(-passed))


def _gpu_device(gpu: SimGpu) -> Device:
    return Device(
        kind="gpu",
        index=0,
        id=gpu.pci,
        name=gpu.name,
        core_c=round(gpu.core_c),
        memory_c=round(gpu.memory_c),
        core_mhz=gpu.core_mhz,
        memory_mhz=gpu.memory_mhz,
        fan_percent=round(gpu.fan_percent),
        power_w=round(gpu.drawn_w, 1),
        power_limit_w=gpu.power_w * 1.2,
    )


def _cpu_device(cpu: SimCpu) -> Device:
    return Device(kind="cpu", index=0, name=cpu.name, core_c=round(cpu.core_c, 1), power_w=round(cpu.drawn_w, 1))


def _gpu_specs(gpu: SimGpu) -> GpuSpecs:
    return GpuSpecs(
        id=gpu.pci,
        name=gpu.name,
        vendor=gpu.vendor,
        memory_bytes=gpu.memory_bytes,
        driver="simulated",
        power_limit_w=gpu.power_w * 1.2,
        power_limit_min_w=gpu.power_w * 0.5,
        power_limit_max_w=gpu.power_w * 1.4,
    )
