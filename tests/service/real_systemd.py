"""A real systemd, first process of namespaces of its own, on an overlay of this machine's files: what it writes is gone
when it ends. For tests that run as root where the kernel allows it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

__all__ = ["boot", "can_boot"]

_BOOT = """
set -e
umask 022
mount --make-rprivate /
mount -t tmpfs tmpfs "$1/overlay"
mkdir "$1/overlay/up" "$1/overlay/work" "$1/overlay/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/overlay/up,workdir=$1/overlay/work" "$1/overlay/root"
cd "$1/overlay/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
mkdir -p out .old
mount --bind "$1/out" out
cp -r "$1/files/." .
shift
number=0
for path; do
    mkdir -p code/$number
    mount --bind "$path" code/$number
    number=$((number + 1))
done
pivot_root . .old
umount -l .old
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    /lib/systemd/systemd --show-status=false --unit=try.target
"""
_TARGET = "[Unit]\nRequires=try.service\nAfter=try.service\n"
_SERVICE = """[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'sh /out/script >/out/said 2>&1; systemctl exit 0'
"""


def boot(folder: Path, units: dict[str, str], script: str, timeout_s: float = 250.0, code: Sequence[str] = ()) -> str:
    """What a shell script says that this systemd runs, with these files below /etc/systemd/system. The folder `out` of
    `folder` is its `/out`, and the folders `code` are `/code/0`, `/code/1`, …, wherever they are here."""
    for name in ("overlay", "out", "files/etc/systemd/system"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    system = folder / "files/etc/systemd/system"
    for name, text in {"try.target": _TARGET, "try.service": _SERVICE, **units}.items():
        (system / name).parent.mkdir(parents=True, exist_ok=True)
        (system / name).write_text(text)
    (folder / "out/script").write_text(script)
    (folder / "boot").write_text(_BOOT)
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--cgroup"]
    done = subprocess.run(
        [*command, "sh", str(folder / "boot"), str(folder), *code], capture_output=True, text=True, timeout=timeout_s
    )
    said = folder / "out/said"
    return said.read_text() if said.exists() else f"it did not boot: {done.stdout}{done.stderr}"


@cache
def can_boot(folder: Path) -> bool:
    """Whether this machine allows it."""
    if not Path("/lib/systemd/systemd").exists() or shutil.which("unshare") is None:
        return False
    try:
        return "it runs" in boot(folder, {}, "echo it runs", 30.0)
    except (OSError, subprocess.TimeoutExpired):
        return False
