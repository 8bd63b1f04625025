"""What every playbook of a rig shares."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from rigfarm.sentry.playbooks.ledger import Ledger
from rigfarm.sentry.playbooks.settings import Settings
from rigfarm.sentry.playbooks.software import Software
from rigfarm.sentry.processes.access import Account, remove_home
from rigfarm.sentry.processes.disk import remove_tree
from rigfarm.sentry.readings import MinerReading, WorkloadSource

__all__ = ["Read", "Reboot", "Surroundings", "environment"]

Read = Callable[[WorkloadSource], Awaitable[MinerReading | None]]
"""Asks a program's stats API; None where no adapter of that name exists."""
Reboot = Callable[[str], Awaitable[None]]
"""Reboots the rig, for the reason given; returns before it happens. Raises OSError when it cannot."""

_PASSED_ON = ("PATH", "LANG", "TZ", "LD_LIBRARY_PATH")
_PASSED_ON_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "GPU_", "HSA_", "ROC", "HIP_", "OCL_", "AMD_")


@dataclass
class Surroundings:
    """Of the playbooks of one rig."""

    folder: Path
    """`<data folder>/playbooks`"""
    data_dir: Path
    mark: str
    """First part of every program's mark, see leftovers."""
    software: Software
    ledger: Ledger
    settings: Settings
    read: Read
    reboot: Reboot | None
    now_ms: Callable[[], int]
    changed: Callable[[], None]
    """Some status is new."""
    show: Callable[[int, int, list[str]], None]
    """Console lines of a playbook, for viewers."""
    commander: tuple[str, str] = ("", "")
    """URL and the rig's token."""
    ports: set[int] = field(default_factory=set)
    """Given to a program."""

    def work_folder(self, playbook: int, account: Account | None) -> Path:
        """Home of its program, when it runs as this user."""
        services = self.settings.services
        if services is not None and account is not None:
            return services.home(account.name, playbook)
        return self.folder / "work" / str(playbook)

    def remove_work(self, playbook: int | None = None) -> None:
        """Blocks. What its program wrote, or what all did. Raises OSError."""
        if self.settings.services is not None:
            self.settings.services.remove(["*" if playbook is None else str(playbook)])
            return
        work = self.folder / "work"
        if playbook is not None:
            remove_home(work / str(playbook))
            return
        for home in work.iterdir() if work.exists() else ():
            remove_home(home)
        remove_tree(work)

    def log_path(self, playbook: int) -> Path:
        """The newest of its logs."""
        return self.folder / "logs" / f"{playbook}.log"

    def supervisor_log(self, playbook: int) -> Path:
        """What its supervisor complains of. Not in the work folder, where its program could put a link in the way."""
        return self.folder / "logs" / f"{playbook}.supervisor.log"


def environment(home: Path, devices: dict[str, str]) -> dict[str, str]:
    """A program's environment: what graphics drivers need of ours, and nothing else of it (it may hold secrets)."""
    passed = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
    return {"PATH": os.defpath, "LANG": "C.UTF-8", **passed, "HOME": str(home), "TERM": "dumb", **devices}
