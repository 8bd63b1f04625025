"""The demo's address book, mining software and playbooks; one of them runs for real on this machine, and mines nothing.

Pools are names that lead nowhere, the wallet is no one's, and the program is a fake that connects to nothing.
"""

from __future__ import annotations

import hashlib
from typing import Any, cast

from rigfarm.simulate.commander import CommanderProcess
from rigfarm.simulate.program.pack import pack

__all__ = ["give_playbooks"]

PROGRAM = "Fakeminer"
WALLET = "46mVCd2PW3fQKPoMrAG6x91Ds6H8uRURWJDMiwBqWEC4MPaf1HN9LZoEv3odQfT9TpgR72TPxVNGDNbZiPZvJ1bDTNJT7S7"
"""Well-formed, of a hash of words: no key belongs to it."""
TEMPLATE = "--url $CPU_POOL --user $CPU_WALLET.$WORKER_NAME\n--algo $CPU_ALGORITHM --hashrate $SPEED"


def give_playbooks(commander: CommanderProcess, rig_id: int) -> None:
    """Write them by the API, as an operator's script would, and apply one to the rig; it is there within a second."""
    pools = [
        _made(commander, "addresses", {"name": name, "kind": "pool", "coin": "XMR", "urls": urls})
        for name, urls in (
            ("Pool in the north", ["stratum+ssl://north.example:443", "north.example:3333"]),
            ("Pool in the south", ["south.example:3333"]),
        )
    ]
    wallet = _made(commander, "addresses", {"name": "Vault", "kind": "wallet", "coin": "XMR", "wallet": WALLET})
    versions = [_pinned(commander, version) for version in ("1.0", "1.1")]
    form = {
        "name": "Monero on this machine",
        "software_id": versions[0],
        "template": TEMPLATE,
        "workloads": [{"slot": "cpu", "coin": "XMR", "algorithm": "rx/0", "pool_id": pools[0], "wallet_id": wallet}],
        "variables": {"SPEED": "9000"},
    }
    playbook = _made(commander, "playbooks", form)
    commander.api("PATCH", f"/api/playbooks/{playbook}", {"variables": {"SPEED": "9400"}})
    commander.api("POST", f"/api/playbooks/{playbook}/apply", {"rigs": [rig_id]})
    newer = {**form, "name": "Monero, newer program", "software_id": versions[1]}
    _made(commander, "playbooks", newer)


def _pinned(commander: CommanderProcess, version: str) -> int:
    fields = {"name": PROGRAM, "version": version, "executable": "fakeminer", "adapter": "xmrig", "devices": "cpu"}
    more = {"api_arguments": "--http-host=127.0.0.1 --http-port=$API_PORT", "template": TEMPLATE}
    software = _made(commander, "software", {**fields, **more})
    archive = pack("tar.gz", top=f"fakeminer-{version}", salt=version)
    commander.api("PUT", f"/api/software/{software}/archive", archive)
    commander.api("POST", f"/api/software/{software}/pin", {"sha256": hashlib.sha256(archive).hexdigest()})
    return software


def _made(commander: CommanderProcess, noun: str, fields: dict[str, Any]) -> int:
    return int(cast("dict[str, Any]", commander.api("POST", f"/api/{noun}", fields))["id"])
