"""What systemd does for a Sentry that has no privileges: behind each socket in one folder waits one thing that it does.

`rigfarm sentry install` decides what there is; only the Sentry's user can open these sockets.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from rigfarm.sentry.processes.shim import SWEEP_S

__all__ = ["FOLDER_VARIABLE", "PROGRAMS_USER", "PowerVerb", "Services", "unit_of"]

FOLDER_VARIABLE = "RIGFARM_SERVICES"
PROGRAMS_USER = "rigfarm-miner"
"""`rigfarm sentry install` makes this user. Without it, programs of a Sentry that is root get a free number instead."""
STATE = Path("/var/lib")
PowerVerb = Literal["reboot", "poweroff"]
_REMOVED_WITHIN_S = 60.0


class _Removed(Struct, tag_field="event", tag="removed"):
    why: str = ""


def unit_of(user: str) -> str:
    """Name of the units, and of the folder below /var/lib, of programs that run as this user."""
    return "rigfarm-programs" if user == PROGRAMS_USER else f"rigfarm-programs-{user}"


@dataclass(frozen=True)
class Services:
    """Those whose sockets are in one folder."""

    folder: Path

    @classmethod
    def offered(cls, environ: Mapping[str, str] = os.environ) -> Services | None:
        """None: this Sentry does it all itself."""
        named = environ.get(FOLDER_VARIABLE)
        return cls(Path(named)) if named else None

    def programs(self, user: str) -> Path:
        """Behind this socket a supervisor starts for each connection, as that user."""
        return self.folder / f"programs-{user}"

    def home(self, user: str, playbook: int) -> Path:
        """Where this playbook's program has its files."""
        return STATE / unit_of(user) / str(playbook)

    def remove(self, homes: list[str]) -> None:
        """Blocks. What programs of these playbooks (with `*`, of all) wrote, as whichever user. Raises OSError."""
        for path in sorted(self.folder.glob("programs-*")):
            with connect(path) as connection:
                connection.settimeout(_REMOVED_WITHIN_S)
                connection.send(msgspec.json.encode({"remove": homes}))
                answer = connection.recv(1 << 16)
            try:
                why = msgspec.json.decode(answer, type=_Removed).why
            except msgspec.DecodeError:
                why = "its supervisor did not answer"
            if why:
                raise OSError(f"what programs wrote is not removed: {why}")

    def power(self, verb: str) -> None:
        """Begin to do this `PowerVerb`. Blocks. Raises OSError."""
        with connect(self.folder / verb) as connection, contextlib.suppress(TimeoutError):
            connection.recv(1)  # closed once it begins


def connect(path: Path) -> socket.socket:
    """To what systemd starts behind this socket. Blocks. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.settimeout(SWEEP_S)
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection
