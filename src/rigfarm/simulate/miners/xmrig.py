"""XMRig 6 as `doc/api/2` of its repository describes it: `/2/summary`, `/2/backends`; `/1/summary` as before 2.99."""

from __future__ import annotations

from rigfarm.simulate.miners.model import Algorithm, Cpu, Gpu, Model, Snapshot
from rigfarm.simulate.miners.program import FakeProgram, as_json


def answer(request: str, now: Snapshot) -> bytes | None:
    """One page of the HTTP API."""
    if request in ("/2/summary", "/1/summary", "/api.json"):
        return as_json(_summary(now))
    return as_json(_backends(now)) if request == "/2/backends" else None


def _summary(now: Snapshot) -> dict[str, object]:
    first = now.first
    highest = first.rate * 1.04 if now.measured else None
    return {
        "id": "5f4c2e91a7b3d608",
        "worker_id": "rig",
        "uptime": int(now.uptime_s),
        "restricted": True,
        "results": {
            "diff_current": 120001,
            "shares_good": first.accepted,
            "shares_total": first.accepted + first.rejected,
            "hashes_total": int(first.rate * now.uptime_s),
        },
        "algo": first.name,
        "connection": {
            "pool": first.pool,
            "uptime": int(now.uptime_s),
            "ping": 38,
            "failures": 0,
            "algo": first.name,
            "accepted": first.accepted,
            "rejected": first.rejected,
        },
        "version": now.version,
        "kind": "miner",
        "ua": f"XMRig/{now.version} (Linux x86_64) libuv/1.49.2 gcc/13.2.1",
        "cpu": {"brand": now.cpu.name if now.cpu else "", "threads": now.cpu.threads if now.cpu else 0},
        "paused": now.paused,
        "hashrate": {"total": _windows(first.rate, now), "highest": highest},
        "hugepages": [now.cpu.threads, now.cpu.threads] if now.cpu else [0, 0],
    }


def _backends(now: Snapshot) -> list[dict[str, object]]:
    backends: list[dict[str, object]] = []
    if now.cpu:
        rate = now.cpu.rates[0]
        threads = [
            {"intensity": 1, "affinity": n, "av": 1, "hashrate": _windows(rate / now.cpu.threads, now)}
            for n in range(now.cpu.threads)
        ]
        backends.append(_backend("cpu", now, _windows(rate, now), threads))
    if now.gpus:
        cards = [_card(gpu, index, now) for index, gpu in enumerate(now.gpus)]
        backends.append(_backend("cuda", now, _windows(sum(gpu.rates[0] for gpu in now.gpus), now), cards))
    return backends


def _backend(
    kind: str, now: Snapshot, rates: list[float | None], threads: list[dict[str, object]]
) -> dict[str, object]:
    return {"type": kind, "enabled": True, "algo": now.first.name, "hashrate": rates, "threads": threads}


def _card(gpu: Gpu, index: int, now: Snapshot) -> dict[str, object]:
    return {
        "index": index,
        "threads": 32,
        "blocks": 38,
        "hashrate": _windows(gpu.rates[0], now),
        "name": gpu.name,
        "bus_id": gpu.pci[5:],
        "health": {
            "temperature": gpu.core_c,
            "power": gpu.power_w,
            "clock": gpu.core_mhz,
            "mem_clock": gpu.memory_mhz,
            "fan_speed": [gpu.fan_percent],
        },
    }


def _windows(rate: float, now: Snapshot) -> list[float | None]:
    """10 s, 60 s, 15 min; XMRig writes null for a window that is not full and for zero alike."""
    if not now.measured or not rate:
        return [None, None, None]
    return [round(rate, 2), round(rate * 0.998, 2), round(rate * 0.997, 2) if now.uptime_s >= 900 else None]


PROGRAM = FakeProgram(
    name="xmrig",
    software="XMRig",
    protocol="http",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("rx/0", "XMR", pool="xmr.pool.example:20064", shares_per_minute=2.0),),
        cpu=Cpu(rates=(15_800.0,)),
        version="6.22.2",
        warmup_s=12.0,
    ),
)
