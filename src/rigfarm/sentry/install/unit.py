"""The unit file. Its comments are for the operator who reads it with `systemctl cat`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rigfarm.sentry.playbooks.access import PROGRAMS_USER
from rigfarm.service import check_program, homes, words, writable

__all__ = ["DATA_DIR", "USER_NAME", "unit_text"]

USER_NAME = "Rigfarm mining programs"

DATA_DIR = Path("/var/lib/rigfarm-sentry")

_TEMPLATE = """\
# Written by `rigfarm sentry install`; `rigfarm sentry uninstall` removes it. Put your own changes in
# `systemctl edit rigfarm-sentry`.
[Unit]
Description=Rigfarm Sentry
# Not After=network-online.target: a rig without a network mines on by the playbooks it has kept.
After=network.target
# Device files of modules that are loaded later would not be among those allowed below.
Wants=modprobe@nvidia_uvm.service modprobe@amdgpu.service
After=modprobe@nvidia_uvm.service modprobe@amdgpu.service
StartLimitIntervalSec=0

[Service]
Type=exec
# The user of mining programs: no home, no shell, no group. Where it cannot be made they run as a free number instead.
ExecStartPre=-+systemd-sysusers --inline 'u {user} - "{user_name}" - -'
# Makes /dev/nvidia-uvm, without which CUDA does not start; only NVIDIA's own tool can.
ExecStartPre=-+nvidia-modprobe -c 0 -u
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

# It is root, to start mining programs as another user, and to read the CPU's power counters, which are root's. Of what
# root may do it keeps only this: become that user (SETUID, SETGID). It acts as that user too where it ends a program's
# processes or removes its folder. The programs themselves get none of it.
# Should programs be allowed more, say so here as well as in sentry.toml (`systemctl edit rigfarm-sentry`):
#   allow_tuning = true             CapabilityBoundingSet=CAP_SYS_NICE
#   registers of the CPU for XMRig  CapabilityBoundingSet=CAP_SYS_RAWIO, DeviceAllow=char-cpu/msr rw, and `modprobe msr`
CapabilityBoundingSet=CAP_SETUID CAP_SETGID
NoNewPrivileges=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RestrictRealtime=yes
# UNIX: `rigfarm sentry status`, the cards' drivers, and systemctl for a reboot; NETLINK: which address is the LAN's.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
SystemCallArchitectures=native
# Left in: @privileged (setuid, and a folder's group: see above) and @resources (priority and processors of programs).
SystemCallFilter=~@clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
KeyringMode=private
UMask=0077

# Of the file system only its own folder can be written. Programs see no processes but their own; the Sentry sees all,
# since /proc opens itself to the group of root.
ProtectSystem=strict
ProtectHome={protect_home}
ProtectProc=invisible
PrivateTmp=yes
PrivateMounts=yes
{writable}
# Cards, and no other device.
DevicePolicy=closed
DeviceAllow=char-nvidia* rw
DeviceAllow=char-drm rw
DeviceAllow=char-kfd rw

ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
# Left out on purpose, mining programs need it: ProtectControlGroups (see Delegate), MemoryDenyWriteExecute (RandomX,
# CUDA and OpenCL compile at run time), PrivateDevices, ProcSubset (programs read /proc/cpuinfo and meminfo),
# PrivateNetwork and IPAddressDeny (pools, ASICs and the Commander may be anywhere), PrivateUsers (a user of their own).

[Install]
WantedBy=multi-user.target
"""


def unit_text(command: Sequence[str], data_dir: Path = DATA_DIR) -> str:
    """The unit that runs `command`. Raises InstallError for what systemd could not run."""
    check_program(command[0])
    return _TEMPLATE.format(
        command=words(command),
        environment=words([f"RIGFARM_DATA_DIR={data_dir}"]),
        user=PROGRAMS_USER,
        user_name=USER_NAME,
        protect_home="read-only" if homes(command[0]) or homes(str(data_dir)) else "yes",
        writable=writable(data_dir),
    )
