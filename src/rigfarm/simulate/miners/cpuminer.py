"""cpuminer-opt: `summary` and `threads` as text, ended by a NUL byte."""

from __future__ import annotations

from rigfarm.simulate.miners.model import Algorithm, Cpu, Model, Snapshot
from rigfarm.simulate.miners.program import FakeProgram


def answer(request: str, now: Snapshot) -> bytes | None:
    """The answer to one command; an unknown one gets an empty line, as there."""
    command = request.split("|")[0]
    if command == "summary":
        return _summary(now).encode() + b"\0"
    return _threads(now).encode() + b"\0" if command == "threads" else b"\0"


def _summary(now: Snapshot) -> str:
    first, cpu = now.first, now.cpu
    minutes = max(now.uptime_s / 60, 1 / 60)
    fields = {
        "NAME": "cpuminer-opt",
        "VER": now.version,
        "API": "1.0",
        "ALGO": first.name,
        "CPUS": cpu.threads if cpu else 0,
        "URL": first.pool,
        "HS": f"{first.rate:.2f}",
        "KHS": f"{first.rate / 1e3:.2f}",
        "ACC": first.accepted,
        "REJ": first.rejected,
        "SOL": 0,
        "ACCMN": f"{first.accepted / minutes:.3f}",
        "DIFF": "0.038250",
        "TEMP": f"{cpu.core_c if cpu else 0:.1f}",
        "FAN": 0,
        "FREQ": int((cpu.core_mhz if cpu else 0) * 1e3),
        "UPTIME": f"{now.uptime_s:.0f}",
        "TS": int(now.started_unix + now.uptime_s),
    }
    return ";".join(f"{name}={value}" for name, value in fields.items()) + "|"


def _threads(now: Snapshot) -> str:
    cpu = now.cpu
    if cpu is None:
        return ""
    return "".join(f"CPU={n};kH/s={cpu.rates[0] / cpu.threads / 1e3:.2f}|" for n in range(cpu.threads))


PROGRAM = FakeProgram(
    name="cpuminer",
    software="cpuminer-opt",
    protocol="tcp",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("yespowerr16", "YTN", pool="ytn.pool.example:6239", shares_per_minute=3.0),),
        cpu=Cpu(rates=(5_120.0,)),
        version="24.5",
        warmup_s=8.0,
    ),
    pci=False,
)
