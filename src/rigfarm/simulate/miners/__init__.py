"""Fakes of mining programs: their real protocols on real sockets, with values that wander.

`async with FakeMiner("xmrig") as fake:` in a test, the demo or a benchmark; `python -m rigfarm.simulate.miners xmrig
--port 18080` as a process. One module per program, named like the adapter that reads it.
"""

from __future__ import annotations

from rigfarm.simulate.miners.faults import Fault
from rigfarm.simulate.miners.model import Algorithm, Cpu, Gpu, Model, Snapshot, gpus
from rigfarm.simulate.miners.program import FakeProgram, programs
from rigfarm.simulate.miners.server import FakeMiner

__all__ = [
    "Algorithm",
    "Cpu",
    "FakeMiner",
    "FakeProgram",
    "Fault",
    "Gpu",
    "Model",
    "Snapshot",
    "gpus",
    "programs",
]
