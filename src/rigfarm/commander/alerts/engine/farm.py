"""What rules ask of the rest of the Commander."""

from __future__ import annotations

import ipaddress
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from rigfarm.commander.alerts.engine.causes import Facts, labels
from rigfarm.commander.alerts.engine.rule import part_name
from rigfarm.commander.alerts.model import FARM, Fact, circuit_in
from rigfarm.commander.assignments import Assignments
from rigfarm.commander.circuits import Circuit, Circuits, Draw
from rigfarm.commander.commands import Commands
from rigfarm.commander.effects import Effects, compared
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.stats import OperationalStats, RigStats
from rigfarm.commander.stats.condition import UP
from rigfarm.commander.stats.marks import MARKS, Marks
from rigfarm.commander.supervised import Parts
from rigfarm.common.clock import utc_ms
from rigfarm.common.pool_url import pool_host
from rigfarm.units import size

__all__ = ["FarmView"]

REBOOT_MS = 600_000
LEAVES_MS = 120_000
"""A rig that was told to shut down may report for so long."""
DISK_EVERY_S = 10.0
DISK_SHARE = 0.05
DISK_BYTES = 1 << 30
_INSTALLING = frozenset(("downloading", "verifying", "unpacking", "starting", "stopping"))
_Compared = tuple[tuple[str, str, bool | None], ...]
"""(what, in words, whether it is as assigned; None: that cannot be said)"""


