"""TT-Miner: NVIDIA miner for Ethash and its relatives, ProgPow, KawPow, GhostRider, SHA256, …

Source: the author's answer in issue 46 of its repository (2024.1: `-b IP:PORT`); the protocol is Claymore's
(`phoenixminer.py`), with `miner_getstat1` only, and with rates in H/s where the others write kH/s. Its version says
"TT-Miner", which is how `parse` tells.
"""

from __future__ import annotations

from rigfarm.sentry.miners.adapter import MinerAdapter
from rigfarm.sentry.miners.phoenixminer import parse, question

ADAPTER = MinerAdapter(
    name="ttminer",
    software="TT-Miner",
    requests=(question("miner_getstat1"),),
    parse=parse,
    api_arguments="-b 127.0.0.1:$API_PORT",
)
