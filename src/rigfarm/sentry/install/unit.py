"""The unit file. Its comments are for the operator who reads it with `systemctl cat`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rigfarm.sentry.install.command import homes
from rigfarm.sentry.install.errors import InstallError

__all__ = ["DATA_DIR", "unit_text"]

DATA_DIR = Path("/var/lib/rigfarm-sentry")

_TEMPLATE = """\
# Written by `rigfarm sentry install`; `rigfarm sentry uninstall` removes it. Changes of your own belong into
# `systemctl edit rigfarm-sentry`.
[Unit]
Description=Rigfarm Sentry
# Not After=network-online.target: a rig without a network mines on by the playbooks it has kept.
After=network.target
# Device files of modules that are loaded later would not be among those allowed below.
Wants=modprobe@nvidia_uvm.service modprobe@amdgpu.service modprobe@msr.service
After=modprobe@nvidia_uvm.service modprobe@amdgpu.service modprobe@msr.service
StartLimitIntervalSec=0

[Service]
Type=exec
# Makes /dev/nvidia-uvm, without which CUDA does not start; only NVIDIA's own tool can.
ExecStartPre=-/usr/bin/nvidia-modprobe -c 0 -u
ExecStart={command}
Environment={environment}
Restart=always
RestartSec=2
# Whatever a mining program forked ends with the Sentry. It makes one control group per playbook below its own.
KillMode=control-group
Delegate=yes
TimeoutStopSec=20
# A mining program that eats all memory costs itself only.
OOMPolicy=continue
LimitCORE=0
LimitNOFILE=65536
# RandomX and CUDA lock memory.
LimitMEMLOCK=infinity

# It runs as root: power counters, limits of cards and playbooks with a user of their own need it. So what root may do
# is cut down to that: administration of cards (SYS_ADMIN: NVIDIA's driver asks for it), model-specific registers and
# huge pages for RandomX (SYS_RAWIO, IPC_LOCK), device files of CUDA (MKNOD), to start programs as another user, find
# them again and end them (SETUID, SETGID, SYS_PTRACE, KILL), files, and the reboot that an operator allowed (SYS_BOOT).
CapabilityBoundingSet=CAP_SYS_ADMIN CAP_SYS_RAWIO CAP_IPC_LOCK CAP_MKNOD CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SETUID \\
    CAP_SETGID CAP_SYS_PTRACE CAP_KILL CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_SYS_BOOT
NoNewPrivileges=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
SystemCallArchitectures=native
SystemCallFilter=~@clock @cpu-emulation @module @mount @obsolete @reboot @swap
SystemCallErrorNumber=EPERM
UMask=0077

# Of the file system only its own folder can be written.
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
{writable}
# Cards, the registers of the CPU, and no other device.
DevicePolicy=closed
DeviceAllow=char-nvidia* rwm
DeviceAllow=char-drm rw
DeviceAllow=char-kfd rw
DeviceAllow=char-cpu/msr rw

ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
# Left out on purpose, mining programs need it: ProtectKernelTunables (huge pages and limits of AMD cards are set below
# /proc/sys and /sys), ProtectControlGroups (see Delegate), MemoryDenyWriteExecute (RandomX, CUDA and OpenCL compile at
# run time), PrivateDevices, and a list of the system calls that are allowed (the cards' drivers are closed, theirs are
# not known; those above are none of them).

[Install]
WantedBy=multi-user.target
"""


def unit_text(command: Sequence[str], data_dir: Path = DATA_DIR) -> str:
    """The unit that runs `command`. Raises InstallError for what systemd could not run."""
    program = command[0]
    if not program.startswith("/") or "$" in program:
        raise InstallError(f"systemd cannot run {program!r}: give the full path of the rigfarm program.")
    if any(Path(program).is_relative_to(folder) for folder in ("/tmp", "/var/tmp")):  # noqa: S108 - refused, not used
        raise InstallError(
            f"{program} lies in a temporary folder: install Rigfarm elsewhere first, such as /opt/rigfarm."
        )
    return _TEMPLATE.format(
        command=" ".join(_word(word) for word in command),
        environment=_word(f"RIGFARM_DATA_DIR={data_dir}"),
        protect_home="read-only" if homes(program) or homes(str(data_dir)) else "yes",
        writable=_writable(data_dir),
    )


def _writable(data_dir: Path) -> str:
    """systemd makes what lies below /var/lib itself; another folder has to be there."""
    state = Path("/var/lib")
    if not data_dir.is_relative_to(state) or data_dir == state:
        return f"ReadWritePaths={_word(str(data_dir))}"
    return f"StateDirectory={_word(str(data_dir.relative_to(state)))}\nStateDirectoryMode=0700"


def _word(text: str) -> str:
    """One word of a unit file: nothing in it is a separator, a specifier or a variable."""
    if not text.isprintable():
        raise InstallError(f"systemd cannot take {text!r}: it holds control characters.")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    plain = all(character.isalnum() or character in "/._-=:" for character in text)
    return text if plain else f'"{escaped}"'
