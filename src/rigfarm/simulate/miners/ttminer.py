"""TT-Miner 2024: Claymore's protocol, H/s, without `miner_getstat2`."""

from __future__ import annotations

from rigfarm.simulate.miners.claymore import reply
from rigfarm.simulate.miners.model import Algorithm, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram


def answer(request: str, now: Snapshot) -> bytes | None:
    """One line of JSON-RPC."""
    return reply(request, now, f"TT-Miner {now.version}", 1.0, extended=False)


PROGRAM = FakeProgram(
    name="ttminer",
    software="TT-Miner",
    protocol="tcp",
    answer=answer,
    example=Model(
        algorithms=(Algorithm("progpow", "EPIC", pool="epic.pool.example:3333"),),
        gpus=gpus(4, 21_700_000.0),
        version="2024.1.6",
        warmup_s=20.0,
    ),
    dual=True,
    pci=False,
)
