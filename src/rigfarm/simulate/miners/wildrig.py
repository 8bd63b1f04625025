"""WildRig Multi: the root page, like XMRig's of old, with `hwmon` beside it."""

from __future__ import annotations

from rigfarm.simulate.miners.model import Algorithm, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram, as_json


def answer(request: str, now: Snapshot) -> bytes | None:
    """The one page."""
    return as_json(_page(now)) if request == "/" else None


def _page(now: Snapshot) -> dict[str, object]:
    first = now.first
    return {
        "id": "5f4c2e91a7b3d608",
        "worker_id": "rig",
        "version": now.version,
        "kind": "opencl",
        "algo": first.name,
        "hashrate": {
            "total": _windows(first.rate, now),
            "highest": first.rate,
            "threads": [_windows(gpu.rates[0], now) for gpu in now.gpus],
        },
        "results": {
            "diff_current": 3,
            "shares_good": first.accepted,
            "shares_total": first.accepted + first.rejected,
            "shares_accepted": [gpu.accepted[0] for gpu in now.gpus],
            "shares_rejected": [gpu.rejected[0] for gpu in now.gpus],
            "shares_ignored": [0 for _ in now.gpus],
            "avg_time": 10,
        },
        "connection": {"pool": first.pool, "uptime": int(now.uptime_s), "ping": 44, "failures": 0},
        "hwmon": {
            "busID": [gpu.bus for gpu in now.gpus],
            "temp": [gpu.core_c for gpu in now.gpus],
            "fan": [gpu.fan_percent for gpu in now.gpus],
            "power": [gpu.power_w for gpu in now.gpus],
            "cclk": [gpu.core_mhz for gpu in now.gpus],
            "mclk": [gpu.memory_mhz for gpu in now.gpus],
        },
        "uptime": int(now.uptime_s),
    }


def _windows(rate: float, now: Snapshot) -> list[float | None]:
    """10 s, 60 s, 15 min."""
    return [round(rate, 2), round(rate, 2), round(rate, 2)] if now.measured else [None, None, None]


PROGRAM = FakeProgram(
    name="wildrig",
    software="WildRig Multi",
    protocol="http",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("evrprogpow", "EVR", pool="evr.pool.example:1111"),),
        gpus=gpus(5, 19_800_000.0, name="Radeon RX 6700 XT"),
        version="0.42.3",
        warmup_s=30.0,
    ),
)
