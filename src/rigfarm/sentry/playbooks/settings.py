"""How a runner behaves, beyond what each playbook says."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field

from rigfarm.common.archives import Limits
from rigfarm.sentry.playbooks.fetch import Pace
from rigfarm.sentry.processes.access import Policy
from rigfarm.sentry.processes.services import Services

__all__ = ["Settings"]


class Settings(Struct, frozen=True):
    """Times in s. The defaults are for rigs; tests are less patient."""

    term_grace_s: float = 3.0
    """From SIGTERM to SIGKILL."""
    poll_s: float = 30.0
    """How often a program that mines is looked at; more often where `stall_s` is short."""
    poll_starting_s: float = 1.0
    retry_first_s: float = 1.0
    retry_max_s: float = 60.0
    """Between attempts to download."""
    retry_disk_s: float = 5.0
    """Between attempts while the disk is full or fails."""
    housekeeping_s: float = 10.0
    lock_s: float = 15.0
    """How long to wait for another Sentry on the same data folder to end."""
    cgroups: bool = True
    limits: Limits = field(default_factory=Limits)
    pace: Pace = Pace()
    policy: Policy = Policy()
    services: Services | None = None
    """What systemd does for us; None: we do it ourselves."""
    sysfs: Path = Path("/sys")
