"""Made-up history: a range of a rig or of the farm, with bands, a night's pause and what was not known."""

from __future__ import annotations

import math

from rigfarm.commander.history import Course, Line, TimeRange
from rigfarm.commander.history.reading.ranges import Floors, resolution_of

__all__ = ["course"]

_LINES = {
    "hashrate": [("KAS", "H/s", 2.1e9), ("XMR", "H/s", 1.2e4)],
    "temperature": [("GPU core", "°C", 61.0), ("GPU memory", "°C", 84.0)],
    "power": [("rig", "W", 640.0)],
    "rigs": [("online", "rigs", 12.0), ("degraded", "rigs", 2.0), ("idle", "rigs", 0.0)],
}
_BANDS = ("hashrate", "power")


def course(span: TimeRange, *groups: str) -> Course:
    """Hashrates and these groups of lines over a range."""
    step_ms = resolution_of(span, None, Floors()) * 1000
    t = list(range(span.from_ms // step_ms * step_ms, span.to_ms, step_ms))
    pause = range(len(t) // 3, len(t) // 3 + len(t) // 20)

    def line(group: str, name: str, unit: str, size: float) -> Line:
        def values(of: float) -> list[float | None]:
            waves = (1 + 0.03 * math.sin(n / 17) + 0.01 * math.sin(n * 1.7) for n in range(len(t)))
            return [None if n in pause else size * wave * of for n, wave in enumerate(waves)]

        band = (values(0.94), values(1.03)) if group in _BANDS else ([], [])
        return Line(group=group, name=name, unit=unit, values=values(1.0), low=band[0], high=band[1])

    lines = [line(group, *one) for group in ("hashrate", *groups) for one in _LINES[group]]
    return Course(from_ms=span.from_ms, to_ms=span.to_ms, resolution_s=step_ms // 1000, t=t, lines=lines)
