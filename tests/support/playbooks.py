"""A playbook whose program mines nothing, with all that it needs, made by the API as an operator's script would."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.program.pack import pack

__all__ = ["add_playbook", "apply", "make_playbook", "upload"]


def upload(commander: CommanderProcess, archive: bytes, **changes: Any) -> int:
    """Pin a file; the id of its mining software."""
    fields = {
        "name": "Fake",
        "version": "1.0",
        "executable": "fakeminer",
        "adapter": "xmrig",
        "devices": "both",
        "api_arguments": "--http-host=127.0.0.1 --http-port=$API_PORT",
    }
    software = _made(commander, "software", fields | changes)
    commander.api("PUT", f"/api/software/{software}/archive", archive)
    commander.api("POST", f"/api/software/{software}/pin", {"sha256": hashlib.sha256(archive).hexdigest()})
    return software


def add_playbook(
    commander: CommanderProcess,
    software: int,
    template: str,
    name: str = "XMR",
    *,
    wallet: str = "48wallet",
    **more: Any,
) -> int:
    """One that mines XMR on CPUs; its id."""
    pool = {"name": f"{name} pool", "kind": "pool", "coin": "XMR", "urls": ["pool.test:3333"]}
    paid = {"name": f"{name} wallet", "kind": "wallet", "coin": "XMR", "wallet": wallet}
    ids = {f"{entry['kind']}_id": _made(commander, "addresses", entry) for entry in (pool, paid)}
    workload = {"slot": "cpu", "coin": "XMR", "algorithm": "rx/0", **ids}
    form = {"name": name, "software_id": software, "template": template, "workloads": [workload]}
    return _made(commander, "playbooks", form | more)


def make_playbook(
    commander: CommanderProcess,
    name: str = "XMR",
    template: str = "-o $CPU_POOL",
    archive: bytes | None = None,
    **more: Any,
) -> int:
    """One with mining software of its own (the fake program, unless told otherwise); its id."""
    software = upload(commander, archive or pack("tar.gz", salt=name), name=f"Fakeminer {name}")
    return add_playbook(commander, software, template, name, **more)


def apply(commander: CommanderProcess, playbook: int, rigs: list[int]) -> None:
    """Have rigs run it."""
    commander.api("POST", f"/api/playbooks/{playbook}/apply", {"rigs": rigs})


def _made(commander: CommanderProcess, noun: str, fields: dict[str, Any]) -> int:
    return int(cast("dict[str, Any]", commander.api("POST", f"/api/{noun}", fields))["id"])
