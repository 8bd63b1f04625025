"""What keeps other users of this machine out of a Sentry's process and files."""

from __future__ import annotations

import os

import structlog

from rigfarm.sentry.processes.shim import PR_SET_DUMPABLE, prctl

__all__ = ["close_to_others"]

log = structlog.get_logger()


def close_to_others() -> None:
    """New files are ours alone; memory, environment and core dumps, which hold tokens, belong to no other user,
    nor to a program of our own user. What this kernel refuses is logged."""
    os.umask(0o077)
    try:
        prctl(PR_SET_DUMPABLE, 0)
    except OSError as error:
        log.warning("programs of the Sentry's own user could read its memory", reason=str(error))
