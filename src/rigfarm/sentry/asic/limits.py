"""How many sockets this process may have: every device takes a few."""

from __future__ import annotations

import resource

__all__ = ["raise_file_limit"]

_OWN = 256
_PER_DEVICE = 8


def raise_file_limit(devices: int) -> str | None:
    """Raise the limit of open files as far as `devices` need; the sentence to say if that is not allowed."""
    needed = _OWN + _PER_DEVICE * devices
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return None
    wanted = needed if hard == resource.RLIM_INFINITY else max(needed, min(hard, 65_536))
    for limit in ((wanted, max(hard, wanted)), (min(wanted, hard), hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        except (ValueError, OSError):
            continue
        break
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return None
    return (
        f"{devices} devices need {needed} open files, but this process may have only {soft}: "
        f"raise LimitNOFILE of its service, or some devices will be read late."
    )
