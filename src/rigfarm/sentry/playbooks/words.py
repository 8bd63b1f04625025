"""How the Sentry words things for the operator of a playbook."""

from __future__ import annotations

import signal

from rigfarm.sentry.processes.process import Ending
from rigfarm.units import duration

__all__ = ["ending"]


def ending(end: Ending, ran_s: float, last_lines: list[str]) -> str:
    """How a program ended, and what it said last."""
    how = "ended"
    if end.lost:
        how = "was ended: its supervisor was killed"
    elif end.signal is not None:
        how = f"was killed by {_signal(end.signal)}"
    elif end.code is not None:
        how = f"ended with code {end.code}"
    after = f"{ran_s:.1f} s" if ran_s < 10 else duration(ran_s)
    said = f"; its last words: {' | '.join(last_lines)}" if last_lines else ""
    return f"the program {how} after {after}{said}"


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    meaning = {signal.SIGKILL: " (out of memory?)", signal.SIGILL: " (this processor lacks an instruction it uses)"}
    return name + meaning.get(signal.Signals(number), "")
