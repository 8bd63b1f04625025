"""The processors of this machine: name, packages, cores and threads, from sysfs and the `proc` beside it."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from rigfarm.sentry.sensors.files import machine_root, read_int, read_text

__all__ = ["Processors", "processors"]

_NAME = re.compile(r"^(?:model name|Model|cpu model|Hardware)\s*:\s*(\S.*)$", re.MULTILINE)
_VIRTUAL = re.compile(r"^flags\s*:.*\bhypervisor\b", re.MULTILINE)
_MAX_BYTES = 64 << 10


class Processors(Struct, frozen=True):
    """What the kernel tells of the processors that are online."""

    name: str | None = None
    packages: list[int] = []
    """The kernel's numbers of the packages; they may have holes, and some ARM kernels say -1."""
    cores: int | None = None
    threads: int | None = None
    virtual: bool = False
    """A virtual machine's: it has no sensors to miss."""


def processors(root: Path) -> Processors:
    """Look at the processors of the machine whose sysfs is `root`."""
    packages: set[int] = set()
    cores: set[tuple[int, int | None, int | None]] = set()
    threads = 0
    for topology in root.glob("devices/system/cpu/cpu[0-9]*/topology"):
        package = read_int(topology / "physical_package_id")
        if package is not None:
            threads += 1
            packages.add(package)
            cores.add((package, read_int(topology / "die_id"), read_int(topology / "core_id")))
    cpuinfo = _head(machine_root(root) / "proc/cpuinfo")
    return Processors(
        name=_name(cpuinfo) or read_text(machine_root(root) / "proc/device-tree/model"),
        packages=sorted(packages),
        cores=len(cores) or None,
        threads=threads or None,
        virtual=_VIRTUAL.search(cpuinfo) is not None,
    )


def _head(path: Path) -> str:
    """The start of a file that has a block per thread: the first block is enough."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _name(cpuinfo: str) -> str | None:
    match = _NAME.search(cpuinfo)
    return " ".join(match[1].split())[:200] if match else None
