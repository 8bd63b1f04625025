"""A farm of its own to import into."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigfarm.commander.addresses import AddressBook
from rigfarm.commander.assignments import Assigned
from rigfarm.commander.events import Events, RigAdded
from rigfarm.commander.imports import Farm
from rigfarm.commander.live import Hub
from rigfarm.commander.mining_software import MiningSoftware
from rigfarm.commander.mining_software.archives.store import ArchiveStore
from rigfarm.commander.playbooks import Playbooks
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.storage import Storage
from rigfarm.commander.usage import Usage
from support.moving_in import Mover


@pytest.fixture
async def mover(storage: Storage, hub: Hub, events: Events, usage: Usage, tmp_path: Path) -> Mover:
    addresses = AddressBook(storage, hub, events, usage)
    software = MiningSoftware(storage, hub, events, usage, ArchiveStore(tmp_path / "archives"))
    playbooks = Playbooks(storage, hub, events, usage, addresses, software, Assigned(storage))
    rigs, stats = Rigs(storage, hub, events), OperationalStats(hub, events, 5)
    events.listen(RigAdded, lambda added: stats.add(added.rig_id, added.kind))
    await software.load()
    return Mover(Farm(addresses, software, playbooks, rigs, stats))
