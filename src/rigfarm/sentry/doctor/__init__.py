"""What a Sentry can read on this machine, what not and why, and what to do about it.

findings = await diagnose(data_dir, sources)
print(render(findings))
sys.exit(exit_code(findings))
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from rigfarm.sentry.doctor.access import check_access
from rigfarm.sentry.doctor.commander import check_commander
from rigfarm.sentry.doctor.finding import Finding, exit_code, render
from rigfarm.sentry.doctor.folder import check_folder
from rigfarm.sentry.doctor.machine import check_machine
from rigfarm.sentry.doctor.privileges import check_privileges, check_units
from rigfarm.sentry.doctor.programs import check_programs
from rigfarm.sentry.doctor.running import check_running
from rigfarm.sentry.doctor.sources import check_sources
from rigfarm.sentry.link.trust import Trust
from rigfarm.sentry.miners import MinerAdapter
from rigfarm.sentry.processes.access import Policy
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.sentry.sensors import Sensors
from rigfarm.sentry.sensors.files import machine_root

__all__ = ["Finding", "diagnose", "exit_code", "render"]


async def diagnose(
    data_dir: Path | None,
    sources: Sequence[WorkloadSource] = (),
    *,
    sysfs_root: Path = Path("/sys"),
    sensors: Sensors | None = None,
    adapters: Mapping[str, MinerAdapter] | None = None,
    policy: Policy | None = None,
    allow_power: bool = False,
    commander: str | None = None,
    trust: Trust | None = None,
) -> list[Finding]:
    """Look at everything once; changes nothing, and does not need the Sentry to be stopped.

    `data_dir` is the Sentry's, or None; `sources` the programs that should answer. `sensors` and `adapters` replace
    this machine's and those that ship with Rigfarm. `policy` and `allow_power` are what its sentry.toml allows;
    `commander` and `trust` say where its Commander is and how it is recognised.
    """
    own = sensors or Sensors(sysfs_root)
    try:
        sensed, programs = await asyncio.gather(check_sources(own, data_dir), check_programs(sources, adapters))
    finally:
        if sensors is None:
            own.close()
    folder = [] if data_dir is None else await asyncio.to_thread(check_folder, data_dir)
    running = [] if data_dir is None else await check_running(data_dir)
    return [
        *await asyncio.to_thread(check_machine, sysfs_root),
        *sensed,
        *await asyncio.to_thread(check_access, sysfs_root),
        *await asyncio.to_thread(check_privileges, policy or Policy(), allow_power),
        *await asyncio.to_thread(check_units, policy or Policy(), allow_power, machine_root(sysfs_root)),
        *programs,
        *folder,
        *check_commander(commander, trust or Trust()),
        *running,
    ]
