"""An assigned playbook as it came over the link, with figures that cannot do harm."""

from __future__ import annotations

import math
import re

import msgspec

from rigfarm.wire.playbooks import Archive, AssignedPlaybook, Supervision

__all__ = ["archive_problem", "supervision"]

MAX_RESTARTS_PER_HOUR = 600
"""No more than the ledger remembers."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
MAX_ARCHIVE_BYTES = 2 << 30


def supervision(assigned: AssignedPlaybook) -> Supervision:
    """Its own, every figure within its bounds; nonsense becomes the default."""
    given, default = assigned.supervision, Supervision()
    return msgspec.structs.replace(
        given,
        stall_s=_within(given.stall_s, 0.2, 86_400, default.stall_s),
        low_fraction=_within(given.low_fraction, 0, 1, default.low_fraction),
        backoff_first_s=_within(given.backoff_first_s, 0.05, 3_600, default.backoff_first_s),
        backoff_max_s=_within(given.backoff_max_s, 0.05, 86_400, default.backoff_max_s),
        restarts_per_hour=int(_within(given.restarts_per_hour, 1, MAX_RESTARTS_PER_HOUR, default.restarts_per_hour)),
        reboot_after_failures=int(_within(given.reboot_after_failures, 0, 10_000, 0)),
        reboots_per_day=int(_within(given.reboots_per_day, 0, 100, 0)),
    )


def archive_problem(archive: Archive) -> str | None:
    """Why this archive cannot even be asked for; None when nothing speaks against it."""
    if not _SHA256.fullmatch(archive.sha256):
        return "the archive's SHA-256 is not 64 lower-case hexadecimal digits: pin the file again"
    if not 0 < archive.size <= MAX_ARCHIVE_BYTES:
        return (
            f"the archive's size of {archive.size} bytes is not between 1 and {MAX_ARCHIVE_BYTES}: pin the file again"
        )
    if not archive.executable or "/" in archive.executable or archive.executable in (".", ".."):
        return f"{archive.executable!r} is not a file name: name the program's file in the archive, without folders"
    return None


def _within(value: float, least: float, most: float, default: float) -> float:
    return min(max(value, least), most) if math.isfinite(value) else default
