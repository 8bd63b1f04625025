"""T-Rex 0.26: the page `/summary`, with `dual_stat` while it mines two algorithms."""

from __future__ import annotations

from rigfarm.simulate.miners.model import Algorithm, Gpu, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram, as_json


def answer(request: str, now: Snapshot) -> bytes | None:
    """One page of the HTTP API."""
    if request.split("?")[0] != "/summary":
        return None
    page = {
        **_stat(now, 0),
        "api": "4.2",
        "build_date": "Aug 12 2022 05:39:34",
        "description": "T-Rex NVIDIA GPU miner",
        "driver": "535.171.04",
        "name": "t-rex",
        "os": "linux",
        "revision": "1ac93c36f6b4",
        "success": 1,
        "time": int(now.started_unix + now.uptime_s),
        "uptime": int(now.uptime_s),
        "version": now.version,
        "watchdog_stat": {"built_in": False, "startup_ts": 0, "total_restarts": 0, "uptime": 0, "wd_version": ""},
    }
    return as_json({**page, "dual_stat": _stat(now, 1)} if now.second else page)


def _stat(now: Snapshot, position: int) -> dict[str, object]:
    algorithm = now.algorithms[position]
    return {
        "accepted_count": algorithm.accepted,
        "rejected_count": algorithm.rejected,
        "invalid_count": algorithm.invalid,
        "solved_count": 0,
        "active_pool": {
            "difficulty": "4.29 G",
            "ping": 33,
            "retries": 0,
            "url": f"stratum+tcp://{algorithm.pool}",
            "user": f"{algorithm.wallet}.{algorithm.worker}",
            "worker": "",
        },
        "algorithm": algorithm.name,
        "coin": algorithm.coin.lower(),
        "gpu_total": len(now.gpus),
        "gpus": [_gpu(gpu, index, position, now) for index, gpu in enumerate(now.gpus)],
        "hashrate": int(algorithm.rate),
        "hashrate_day": 0,
        "hashrate_hour": int(algorithm.rate),
        "hashrate_minute": int(algorithm.rate),
        "paused": now.paused,
    }


def _gpu(gpu: Gpu, index: int, position: int, now: Snapshot) -> dict[str, object]:
    rate = int(gpu.rates[position])
    return {
        "cclock": gpu.core_mhz,
        "device_id": index,
        "efficiency": f"{rate / 1000 / gpu.power_w:.0f}kH/W",
        "fan_speed": gpu.fan_percent,
        "gpu_id": index,
        "gpu_user_id": index,
        "hashrate": rate,
        "hashrate_day": 0,
        "hashrate_hour": rate,
        "hashrate_instant": rate,
        "hashrate_minute": rate,
        "intensity": 22.0,
        "mclock": gpu.memory_mhz,
        "memory_temperature": gpu.memory_c,
        "name": gpu.name.removeprefix("NVIDIA GeForce "),
        "paused": now.paused,
        "pci_bus": gpu.bus,
        "pci_domain": 0,
        "pci_id": 0,
        "power": gpu.power_w,
        "power_avr": gpu.power_w,
        "shares": {"accepted_count": gpu.accepted[position], "rejected_count": gpu.rejected[position]},
        "temperature": gpu.core_c,
        "vendor": "NVIDIA",
    }


PROGRAM = FakeProgram(
    name="trex",
    software="T-Rex",
    protocol="http",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("kawpow", "RVN", pool="rvn.pool.example:6060"),),
        gpus=gpus(6, 31_500_000.0),
        version="0.26.8",
        warmup_s=35.0,
    ),
    dual=True,
)
