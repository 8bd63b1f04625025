"""The clock as it was when the Sentry ran last."""

from __future__ import annotations

from pathlib import Path

import msgspec
import structlog

from rigfarm.sentry.spool.clock import Anchor

__all__ = ["load_anchor"]

log = structlog.get_logger()


def load_anchor(path: Path) -> Anchor | None:
    """None: unknown."""
    try:
        anchor = msgspec.json.decode(path.read_bytes(), type=Anchor)
        problem = "" if anchor.is_possible else "its times are impossible"
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = str(error)[:200]
    if not problem:
        return anchor
    log.warning(
        "the saved clock cannot be read; the machine's own is used until the Commander sends the time", error=problem
    )
    return None
