"""What the Sentry does with its ASICs, line by line, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from rigfarm.sentry.asic.happenings import Happening, Happenings
from rigfarm.sentry.asic.pages.html import render
from rigfarm.sentry.ui import Html, Live, Row

__all__ = ["log_card"]

LINES = 100
_TONES = {"good": "ok", "warning": "warn", "info": ""}


def log_card(live: Live, happenings: Happenings) -> Html:
    """The last hundred."""
    lines = happenings.since()[-LINES:]
    return render("log", rows=live.rows("log", [_row(line) for line in reversed(lines)]))


@lru_cache(maxsize=2 * LINES)
def _row(line: Happening) -> Row:
    at = datetime.fromtimestamp(line.at_ms / 1000, UTC)
    html = render(
        "log_line",
        at=at.isoformat(timespec="seconds"),
        clock=at.astimezone().strftime("%H:%M:%S"),
        tone=_TONES[line.level],
        ip="" if line.text.startswith(line.ip) else line.ip,
        text=line.text,
    )
    return Row(str(line.number), html)
