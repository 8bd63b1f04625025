"""An operator who moves in from another product, and files as HiveOS's API answers them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rigfarm.commander.auth.changes import ChangeLog
from rigfarm.commander.changes import Change
from rigfarm.commander.imports import Farm, Imports
from rigfarm.commander.imports.model import Line, Plan, Result, Source
from rigfarm.commander.imports.sources import document_of
from rigfarm.commander.server.incidents import Incidents

WALLET = "kaspa:qqh2vt55p5zsrslk33dyqyz5aqg7qmqyax4hxgp4vr0dpc9fzyzyvdxcalkks"


def flight_sheet(name: str = "Kaspa", **changes: Any) -> dict[str, Any]:
    """One as HiveOS's API answers it; `changes` of its only program, `config` within its miner_config."""
    config = {"url": "%URL%", "algo": "kheavyhash", "pass": "x", "template": "%WAL%.%WORKER_NAME%", "ver": ""}
    config |= changes.pop("config", {})
    item = {
        "coin": "KAS",
        "pool": "herominers",
        "pool_ssl": False,
        "pool_urls": ["de.kaspa.herominers.com:1206", "fi.kaspa.herominers.com:1206"],
        "wal_id": 77,
        "miner": "lolminer",
        "miner_config": config,
    }
    return {"id": 5, "farm_id": 1, "name": name, "is_favorite": False, "items": [item | changes], "workers_count": 3}


def answer(*data: Any) -> str:
    """An answer of HiveOS's API."""
    return json.dumps({"data": list(data), "pagination": {"total": len(data), "page": 1}})


WALLETS = answer(
    {"id": 77, "user_id": 2, "name": "Main", "source": "", "wal": WALLET, "coin": "KAS", "fetch_balance": True}
)


class Mover:
    """Who moves in."""

    def __init__(self, farm: Farm) -> None:
        self.farm = farm
        self.recorded: list[Change] = []
        self.imports = Imports(farm, ChangeLog(Incidents(), self._record))

    async def _record(self, change: Change) -> None:
        self.recorded.append(change)

    async def plan(self, *texts: str, source: Source | None = None, new_rigs: bool = True) -> Plan:
        return await self.imports.plan([document_of(text) for text in texts], source, new_rigs=new_rigs)

    async def accept(self, *texts: str, new_rigs: bool = True, plan: Plan | None = None) -> dict[int, Result]:
        plan = plan or await self.plan(*texts, new_rigs=new_rigs)
        documents = [document_of(text) for text in texts]
        return (await self.imports.accept(documents, None, plan.digest, new_rigs=new_rigs))[1]


def said(lines: Sequence[Line], outcome: str = "") -> list[tuple[str, str]]:
    """(what, name) of lines."""
    return [(line.what, line.name) for line in lines if outcome in ("", line.outcome)]
