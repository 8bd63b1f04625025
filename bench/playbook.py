"""A Commander with a playbook whose program mines nothing, for the benchmarks of playbooks."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from rigfarm.simulate.commander import CommanderProcess

__all__ = ["add_playbook", "upload"]


def upload(commander: CommanderProcess, archive: bytes) -> int:
    """Pin a file; the id of its mining software."""
    fields = {"name": "Fake", "version": "1.0", "executable": "fakeminer", "adapter": "xmrig", "devices": "cpu"}
    api = {"api_arguments": "--http-host=127.0.0.1 --http-port=$API_PORT"}
    software = _id(commander.api("POST", "/api/software", {**fields, **api}))
    commander.api("PUT", f"/api/software/{software}/archive", archive)
    commander.api("POST", f"/api/software/{software}/pin", {"sha256": hashlib.sha256(archive).hexdigest()})
    return software


def add_playbook(commander: CommanderProcess, software: int, template: str, name: str = "XMR") -> int:
    """One that mines XMR on CPUs."""
    pool = {"name": f"{name} pool", "kind": "pool", "coin": "XMR", "urls": ["pool.test:3333"]}
    wallet = {"name": f"{name} wallet", "kind": "wallet", "coin": "XMR", "wallet": "48wallet"}
    ids = {f"{entry['kind']}_id": _id(commander.api("POST", "/api/addresses", entry)) for entry in (pool, wallet)}
    form = {"name": name, "software_id": software, "template": template}
    return _id(commander.api("POST", "/api/playbooks", {**form, "workloads": [{"slot": "cpu", "coin": "XMR", **ids}]}))


def _id(answer: object) -> int:
    return int(cast("dict[str, Any]", answer)["id"])
