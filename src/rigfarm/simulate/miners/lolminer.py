"""lolMiner 1.76 and later: the page `/summary` with `Algorithms` and `Workers`; PCI as bus:device, decimal."""

from __future__ import annotations

from rigfarm.simulate.miners.model import Algorithm, Gpu, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram, as_json

_MEGA = 1_000_000


def answer(request: str, now: Snapshot) -> bytes | None:
    """The one page, at the root too."""
    return as_json(_page(now)) if request in ("/", "/summary") else None


def _page(now: Snapshot) -> dict[str, object]:
    return {
        "Software": f"lolMiner {now.version}",
        "Session": {
            "Startup": int(now.started_unix),
            "Startup_String": "2025-06-15_15-06-40",
            "Uptime": int(now.uptime_s),
            "Last_Update": int(now.started_unix + now.uptime_s),
        },
        "Num_Workers": len(now.gpus),
        "Workers": [_worker(gpu, index) for index, gpu in enumerate(now.gpus)],
        "Num_Algorithms": len(now.algorithms),
        "Algorithms": [_algorithm(now, position) for position in range(len(now.algorithms))],
    }


def _worker(gpu: Gpu, index: int) -> dict[str, object]:
    return {
        "Index": index,
        "Name": gpu.name,
        "Power": gpu.power_w,
        "CCLK": gpu.core_mhz,
        "MCLK": gpu.memory_mhz,
        "Core_Temp": gpu.core_c,
        "Juc_Temp": gpu.core_c + 11,
        "Mem_Temp": gpu.memory_c,
        "Fan_Speed": gpu.fan_percent,
        "LHR_Unlock_Pct": 100.0,
        "Dual_Factor": 0.0,
        "PCIE_Address": f"{gpu.bus}:0",
    }


def _algorithm(now: Snapshot, position: int) -> dict[str, object]:
    algorithm = now.algorithms[position]
    return {
        "Algorithm": algorithm.name,
        "Algorithm_Appendix": "",
        "Pool": algorithm.pool,
        "User": f"{algorithm.wallet}.{algorithm.worker}",
        "Worker": algorithm.worker,
        "Performance_Unit": "Mh/s",
        "Performance_Factor": _MEGA,
        "Total_Performance": algorithm.rate / _MEGA,
        "Total_Accepted": algorithm.accepted,
        "Total_Rejected": algorithm.rejected,
        "Total_Stales": algorithm.stale,
        "Total_Errors": algorithm.invalid,
        "Worker_Performance": [gpu.rates[position] / _MEGA for gpu in now.gpus],
        "Worker_Accepted": [gpu.accepted[position] for gpu in now.gpus],
        "Worker_Rejected": [gpu.rejected[position] for gpu in now.gpus],
        "Worker_Stales": [0 for _ in now.gpus],
        "Worker_Errors": [0 for _ in now.gpus],
    }


PROGRAM = FakeProgram(
    name="lolminer",
    software="lolMiner",
    protocol="http",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("Autolykos V2", "ERG", pool="erg.pool.example:3110"),),
        gpus=gpus(6, 128_000_000.0, name="AMD Radeon RX 6800"),
        version="1.98a",
        warmup_s=20.0,
    ),
    dual=True,
)
