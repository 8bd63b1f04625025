"""SRBMiner-MULTI: 3.6 at `/` and `/api/v2/status`; an older version also tells `now` and `mining_time`."""

from __future__ import annotations

from rigfarm.simulate.miners.model import Algorithm, Gpu, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram, as_json


def answer(request: str, now: Snapshot) -> bytes | None:
    """The one page."""
    newer = not now.version.startswith("2.")
    return as_json(_page(now, newer)) if request == "/" or (newer and request == "/api/v2/status") else None


def _page(now: Snapshot, newer: bool) -> dict[str, object]:
    time = {"uptime": int(now.uptime_s)} if newer else {"mining_time": int(now.uptime_s)}
    return {
        "rig_name": now.first.worker,
        "miner_version": now.version,
        **time,
        "total_cpu_workers": now.cpu.threads if now.cpu else 0,
        "total_gpu_workers": len(now.gpus),
        "total_workers": (now.cpu.threads if now.cpu else 0) + len(now.gpus),
        "gpu_devices": [_device(gpu, index) for index, gpu in enumerate(now.gpus)],
        "algorithms": [_algorithm(now, position, newer) for position in range(len(now.algorithms))],
    }


def _device(gpu: Gpu, index: int) -> dict[str, object]:
    return {
        "device": f"GPU{index}",
        "device_id": index,
        "model": gpu.name,
        "bus_id": gpu.bus,
        "kernel_id": 1,
        "core_clock": gpu.core_mhz,
        "memory_clock": gpu.memory_mhz,
        "asic_power": gpu.power_w,
        "fan_speed_rpm": int(gpu.fan_percent * 33),
        "temperature": gpu.core_c,
    }


def _algorithm(now: Snapshot, position: int, newer: bool) -> dict[str, object]:
    algorithm = now.algorithms[position]
    gpu_rates = {f"gpu{index}": gpu.rates[position] for index, gpu in enumerate(now.gpus)}
    cpu_rate = now.cpu.rates[position] if now.cpu else 0.0
    threads = now.cpu.threads if now.cpu else 0
    cpu_rates = {f"thread{n}": cpu_rate / threads for n in range(threads)}
    recent = {"1min": algorithm.rate} if newer else {"now": algorithm.rate, "1min": algorithm.rate}
    return {
        "id": position,
        "name": algorithm.name,
        "pool": {"pool": algorithm.pool, "difficulty": 4_000_000, "latency": 41, "uptime": int(now.uptime_s)},
        "shares": {
            "total": algorithm.accepted + algorithm.rejected,
            "accepted": algorithm.accepted,
            "rejected": algorithm.rejected,
            "avg_find_time": 10,
        },
        "hashrate": {
            **recent,
            "gpu": {"total": sum(gpu_rates.values()), **gpu_rates} if gpu_rates else {},
            "cpu": {"total": cpu_rate, **cpu_rates} if cpu_rates else {},
        },
    }


PROGRAM = FakeProgram(
    name="srbminer",
    software="SRBMiner-MULTI",
    protocol="http",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("xelishashv3", "XEL", pool="xel.pool.example:3390"),),
        gpus=gpus(4, 24_500.0, name="AMD Radeon RX 7900 XTX"),
        version="3.6.1",
        warmup_s=25.0,
    ),
    dual=True,
)
