"""Rigel 1.2: one page, everything keyed by algorithm."""

from __future__ import annotations

from rigfarm.simulate.miners.model import Algorithm, Gpu, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram, as_json


def answer(request: str, now: Snapshot) -> bytes | None:
    """The one page."""
    return as_json(_page(now)) if request in ("/", "/stat") else None


def _page(now: Snapshot) -> dict[str, object]:
    names = [algorithm.name for algorithm in now.algorithms]
    return {
        "name": "rigel",
        "version": now.version,
        "os_name": "Linux",
        "cuda_driver": "535.171.04",
        "uptime": int(now.uptime_s),
        "algorithm": "+".join(names),
        "watchdog": "off",
        "pools": {algorithm.name: [_pool(algorithm)] for algorithm in now.algorithms},
        "devices": [_device(gpu, index, names, now) for index, gpu in enumerate(now.gpus)],
        "solution_stat": {
            algorithm.name: {
                "accepted": algorithm.accepted,
                "rejected": algorithm.rejected,
                "invalid": algorithm.invalid,
            }
            for algorithm in now.algorithms
        },
        "hashrate": {algorithm.name: algorithm.rate if now.measured else None for algorithm in now.algorithms},
        "power_usage": sum(gpu.power_w for gpu in now.gpus),
    }


def _pool(algorithm: Algorithm) -> dict[str, object]:
    host, _, port = algorithm.pool.partition(":")
    return {
        "id": 0,
        "connection_details": {
            "protocol": "stratum",
            "username": algorithm.wallet,
            "password": None,
            "worker": algorithm.worker,
            "hostname": host,
            "port": int(port or 0),
            "ssl": False,
            "dns_mode": "system",
        },
        "state": {"issued_job": "5f3a"},
        "average_latency_ms": 38.0,
        "solution_stat": {"accepted": algorithm.accepted, "rejected": algorithm.rejected, "invalid": 0},
    }


def _device(gpu: Gpu, index: int, names: list[str], now: Snapshot) -> dict[str, object]:
    alive = now.measured and not gpu.dead
    return {
        "id": index,
        "selected": True,
        "name": gpu.name,
        "total_mem": 8_589_934_592,
        "pci_address": gpu.pci,
        "state": "crashed" if gpu.dead else "mining",
        "solution_stat": {name: {"accepted": gpu.accepted[n]} for n, name in enumerate(names)},
        "monitoring_info": {
            "core_temperature": gpu.core_c,
            "memory_temperature": gpu.memory_c,
            "fan_speed": gpu.fan_percent,
            "power_usage": gpu.power_w,
            "core_clock": gpu.core_mhz,
            "memory_clock": gpu.memory_mhz,
        },
        "hashrate": {name: gpu.rates[n] if alive else None for n, name in enumerate(names)},
    }


PROGRAM = FakeProgram(
    name="rigel",
    software="Rigel",
    protocol="http",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("octopus", "CFX", pool="cfx.pool.example:3094"),),
        gpus=gpus(6, 48_600_000.0),
        version="1.21.0",
        warmup_s=25.0,
    ),
    dual=True,
)
