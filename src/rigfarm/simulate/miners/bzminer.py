"""BzMiner 23: the page `/status`; one pool more than is mined to, with the garbage BzMiner leaves in it."""

from __future__ import annotations

from rigfarm.simulate.miners.model import Algorithm, Gpu, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram, as_json

_UNUSED = {
    "algorithm": "kawpow",
    "wallet": "0x0000000000000000000000000000000000000000",
    "url": ["stratum+tcp://yourpool:4444"],
    "username": "rig",
    "current_url": "stratum+tcp://yourpool:4444",
    "status": -771801344,
    "uptime_s": 0,
    "valid_solutions": 0,
    "rejected_solutions": 0,
    "hashrate": 0,
}


def answer(request: str, now: Snapshot) -> bytes | None:
    """The one page."""
    return as_json(_page(now)) if request == "/status" else None


def _page(now: Snapshot) -> dict[str, object]:
    used = [_pool(algorithm, position, now) for position, algorithm in enumerate(now.algorithms)]
    return {
        "method": "fullstatus",
        "rig_name": now.first.worker,
        "bzminer_version": f"v{now.version}",
        "cuda_driver_version": 12020,
        "uptime": "",
        "uptime_s": int(now.uptime_s),
        "watchdog_enabled": False,
        "pools": [*used, {"id": len(used), **_UNUSED}],
        "devices": [_device(gpu, now) for gpu in now.gpus],
    }


def _pool(algorithm: Algorithm, position: int, now: Snapshot) -> dict[str, object]:
    return {
        "id": position,
        "algorithm": algorithm.name,
        "wallet": algorithm.wallet,
        "url": [f"stratum+tcp://{algorithm.pool}"],
        "username": algorithm.worker,
        "current_url": f"stratum+tcp://{algorithm.pool}",
        "status": 2,
        "message": "",
        "uptime_s": int(now.uptime_s),
        "valid_solutions": algorithm.accepted,
        "invalid_solutions": algorithm.invalid,
        "rejected_solutions": algorithm.rejected,
        "stale_solutions": algorithm.stale,
        "total_solutions": algorithm.accepted + algorithm.rejected,
        "hashrate": algorithm.rate,
    }


def _device(gpu: Gpu, now: Snapshot) -> dict[str, object]:
    return {
        "name": gpu.name,
        "vendor": 1,
        "uid": f"{gpu.bus}:0",
        "pci_bus_id": gpu.bus,
        "pci_device_id": 0,
        "pool": list(range(len(now.algorithms))),
        "hashrate": list(gpu.rates),
        "status": [2 for _ in now.algorithms],
        "message": ["mining" for _ in now.algorithms],
        "valid_solutions": list(gpu.accepted),
        "rejected_solutions": list(gpu.rejected),
        "core_temp": gpu.core_c,
        "mem_temp": gpu.memory_c,
        "fan": gpu.fan_percent,
        "power": gpu.power_w,
        "clock_rate": gpu.core_mhz,
        "memory_rate": gpu.memory_mhz,
    }


PROGRAM = FakeProgram(
    name="bzminer",
    software="BzMiner",
    protocol="http",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("kaspa", "KAS", pool="kas.pool.example:3112"),),
        gpus=gpus(6, 640_000_000.0),
        version="23.0.2",
        warmup_s=10.0,
    ),
    dual=True,
)
