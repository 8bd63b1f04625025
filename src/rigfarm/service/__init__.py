"""A program of ours as a systemd service: written, enabled, and taken away again without a trace. Used by the Sentry's
and the Commander's `install`."""

from rigfarm.service.command import command, homes, inside
from rigfarm.service.errors import InstallError
from rigfarm.service.service import Service
from rigfarm.service.systemd import FOLDER, Systemctl, need_root, need_systemd, systemctl_of
from rigfarm.service.unit import check_program, words, writable
from rigfarm.service.user import make_user, user_line

__all__ = [
    "FOLDER",
    "InstallError",
    "Service",
    "Systemctl",
    "check_program",
    "command",
    "homes",
    "inside",
    "make_user",
    "need_root",
    "need_systemd",
    "systemctl_of",
    "user_line",
    "words",
    "writable",
]
