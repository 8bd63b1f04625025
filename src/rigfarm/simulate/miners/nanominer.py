"""nanominer 3: BoringAPI at `/stats`; hashrates are texts such as "4.590000e+06"."""

from __future__ import annotations

from rigfarm.simulate.miners.model import Algorithm, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram, as_json


def answer(request: str, now: Snapshot) -> bytes | None:
    """The one page."""
    return as_json(_page(now)) if request == "/stats" else None


def _page(now: Snapshot) -> dict[str, object]:
    algorithms = {algorithm.name: _algorithm(now, n) for n, algorithm in enumerate(now.algorithms)}
    return {"Algorithms": [algorithms], "Devices": [_devices(now)], "WorkTime": int(now.uptime_s)}


def _algorithm(now: Snapshot, position: int) -> dict[str, object]:
    algorithm = now.algorithms[position]
    cards = {
        f"GPU {index}": _figures(gpu.rates[position], gpu.accepted[position], gpu.rejected[position])
        for index, gpu in enumerate(now.gpus)
    }
    cpu = now.cpu
    processor = {"CPU": _figures(cpu.rates[position], cpu.accepted[position], cpu.rejected[position])} if cpu else {}
    return {
        **processor,
        "CurrentPool": algorithm.pool,
        **cards,
        "ReconnectionCount": 0,
        "Total": _figures(algorithm.rate, algorithm.accepted, algorithm.rejected),
    }


def _figures(rate: float, accepted: int, denied: int) -> dict[str, object]:
    return {"Accepted": accepted, "Denied": denied, "Hashrate": f"{rate:e}"}


def _devices(now: Snapshot) -> dict[str, object]:
    processor = {"CPU": {"Name": now.cpu.name, "Platform": "CPU"}} if now.cpu else {}
    cards = {
        f"GPU {index}": {
            "Name": gpu.name,
            "Platform": "CUDA",
            "Pci": gpu.pci[5:],
            "Fan": gpu.fan_percent,
            "Temperature": gpu.core_c,
            "Power": gpu.power_w,
        }
        for index, gpu in enumerate(now.gpus)
    }
    return {**processor, **cards}


PROGRAM = FakeProgram(
    name="nanominer",
    software="nanominer",
    protocol="http",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("FiroPow", "FIRO", pool="firo.pool.example:3104"),),
        gpus=gpus(4, 22_900_000.0),
        version="3.9.2",
        warmup_s=30.0,
    ),
    dual=True,
)
