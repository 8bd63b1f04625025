"""The unit files. Their comments are for the operator who reads them with `systemctl cat`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from rigfarm.sentry.identity.settings import FILE_NAME, SettingsError, load_settings
from rigfarm.sentry.processes.services import FOLDER_VARIABLE, PROGRAMS_USER, PowerVerb, unit_of
from rigfarm.service import FOLDER, InstallError, check_program, homes, words, writable

__all__ = ["COMPANIONS", "DATA_DIR", "PROGRAMS_USER_NAME", "SOCKETS", "USER", "Grants", "companions", "unit_text"]

USER = "rigfarm-sentry"
PROGRAMS_USER_NAME = "Rigfarm mining programs"
DATA_DIR = Path("/var/lib/rigfarm-sentry")
SOCKETS = Path("/run/rigfarm")
COMPANIONS = ("rigfarm-programs*", "rigfarm-reboot*", "rigfarm-poweroff*")
"""Names of the units that the Sentry's own needs."""
_POWER: tuple[PowerVerb, ...] = get_args(PowerVerb)
_SOCKET_OF_USER = re.compile(rf"ListenSequentialPacket={SOCKETS}/programs-(.+)")

_SENTRY = """\
# Written by `rigfarm sentry install`; `rigfarm sentry uninstall` removes it. Put your own changes in
# `systemctl edit rigfarm-sentry`.
[Unit]
Description=Rigfarm Sentry
# Not After=network-online.target: a rig without a network mines on by the playbooks it has kept.
# Device files of modules that are loaded later would not be among those allowed below, and for programs.
Wants={sockets} modprobe@nvidia_uvm.service modprobe@amdgpu.service
After=network.target {sockets} modprobe@nvidia_uvm.service modprobe@amdgpu.service
StartLimitIntervalSec=0

[Service]
Type=exec
# It has no privileges. systemd starts mining programs as another user, in units of their own: {programs}.
User={user}
# Lets that user pass through its folders to the programs; its files are closed to the group.
Group={programs_user}
# Makes /dev/nvidia-uvm, without which CUDA does not start; only NVIDIA's own tool can.
ExecStartPre=-+nvidia-modprobe -c 0 -u
# The CPU's power counters are root's: lent to the Sentry, and to no mining program.
ExecStartPre=-+/bin/sh -c 'chown {user} /sys/class/powercap/intel-rapl:*/energy_uj 2>/dev/null'
ExecStart={command}
ExecStopPost=-+/bin/sh -c 'chown root /sys/class/powercap/intel-rapl:*/energy_uj 2>/dev/null'
Environment={environment}
Environment={offered}
Restart=always
RestartSec=2
KillMode=control-group
TimeoutStopSec=20
LimitNOFILE=65536
{common}
RemoveIPC=yes
# UNIX: `rigfarm sentry status`, and the sockets of systemd above; NETLINK: which address is the LAN's.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

# Of the file system only its own folder can be written.
{writable}
# Sensors of NVIDIA cards, and no other device.
DeviceAllow=char-nvidia* rw
# Left out on purpose: ProtectProc (it sees whether a program that cannot be ended is still there), ProcSubset (the CPU
# and memory are in /proc), PrivateDevices (sensors of cards), MemoryDenyWriteExecute (NVIDIA's library is loaded),
# @resources (what reads ASICs gives way to all else), PrivateNetwork and IPAddressDeny (ASICs and the Commander may be
# anywhere), PrivateUsers (its page tells the machine's users apart).

[Install]
WantedBy=multi-user.target
"""

_COMMON = """\
LimitCORE=0
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictNamespaces=yes
SystemCallArchitectures=native
SystemCallFilter=~@clock @cpu-emulation @debug @module @mount @obsolete @privileged @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
KeyringMode=private
UMask=0077
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
PrivateMounts=yes
DevicePolicy=closed
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes"""

_PROGRAMS = """\
# Written by `rigfarm sentry install`. A mining program that the Sentry starts, with its supervisors. For more, put your
# own changes in `systemctl edit {name}@.service`.
[Unit]
Description=Mining program of the Rigfarm Sentry (%i)
# It never outlives the Sentry, however that ends, nor its supervisor.
BindsTo=rigfarm-sentry.service
CollectMode=inactive-or-failed

[Service]
Type=exec
User={user}
ExecStart={command}
StandardInput=socket
StandardOutput=null
StandardError=journal
KillMode=control-group
TimeoutStopSec=10
# A mining program that eats all memory costs itself only.
OOMPolicy=continue
LimitNOFILE=65536
# RandomX and CUDA lock memory.
LimitMEMLOCK=infinity
# Priorities above the system's, if `allow_tuning` is set in sentry.toml.
LimitNICE={nice}
{common}
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

# Of the file system only its own folder can be written, and it sees no processes but its user's.
StateDirectory={name}
StateDirectoryMode=0700
ProtectProc=invisible
# Cards, and no other device.
DeviceAllow=char-nvidia* rw
DeviceAllow=char-drm rw
DeviceAllow=char-kfd rw
# Left out on purpose, mining programs need it: MemoryDenyWriteExecute (RandomX, CUDA and OpenCL compile at run time),
# PrivateDevices, ProcSubset (they read /proc/cpuinfo and meminfo), PrivateNetwork and IPAddressDeny (pools may be
# anywhere), PrivateUsers (the groups that open cards), @resources (the priority and processors of a playbook).
"""

