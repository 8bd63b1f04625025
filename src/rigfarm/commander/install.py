"""The Commander as a systemd service, with a user of its own.

for line in install(): print(line)        # raises InstallError, worded for the operator
print(unit_text(argv))                    # what would be written
for line in uninstall(): print(line)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from rigfarm.service import (
    InstallError,
    Service,
    Systemctl,
    check_program,
    command,
    homes,
    make_user,
    need_root,
    need_systemd,
    systemctl_of,
    words,
    writable,
)

__all__ = ["DATA_DIR", "UNIT", "USER", "install", "start_command", "status", "uninstall", "unit_text"]

UNIT = "rigfarm-commander.service"
USER = "rigfarm-commander"
DATA_DIR = Path("/var/lib/rigfarm-commander")
_SERVICE = Service(UNIT, "the Commander", DATA_DIR, "the farm's configuration, its tokens and its logs")
_SHOWN = ("ActiveState", "SubState", "ActiveEnterTimestamp", "MainPID", "NRestarts")
_NOTE = (
    "Written by `rigfarm commander install`; `rigfarm commander uninstall` removes it. Put your own changes in "
    "`systemctl edit rigfarm-commander`."
)

_TEMPLATE = """\
{note}
[Unit]
Description=Rigfarm Commander
Wants=network.target
After=network.target postgresql.service
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
Group={user}
ExecStart={command}
Environment={environment}
Restart=always
RestartSec=2
KillMode=control-group
TimeoutStopSec=20
LimitCORE=0
LimitNOFILE=65536

# It needs no privilege. A port below 1024 takes two lines of your own:
#   AmbientCapabilities=CAP_NET_BIND_SERVICE
#   CapabilityBoundingSet=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
UMask=0077
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
# UNIX: `rigfarm commander api-key`, and PostgreSQL on this machine.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6

# Of the file system only its own folder can be written.
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes
PrivateDevices=yes
PrivateUsers=yes
DevicePolicy=closed
{writable}
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
ProcSubset=pid
# Left out on purpose: PrivateNetwork and IPAddressDeny. It serves browsers and rigs, and fetches mining software. Where
# all of them are in one network, `systemctl edit` it: IPAddressDeny=any and IPAddressAllow=10.0.0.0/8, for example.

[Install]
WantedBy=multi-user.target
"""


def start_command(config: Path | None = None, root: Path = Path("/")) -> list[str]:
    """The command of the service: this very program."""
    return command("commander", *(["--config", str(config)] if config is not None else []), root=root)


def unit_text(argv: Sequence[str], data_dir: Path = DATA_DIR, note: str = _NOTE) -> str:
    """The unit that runs `argv`; `note`: who wrote it. Raises InstallError for what systemd could not run as this
    user."""
    check_program(argv[0])
    return _TEMPLATE.format(
        note=textwrap.fill(note, 118, initial_indent="# ", subsequent_indent="# "),
        user=USER,
        command=words(argv),
        environment=words([f"RIGFARM_DATA_DIR={data_dir}"]),
        writable=writable(data_dir),
    )


def install(
    argv: Sequence[str] | None = None,
    *,
    data_dir: Path = DATA_DIR,
    config: Path | None = None,
    root: Path = Path("/"),
    run: Systemctl | None = None,
    user: Callable[[str, str, Path], None] = make_user,
) -> list[str]:
    """Make the user, write the unit that runs `argv` (this very program, unless told otherwise), enable and start it.
    Safe to repeat.

    `root` is where the machine's file system is, for an image. Raises InstallError.
    """
    start = list(argv or start_command(config, root))
    if argv is None and homes(start[0]):
        raise InstallError(
            f"{start[0]}, or its Python, is in a home folder, which the user {USER} cannot open. Install Rigfarm in "
            "/opt/rigfarm with the system's Python."
        )
    text = unit_text(start, data_dir)
    need_root(root)
    _SERVICE.need_unpackaged(root)
    need_systemd(root, " ".join(start))
    user(USER, "Rigfarm Commander", root)
    folder = root / data_dir.relative_to("/")
    if not data_dir.is_relative_to("/var/lib") and root == Path("/"):
        _give(folder)
    wrote = _SERVICE.put(text, root, run or systemctl_of(root))
    return [
        wrote,
        f"The Commander runs {'now and' if root == Path('/') else 'from then on'} at every start of this machine, as "
        f"the user {USER}, with its data in {data_dir}.",
        f"Its log: journalctl -u {UNIT} -f. If its settings have no password, its first start prints one there.",
    ]


def uninstall(*, root: Path = Path("/"), run: Systemctl | None = None, keep_data: bool = False) -> list[str]:
    """Stop the service and remove the unit, what was added to it, and its data. Safe to repeat. Raises InstallError."""
    need_root(root)
    _SERVICE.need_unpackaged(root)
    done = _SERVICE.remove(root, run or systemctl_of(root), keep_data=keep_data)
    return done or ["There is nothing to remove."]


def status() -> tuple[bool, list[str]]:
    """Whether the service runs, and what systemd says of it. Raises InstallError."""
    if shutil.which("systemctl") is None or not _installed():
        raise InstallError("The Commander is not installed as a service: `sudo rigfarm commander install` does that.")
    shown = subprocess.run(
        ["systemctl", "show", *(f"--property={name}" for name in _SHOWN), UNIT],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    said = dict(line.partition("=")[::2] for line in shown.stdout.splitlines())
    if shown.returncode != 0 or not said:
        raise InstallError(f"systemctl does not show the state of {UNIT}: {shown.stderr.strip()}")
    runs = said.get("ActiveState") == "active"
    return runs, [
        f"State      {said.get('ActiveState')} ({said.get('SubState')})",
        *([f"Since      {said['ActiveEnterTimestamp']}", f"Process    {said.get('MainPID')}"] if runs else []),
        f"Restarts   {said.get('NRestarts', '0')}",
        f"Data       {_SERVICE.installed_data_dir(Path('/'))}",
        f"Log        journalctl -u {UNIT}",
    ]


def _installed() -> bool:
    return _SERVICE.path(Path("/")).is_file() or _SERVICE.packaged(Path("/"))


def _give(folder: Path) -> None:
    """A folder outside of systemd's own places: it is made, and given to the user."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.chown(folder, USER, USER)
        os.chmod(folder, 0o700)
    except (OSError, LookupError) as error:
        raise InstallError(f"{folder} cannot be given to the user {USER}: {error}") from None
