"""What every fake mining program mines with: one model of a rig, from which each renderer writes its program's page.

Everything is a function of the model and of the time since its start, so a fake can be restarted, and asked twice for
the same moment. Units as in the log: H/s, W, °C, MHz, %, s.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

__all__ = ["Algorithm", "Cpu", "Gpu", "Model", "Snapshot", "gpus"]


@dataclass(frozen=True)
class Algorithm:
    """One algorithm the program mines; two of them are dual mining."""

    name: str
    coin: str
    pool: str = "pool.example:4444"
    wallet: str = "WALLET"
    worker: str = "rig0"
    shares_per_minute: float = 6.0
    """Of one device."""
    # At one moment:
    rate: float = 0.0
    accepted: int = 0
    rejected: int = 0
    stale: int = 0
    invalid: int = 0


@dataclass(frozen=True)
class Gpu:
    """One card. `rates` is parallel to the model's algorithms."""

    pci: str
    rates: tuple[float, ...]
    name: str = "NVIDIA GeForce RTX 3070"
    core_c: float = 58.0
    memory_c: float = 84.0
    fan_percent: float = 65.0
    power_w: float = 120.0
    core_mhz: float = 1440.0
    memory_mhz: float = 7000.0
    dead: bool = False
    """Hangs: hashes nothing and finds no share, while the program goes on with the others."""
    # At one moment:
    accepted: tuple[int, ...] = ()
    rejected: tuple[int, ...] = ()

    @property
    def bus(self) -> int:
        """The bus number in the address."""
        return int(self.pci[5:7], 16)


@dataclass(frozen=True)
class Cpu:
    """The processor, where the program mines on it; `rates` is parallel to the model's algorithms."""

    rates: tuple[float, ...]
    name: str = "AMD Ryzen 9 5950X 16-Core Processor"
    threads: int = 16
    core_c: float = 71.0
    core_mhz: float = 4200.0
    # At one moment:
    accepted: tuple[int, ...] = ()
    rejected: tuple[int, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """The whole rig at one moment: what a renderer renders."""

    version: str
    uptime_s: float
    measured: bool
    """False until the program has its first figures: it then writes null, or 0, as is its way."""
    paused: bool
    algorithms: tuple[Algorithm, ...]
    gpus: tuple[Gpu, ...]
    cpu: Cpu | None
    started_unix: float = 1_750_000_000.0

    @property
    def first(self) -> Algorithm:
        """The algorithm of a program that is not dual mining."""
        return self.algorithms[0]

    @property
    def second(self) -> Algorithm | None:
        """The other one of dual mining."""
        return self.algorithms[1] if len(self.algorithms) > 1 else None


@dataclass(frozen=True)
class Model:
    """A rig and what it mines."""

    algorithms: tuple[Algorithm, ...]
    gpus: tuple[Gpu, ...] = ()
    cpu: Cpu | None = None
    version: str = "1.0.0"
    warmup_s: float = 0.0
    """How long nothing is measured after the start."""
    paused: bool = False
    wander: float = 0.02
    """How far a hashrate strays from its base, as a fraction."""
    seed: int = 1

    def at(self, elapsed_s: float) -> Snapshot:
        """The rig, `elapsed_s` after the program started."""
        measured = elapsed_s >= self.warmup_s
        hashing = measured and not self.paused
        gpus = tuple(self._gpu(gpu, f"gpu{n}", elapsed_s, hashing) for n, gpu in enumerate(self.gpus))
        cpu = self._cpu(self.cpu, elapsed_s, hashing) if self.cpu else None
        devices: tuple[Gpu | Cpu, ...] = (*gpus, cpu) if cpu else gpus
        return Snapshot(
            version=self.version,
            uptime_s=elapsed_s,
            measured=measured,
            paused=self.paused,
            algorithms=tuple(_sum(algorithm, n, devices) for n, algorithm in enumerate(self.algorithms)),
            gpus=gpus,
            cpu=cpu,
        )

    def _gpu(self, gpu: Gpu, key: str, elapsed_s: float, hashing: bool) -> Gpu:
        alive = hashing and not gpu.dead
        heat = self._wave(key, elapsed_s, 97.0)
        return replace(
            gpu,
            rates=self._rates(gpu.rates, key, elapsed_s) if alive else (0.0,) * len(gpu.rates),
            core_c=round(gpu.core_c + 3 * heat),
            memory_c=round(gpu.memory_c + 4 * heat),
            fan_percent=round(min(100.0, gpu.fan_percent + 6 * heat)),
            power_w=round(gpu.power_w * (1 + 0.04 * heat)) if alive else 18,
            accepted=self._shares(0.0 if gpu.dead else elapsed_s),
            rejected=self._shares(0.0 if gpu.dead else elapsed_s / 90),
        )

    def _cpu(self, cpu: Cpu, elapsed_s: float, hashing: bool) -> Cpu:
        return replace(
            cpu,
            rates=self._rates(cpu.rates, "cpu", elapsed_s) if hashing else (0.0,) * len(cpu.rates),
            core_c=round(cpu.core_c + 4 * self._wave("cpu", elapsed_s, 61.0), 1),
            accepted=self._shares(elapsed_s),
            rejected=self._shares(elapsed_s / 90),
        )

    def _rates(self, rates: tuple[float, ...], key: str, elapsed_s: float) -> tuple[float, ...]:
        stray = 1 + self.wander * self._wave(key, elapsed_s, 43.0)
        return tuple(rate * stray for rate in rates)

    def _shares(self, mining_s: float) -> tuple[int, ...]:
        return tuple(int(mining_s * algorithm.shares_per_minute / 60) for algorithm in self.algorithms)

    def _wave(self, key: str, elapsed_s: float, period_s: float) -> float:
        """-1..1, smooth, and different for every device and seed."""
        phase = random.Random(f"{self.seed}{key}").random() * math.tau
        turn = math.tau * elapsed_s / period_s
        return 0.7 * math.sin(turn + phase) + 0.3 * math.sin(2.7 * turn + 2 * phase)


def gpus(count: int, *rates: float, name: str = "NVIDIA GeForce RTX 3070") -> tuple[Gpu, ...]:
    """`count` equal cards on buses 1, 2, 3, …"""
    return tuple(Gpu(pci=f"0000:{bus:02x}:00.0", rates=rates, name=name) for bus in range(1, count + 1))


def _sum(algorithm: Algorithm, position: int, devices: tuple[Gpu | Cpu, ...]) -> Algorithm:
    accepted = sum(device.accepted[position] for device in devices)
    return replace(
        algorithm,
        rate=sum(device.rates[position] for device in devices if position < len(device.rates)),
        accepted=accepted,
        rejected=sum(device.rejected[position] for device in devices),
        stale=accepted // 150,
        invalid=accepted // 400,
    )
