"""TeamRedMiner 0.10: the sgminer API, several commands joined by `+`, a digit behind a command for the algorithm."""

from __future__ import annotations

import json

from rigfarm.simulate.miners.model import Algorithm, Gpu, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram, as_json


def answer(request: str, now: Snapshot) -> bytes | None:
    """The answer to one JSON command; it ends with a NUL byte, as cgminer's does."""
    try:
        commands = str(json.loads(request)["command"]).split("+")
    except (ValueError, KeyError, TypeError):
        return _end(_status(now, "E", 14, "Invalid command"))
    if len(commands) == 1:
        return _end(_command(commands[0], now))
    return _end({command: _command(command, now) for command in commands})


def _end(tree: dict[str, object]) -> bytes:
    return as_json({**tree, "id": 1}) + b"\0"


def _command(command: str, now: Snapshot) -> dict[str, object]:
    name = command.rstrip("123")
    position = int(command[len(name) :] or 1) - 1
    if position >= len(now.algorithms):
        return _status(now, "E", 14, "Invalid command")
    if name == "summary":
        return {**_status(now, "S", 11, "Summary"), "SUMMARY": [_summary(now, position)]}
    if name == "devs":
        devs = [_dev(gpu, index, position, now) for index, gpu in enumerate(now.gpus)]
        return {**_status(now, "S", 9, f"{len(devs)} GPU(s)"), "DEVS": devs}
    if name == "devdetails":
        return {**_status(now, "S", 69, "Device Details"), "DEVDETAILS": [_detail(*at) for at in enumerate(now.gpus)]}
    if name == "pools":
        return {**_status(now, "S", 7, "1 Pool(s)"), "POOLS": [_pool(now, position)]}
    return _status(now, "E", 14, "Invalid command")


def _status(now: Snapshot, status: str, code: int, message: str) -> dict[str, object]:
    when = int(now.started_unix + now.uptime_s)
    return {
        "STATUS": [
            {
                "STATUS": status,
                "When": when,
                "Code": code,
                "Msg": message,
                "Description": f"TeamRedMiner {now.version}",
            }
        ]
    }


def _summary(now: Snapshot, position: int) -> dict[str, object]:
    algorithm = now.algorithms[position]
    return {
        "Elapsed": int(now.uptime_s),
        "MHS av": round(algorithm.rate / 1e6, 4),
        "KHS 30s": round(algorithm.rate / 1e3, 3),
        "KHS av": round(algorithm.rate / 1e3, 3),
        "Found Blocks": 0,
        "Accepted": algorithm.accepted,
        "Rejected": algorithm.rejected,
        "Hardware Errors": algorithm.invalid,
        "Stale": algorithm.stale,
    }


def _dev(gpu: Gpu, index: int, position: int, now: Snapshot) -> dict[str, object]:
    rate = gpu.rates[position]
    return {
        "GPU": index,
        "Enabled": "Y",
        "Status": "Dead" if gpu.dead else "Alive",
        "Temperature": float(gpu.core_c),
        "Fan Speed": int(gpu.fan_percent * 33),
        "Fan Percent": gpu.fan_percent,
        "GPU Clock": gpu.core_mhz,
        "Memory Clock": gpu.memory_mhz,
        "GPU Voltage": 0.775,
        "GPU Activity": 99 if now.measured and not gpu.dead else 0,
        "MHS av": round(rate / 1e6, 4),
        "KHS 30s": round(rate / 1e3, 3),
        "KHS av": round(rate / 1e3, 3),
        "Accepted": gpu.accepted[position],
        "Rejected": gpu.rejected[position],
        "Hardware Errors": 0,
    }


def _detail(index: int, gpu: Gpu) -> dict[str, object]:
    return {"DEVDETAILS": index, "ID": index, "Driver": "opencl", "Model": gpu.name, "Device Path": gpu.pci[5:]}


def _pool(now: Snapshot, position: int) -> dict[str, object]:
    algorithm = now.algorithms[position]
    return {
        "POOL": 0,
        "URL": f"stratum+tcp://{algorithm.pool}",
        "Status": "Alive",
        "Priority": 0,
        "User": f"{algorithm.wallet}.{algorithm.worker}",
        "Accepted": algorithm.accepted,
        "Rejected": algorithm.rejected,
        "Stratum Active": True,
    }


PROGRAM = FakeProgram(
    name="teamredminer",
    software="TeamRedMiner",
    protocol="tcp",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("etchash", "ETC", pool="etc.pool.example:1010"),),
        gpus=gpus(6, 61_200_000.0, name="Radeon RX 6800"),
        version="0.10.21",
        warmup_s=30.0,
    ),
    dual=True,
)
