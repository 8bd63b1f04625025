"""Claymore's remote protocol, which several programs speak: lines of JSON-RPC, texts full of semicolons."""

from __future__ import annotations

import json

from rigfarm.simulate.miners.model import Algorithm, Snapshot

__all__ = ["reply"]


def reply(request: str, now: Snapshot, banner: str, factor: float, *, extended: bool) -> bytes:
    """The answer to a line. `factor` is how many H/s a rate counts; `extended`: `miner_getstat2` is known."""
    try:
        question = json.loads(request)
        number, method = question["id"], question["method"]
    except (ValueError, KeyError, TypeError):
        return _line({"id": None, "jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}})
    if method == "miner_getstat1" or (extended and method == "miner_getstat2"):
        fields = _fields(now, banner, factor) + (_more(now) if method == "miner_getstat2" else [])
        return _line({"id": number, "jsonrpc": "2.0", "result": fields})
    return _line({"id": number, "jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}})


def _line(tree: object) -> bytes:
    return json.dumps(tree).encode() + b"\n"


def _fields(now: Snapshot, banner: str, factor: float) -> list[str]:
    second = now.second
    off = ";".join("off" for _ in now.gpus)
    return [
        banner,
        str(int(now.uptime_s // 60)),
        _totals(now.first, factor),
        _rates(now, 0, factor),
        _totals(second, factor) if second else "0;0;0",
        _rates(now, 1, factor) if second else off,
        ";".join(f"{gpu.core_c:.0f};{gpu.fan_percent:.0f}" for gpu in now.gpus),
        ";".join(algorithm.pool for algorithm in now.algorithms),
        f"{now.first.invalid};0;{second.invalid if second else 0};0",
    ]


def _more(now: Snapshot) -> list[str]:
    """[9] to [11] shares per card, [12] to [14] those of the second coin, [15] buses."""
    accepted = ";".join(str(gpu.accepted[0]) for gpu in now.gpus)
    rejected = ";".join(str(gpu.rejected[0]) for gpu in now.gpus)
    none = ";".join("0" for _ in now.gpus)
    return [accepted, rejected, none, none, none, none, ";".join(str(gpu.bus) for gpu in now.gpus)]


def _totals(algorithm: Algorithm, factor: float) -> str:
    return f"{algorithm.rate / factor:.0f};{algorithm.accepted};{algorithm.rejected}"


def _rates(now: Snapshot, position: int, factor: float) -> str:
    return ";".join(f"{gpu.rates[position] / factor:.0f}" for gpu in now.gpus)