_SOCKET = """\
# Written by `rigfarm sentry install`. Only the Sentry can open it; systemd starts {name}@.service for each connection.
[Unit]
Description={description}
PartOf=rigfarm-sentry.service

[Socket]
ListenSequentialPacket={path}
Accept=yes
SocketUser={user}
SocketMode=0600
MaxConnections=512
TriggerLimitIntervalSec=0
RemoveOnStop=yes
"""

_POWER_UNIT = """\
# Written by `rigfarm sentry install`, since sentry.toml has allow_power = true. It runs nothing: systemd does it.
[Unit]
Description=The Rigfarm Sentry wants this machine to {verb}
SuccessAction={verb}
CollectMode=inactive-or-failed

[Service]
Type=oneshot
ExecStart=/bin/true
DynamicUser=yes
PrivateNetwork=yes
PrivateUsers=yes
PrivateDevices=yes
MemoryDenyWriteExecute=yes
IPAddressDeny=any
RestrictAddressFamilies=none
ProtectProc=invisible
ProcSubset=pid
{common}
SystemCallFilter=~@resources
"""


@dataclass(frozen=True)
class Grants:
    """What this machine's sentry.toml allows beyond what every Sentry may do, as far as it takes units."""

    users: Sequence[str] = (PROGRAMS_USER,)
    """Of mining programs; the first is the usual one."""
    tuning: bool = False
    power: bool = False

    @classmethod
    def wanted(cls, data_dir: Path, root: Path, *, by_root: bool) -> Grants:
        """As sentry.toml says. The Sentry itself could have written it: unless root has just said `by_root`, or it is
        root's file, no more than is installed already. Raises InstallError."""
        folder = root / data_dir.relative_to("/")
        if not os.access(folder / FILE_NAME, os.R_OK):
            return cls()
        owner = (folder / FILE_NAME).lstat().st_uid
        try:
            settings = load_settings(folder, {})
        except SettingsError as error:
            raise InstallError(str(error)) from None
        policy = settings.policy
        users = tuple(dict.fromkeys([policy.user, *policy.also]))
        wanted = cls(users, policy.tuning, settings.allow_power)
        return wanted if by_root or owner in (0, os.geteuid()) else wanted._within(cls.installed(root))

    @classmethod
    def installed(cls, root: Path) -> Grants:
        """What there are units for."""
        found = {path.name: path.read_text() for path in (root / FOLDER).glob("rigfarm-*") if path.is_file()}
        users = [match[1] for text in found.values() if (match := _SOCKET_OF_USER.search(text))]
        tuning = any("\nLimitNICE=-20\n" in text for text in found.values())
        return cls(users, tuning, f"{_POWER[0]}.socket" in {name.removeprefix("rigfarm-") for name in found})

    def _within(self, others: Grants) -> Grants:
        users = [user for user in self.users if user in (PROGRAMS_USER, *others.users)]
        return Grants(users, self.tuning and others.tuning, self.power and others.power)

    def words(self) -> list[str]:
        """What goes beyond the usual."""
        return [
            *(f"run mining programs as {user}" for user in self.users if user != PROGRAMS_USER),
            *(["raise their priority above the system's"] if self.tuning else []),
            *(["reboot this machine and switch it off"] if self.power else []),
        ]


def unit_text(command: Sequence[str], data_dir: Path = DATA_DIR, grants: Grants | None = None) -> str:
    """The Sentry's own unit, which runs `command`. Raises InstallError for what systemd could not run."""
    check_program(command[0])
    grants = grants or Grants()
    return _SENTRY.format(
        command=words(command),
        environment=words([f"RIGFARM_DATA_DIR={data_dir}"]),
        offered=f"{FOLDER_VARIABLE}={SOCKETS}",
        user=USER,
        programs_user=PROGRAMS_USER,
        programs=", ".join(f"{unit_of(user)}@" for user in grants.users),
        sockets=" ".join(name for name in companions(["/bin/true"], data_dir, grants) if name.endswith(".socket")),
        common=_common(data_dir, command[0]),
        writable=writable(data_dir),
    )


def companions(supervisor: Sequence[str], data_dir: Path = DATA_DIR, grants: Grants | None = None) -> dict[str, str]:
    """The texts of its other units by their names; `supervisor` is the command of a program's. Raises InstallError."""
    check_program(supervisor[0])
    grants = grants or Grants()
    found = {}
    for user in grants.users:
        name = unit_of(user)
        found[f"{name}.socket"] = _socket(name, f"Starts mining programs as {user}", SOCKETS / f"programs-{user}")
        found[f"{name}@.service"] = _PROGRAMS.format(
            name=name,
            user=user,
            command=words(supervisor),
            nice="-20" if grants.tuning else "0",
            common=_common(data_dir, supervisor[0]),
        )
    for verb in _POWER if grants.power else ():
        name = f"rigfarm-{verb}"
        found[f"{name}.socket"] = _socket(name, f"Lets the Rigfarm Sentry {verb} this machine", SOCKETS / verb)
        found[f"{name}@.service"] = _POWER_UNIT.format(verb=verb, common=_common(DATA_DIR, "/bin/true"))
    return found


def _socket(name: str, description: str, path: Path) -> str:
    return _SOCKET.format(name=name, description=description, path=path, user=USER)


def _common(data_dir: Path, program: str) -> str:
    protect_home = "read-only" if homes(program) or homes(str(data_dir)) else "yes"
    return _COMMON.format(protect_home=protect_home)
