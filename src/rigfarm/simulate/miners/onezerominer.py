"""OneZeroMiner 1.8: the root page."""

from __future__ import annotations

from rigfarm.simulate.miners.model import Algorithm, Gpu, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram, as_json


def answer(request: str, now: Snapshot) -> bytes | None:
    """The one page."""
    return as_json(_page(now)) if request == "/" else None


def _page(now: Snapshot) -> dict[str, object]:
    return {
        "name": "onezerominer",
        "version": now.version,
        "start_time": int(now.started_unix),
        "start_time_str": "2025-06-15 15:06:40",
        "uptime_seconds": int(now.uptime_s),
        "uptime_str": "",
        "last_update": int(now.started_unix + now.uptime_s),
        "devices": [_device(gpu, index) for index, gpu in enumerate(now.gpus)],
        "num_algos": len(now.algorithms),
        "algos": [_algorithm(now, position) for position in range(len(now.algorithms))],
    }


def _device(gpu: Gpu, index: int) -> dict[str, object]:
    return {
        "id": index,
        "bus_id": gpu.bus,
        "name": gpu.name,
        "vendor": "nvidia",
        "cclk": gpu.core_mhz,
        "mclk": gpu.memory_mhz,
        "temp": gpu.core_c,
        "mem_temp": gpu.memory_c,
        "fan": gpu.fan_percent,
        "power": gpu.power_w,
    }


def _algorithm(now: Snapshot, position: int) -> dict[str, object]:
    algorithm = now.algorithms[position]
    return {
        "id": position,
        "name": algorithm.name,
        "session": {"active": True, "next_session": 0},
        "pool": f"stratum+tcp://{algorithm.pool}",
        "pool_status": "connected",
        "hashrates": [gpu.rates[position] for gpu in now.gpus],
        "total_hashrate": algorithm.rate,
        "total_accepted_shares": algorithm.accepted,
        "total_rejected_shares": algorithm.rejected,
        "total_invalid_shares": algorithm.invalid,
        "devices_accepted_shares": [gpu.accepted[position] for gpu in now.gpus],
        "devices_rejected_shares": [gpu.rejected[position] for gpu in now.gpus],
    }


PROGRAM = FakeProgram(
    name="onezerominer",
    software="OneZeroMiner",
    protocol="http",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("qhash", "QTC", pool="qtc.pool.example:8010"),),
        gpus=gpus(6, 980_000_000.0, name="NVIDIA GeForce RTX 4070"),
        version="1.8.0",
        warmup_s=10.0,
    ),
    dual=True,
)