class FarmView:
    """One Commander's. Used from the event loop only."""

    def __init__(
        self,
        stats: OperationalStats,
        rigs: Rigs,
        assignments: Assignments,
        commands: Commands,
        effects: Effects,
        parts: Parts,
        data_dir: Path,
        circuits: Circuits,
    ) -> None:
        self.marks: Marks = MARKS
        self._stats = stats
        self._rigs = rigs
        self._assignments = assignments
        self._commands = commands
        self._effects = effects
        self._parts = parts
        self._data_dir = data_dir
        self._circuits = circuits
        self._disk: tuple[float, str] = (0.0, "")
        self._compared: dict[int, tuple[object, _Compared]] = {}

    @property
    def now_ms(self) -> int:
        """UTC ms."""
        return utc_ms()

    def name_of(self, rig_id: int) -> str:
        """What a rig or circuit is called."""
        if rig_id < FARM:
            circuit = self._circuits.circuits.get(circuit_in(rig_id))
            return f"circuit {circuit_in(rig_id)}" if circuit is None else circuit.name
        rig = self._rigs.rigs.get(rig_id)
        return "Commander" if rig_id == FARM else f"rig {rig_id}" if rig is None else rig.name

    # What playbooks do

    def playbook_states(self, rig_id: int) -> Iterable[tuple[str, str, str]]:
        """(name, state, detail) of the playbooks that the rig should run."""
        for one in self._assignments.assigned.by_rig.get(rig_id, {}).values():
            shown = self._assignments.statuses.shown(one)
            yield self._assignments.playbooks.get(one.playbook_id).name, shown.state, shown.detail

    def updating(self, rig_id: int) -> bool:
        """Whether a playbook is being installed on it, or about to start."""
        return any(state in _INSTALLING for _, state, _ in self.playbook_states(rig_id))

    def not_as_assigned(self, rig: RigStats) -> Iterable[tuple[str, str]]:
        """(what, in words) of pools, wallets and workers that are not what the rig's playbooks say."""
        return [(what, text) for what, text, right in self._compare(rig) if right is False]

    def as_assigned(self, rig: RigStats, what: str) -> bool:
        """Whether this is known to be what the rig's playbooks say, or none says anything of it."""
        its = [right for one, _, right in self._compare(rig) if part_name(one) == what]
        return not its or all(its)

    def _compare(self, rig: RigStats) -> _Compared:
        own = self._assignments.assigned.by_rig.get(rig.rig_id)
        if not own or rig.log is None:
            self._compared.pop(rig.rig_id, None)
            return ()
        version = (
            [(one.playbook_id, one.revision) for one in own.values()],
            [(one.playbook, one.coin, one.pool, one.wallet, one.worker) for one in rig.log.workloads],
        )
        known = self._compared.get(rig.rig_id)
        if known is not None and known[0] == version:
            return known[1]
        found = tuple(
            one
            for workload in rig.log.workloads
            if (has := own.get(workload.playbook or 0)) is not None and has.wanted == "running"
            for one in compared(workload, self._assignments.expected(has))
        )
        self._compared[rig.rig_id] = (version, found)
        return found

    def not_in_effect(self, rig_id: int) -> Iterable[tuple[str, str]]:
        """(what, in words) of commands and playbooks that had no effect on the rig, or were reverted."""
        return [(one.aspect, one.said) for one in self._effects.bad_on(rig_id)]

    def in_effect(self, rig_id: int, what: str) -> bool | None:
        """Whether the newest command of this sort took effect; None when none is being watched."""
        return self._effects.is_fine(rig_id, what)

    # Circuits

    def circuits(self) -> Iterable[int]:
        """Ids of all circuits."""
        return self._circuits.circuits

    def circuit(self, circuit_id: int) -> tuple[Circuit, Draw] | None:
        """A circuit and what it draws; None when it does not exist."""
        circuit = self._circuits.circuits.get(circuit_id)
        return None if circuit is None else (circuit, self._circuits.draws.of(circuit_id))

    # The Commander, and rigs that are away on purpose

    def troubles(self) -> Iterable[tuple[str, str]]:
        """(part, why) of what does not work in the Commander itself."""
        found = [(part.name, part.trouble or part.error or "") for part in self._parts.troubled]
        now = time.monotonic()
        if now - self._disk[0] >= DISK_EVERY_S:
            self._disk = (now, _disk_trouble(self._data_dir))
        return [*found, ("disk", self._disk[1])] if self._disk[1] else found

    def expected_offline(self, rig: RigStats) -> str:
        """Why a rig is away on purpose; empty when it should be there."""
        told = self._commands.turned_off(rig.rig_id)
        if told is None:
            return ""
        word, sent_ms = told
        if word == "shut-down":
            away = rig.heard_ms is None or rig.heard_ms < sent_ms + LEAVES_MS
            return "shut down by an operator" if away else ""
        return "rebooted by an operator" if 0 <= utc_ms() - sent_ms < REBOOT_MS else ""

    # What rigs share

    def facts_of(self, rig_id: int) -> Facts:
        """What this rig may share with others; of a circuit, its name, so that each has its own alert."""
        if rig_id < FARM:
            return frozenset({("circuit", self.name_of(rig_id))})
        rig = self._stats.rigs.get(rig_id)
        facts: set[Fact] = {("rig", self.name_of(rig_id))}
        if (kept := self._rigs.rigs.get(rig_id)) is not None:
            facts.update(labels(kept.place, kept.tags))
        if rig is None:
            return frozenset(facts)
        if rig.sentry:
            facts.add(("sentry", rig.sentry))
        log = rig.log
        if log is None:
            return frozenset(facts)
        if network := _network(log.lan_ip):
            facts.add(("subnet", network))
        pools = [one.pool for one in log.workloads] + [pool.url for pool in log.pools if pool.active]
        facts |= {("pool", host) for pool in pools if (host := pool_host(pool))}
        known: Mapping[int, object] = self._assignments.playbooks.playbooks
        for one in log.workloads:
            if one.playbook is not None and one.playbook in known:
                facts.add(("playbook", self._assignments.playbooks.get(one.playbook).name))
        return frozenset(facts)

    def up(self, rig_id: int) -> bool:
        """Whether it reports."""
        rig = self._stats.rigs.get(rig_id)
        return rig is not None and rig.condition.state in UP


def _network(address: str | None) -> str:
    """The network of a rig: /24 of IPv4, /64 of IPv6."""
    if not address:
        return ""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{found}/{24 if found.version == 4 else 64}", strict=False))


def _disk_trouble(folder: Path) -> str:
    try:
        disk = shutil.disk_usage(folder)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if disk.free >= max(DISK_BYTES, DISK_SHARE * disk.total) or disk.free >= 20 * DISK_BYTES:
        return ""
    return f"only {size(disk.free)} free"
