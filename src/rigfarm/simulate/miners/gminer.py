"""GMiner 3: the page `/stat`; PCI in full; a second algorithm under names that end with 2."""

from __future__ import annotations

from rigfarm.simulate.miners.model import Algorithm, Gpu, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram, as_json


def answer(request: str, now: Snapshot) -> bytes | None:
    """The one page."""
    return as_json(_page(now)) if request == "/stat" else None


def _page(now: Snapshot) -> dict[str, object]:
    parts = [_algorithm(algorithm, "2" if position else "") for position, algorithm in enumerate(now.algorithms)]
    return {
        "miner": f"GMiner {now.version}",
        "uptime": int(now.uptime_s),
        "extended_share_info": True,
        "shares_per_minute": now.first.shares_per_minute,
        "pool_speed": 0,
        "algorithm": " + ".join(algorithm.name for algorithm in now.algorithms),
        "electricity": 0.0,
        **{name: value for part in parts for name, value in part.items()},
        "devices": [_device(gpu, index) for index, gpu in enumerate(now.gpus)],
        "speed_rate_precision": 2,
        "speed_unit": "H/s",
        "power_unit": "H/W",
    }


def _algorithm(algorithm: Algorithm, suffix: str) -> dict[str, object]:
    return {
        f"server{suffix}": f"stratum://{algorithm.pool}",
        f"user{suffix}": f"{algorithm.wallet}.{algorithm.worker}",
        f"total_accepted_shares{suffix}": algorithm.accepted,
        f"total_rejected_shares{suffix}": algorithm.rejected,
        f"total_stale_shares{suffix}": algorithm.stale,
        f"total_invalid_shares{suffix}": algorithm.invalid,
    }


def _device(gpu: Gpu, index: int) -> dict[str, object]:
    dual = {"speed2": int(gpu.rates[1])} if len(gpu.rates) > 1 else {}
    return {
        "gpu_id": index,
        "bus_id": gpu.pci,
        "name": gpu.name,
        "speed": int(gpu.rates[0]),
        **dual,
        "accepted_shares": gpu.accepted[0],
        "rejected_shares": gpu.rejected[0],
        "stale_shares": 0,
        "invalid_shares": 0,
        "fan": gpu.fan_percent,
        "temperature": gpu.core_c,
        "temperature_limit": 90,
        "memory_temperature": gpu.memory_c,
        "memory_temperature_limit": 120,
        "core_clock": gpu.core_mhz,
        "memory_clock": gpu.memory_mhz,
        "power_usage": gpu.power_w,
    }


PROGRAM = FakeProgram(
    name="gminer",
    software="GMiner",
    protocol="http",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("equihash125_4", "FLUX", pool="flux.pool.example:7011"),),
        gpus=gpus(6, 62.0, name="NVIDIA GeForce RTX 3060 Ti"),
        version="3.44",
        warmup_s=15.0,
    ),
    dual=True,
)
