"""PhoenixMiner 6: Claymore's protocol, kH/s, with `miner_getstat2`."""

from __future__ import annotations

from rigfarm.simulate.miners.claymore import reply
from rigfarm.simulate.miners.model import Algorithm, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram


def answer(request: str, now: Snapshot) -> bytes | None:
    """One line of JSON-RPC."""
    return reply(request, now, f"{now.version} - {now.first.coin}", 1e3, extended=True)


PROGRAM = FakeProgram(
    name="phoenixminer",
    software="PhoenixMiner",
    protocol="tcp",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("etchash", "ETC", pool="etc.pool.example:1010"),),
        gpus=gpus(6, 30_400_000.0, name="Radeon RX 580"),
        version="6.2c",
        warmup_s=30.0,
    ),
    dual=True,
)
