"""The processors of this machine: name, packages, cores and threads, from sysfs and the `proc` beside it.

On ARM the kernel's packages are often clusters of one chip: with a device tree always, and with ACPI on small boards.
There only equal packages of many cores are sockets (an Ampere Altra's have 32 and more).
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from rigfarm.sentry.sensors.files import machine_root, read_int, read_text

__all__ = ["Processors", "device_tree_model", "processors"]

_NAME = re.compile(r"^(model name|Model|cpu model|Hardware)\s*:\s*(\S.*)$", re.MULTILINE)
_GENERIC = re.compile(r"ARMv\d+ .*|AArch64 .*|Generic .*|BCM\d+|ARM|Unknown.*", re.IGNORECASE)
"""What says nothing of the machine."""
_ARM = re.compile(r"^CPU implementer\s*:", re.MULTILINE)
_PART = re.compile(r"^CPU part\s*:\s*0x([0-9a-f]+)", re.MULTILINE | re.IGNORECASE)
_PARTS = {
    0xD03: "ARM Cortex-A53",
    0xD05: "ARM Cortex-A55",
    0xD08: "ARM Cortex-A72",
    0xD09: "ARM Cortex-A73",
    0xD0B: "ARM Cortex-A76",
    0xD0C: "ARM Neoverse-N1",
    0xD40: "ARM Neoverse-V1",
    0xD49: "ARM Neoverse-N2",
    0xD4F: "ARM Neoverse-V2",
}
"""Of `CPU part`, for machines without any other name (arch/arm64/include/asm/cputype.h)."""
_LEAST_CORES_OF_AN_ARM_SOCKET = 16
_VENDOR = re.compile(r"^vendor_id\s*:\s*(\S+)", re.MULTILINE)
_VIRTUAL = re.compile(r"^flags\s*:.*\bhypervisor\b", re.MULTILINE)
_MAX_BYTES = 64 << 10


class Processors(Struct, frozen=True):
    """What the kernel tells of the processors that are online."""

    name: str | None = None
    packages: list[int] = []
    """The kernel's numbers of the packages; they may have holes, and some ARM kernels say -1."""
    cores: int | None = None
    threads: int | None = None
    vendor: str | None = None
    """As x86 processors tell it: `GenuineIntel`, `AuthenticAMD`."""
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
    tree = device_tree_model(root)
    vendor = _VENDOR.search(cpuinfo)
    return Processors(
        name=_name(cpuinfo, tree),
        packages=_sockets(
            sorted(packages), cores, on_board=tree is not None or _ARM.search(cpuinfo) is not None, tree=tree
        ),
        vendor=vendor[1] if vendor else None,
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


def device_tree_model(root: Path) -> str | None:
    """The board's name where the firmware describes it by a device tree, as on most ARM and RISC-V boards."""
    for path in (machine_root(root) / "proc/device-tree/model", root / "firmware/devicetree/base/model"):
        if text := read_text(path):
            return " ".join(text.split())[:200]
    return None


def _sockets(
    packages: list[int], cores: set[tuple[int, int | None, int | None]], *, on_board: bool, tree: str | None
) -> list[int]:
    """The packages that are sockets."""
    if not on_board or len(packages) < 2:
        return packages
    sizes = [sum(package == core[0] for core in cores) for package in packages]
    real = tree is None and len(set(sizes)) == 1 and sizes[0] >= _LEAST_CORES_OF_AN_ARM_SOCKET
    return packages if real else packages[:1]


def _name(cpuinfo: str, tree: str | None) -> str | None:
    """The first name that says something; on a board that is the board's."""
    told = {key: " ".join(value.split())[:200] for key, value in _NAME.findall(cpuinfo)}
    names = [told.get("model name"), told.get("cpu model")] if tree is None else []
    names += [tree, told.get("Model"), told.get("Hardware"), told.get("model name"), told.get("cpu model")]
    part = _PART.search(cpuinfo)
    names.append(_PARTS.get(int(part[1], 16)) if part else None)
    known = [name for name in names if name]
    return next((name for name in known if not _GENERIC.fullmatch(name)), known[0] if known else None)
