"""A sparkline as SVG paths: the shape of a day in the width of a card. Unknown is a gap, not a fall to zero."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

__all__ = ["Spark", "small_spark", "spark"]

WIDTH = 240
HEIGHT = 32
_PAD = 2.0


class Spark(Struct, frozen=True):
    """Paths within a box of WIDTH × HEIGHT; both are empty when nothing is known."""

    line: str = ""
    area: str = ""


def spark(values: Sequence[float | None]) -> Spark:
    """Equidistant values, oldest first, from zero (or the smallest, where that is above half of the largest) up."""
    known = [value for value in values if value is not None and 0.0 <= value < 1e27]
    if len(known) < 2 or len(values) < 2:
        return Spark()
    top = max(known) or 1.0
    low = min(known)
    bottom = low - (top - low) if top > low > top / 2 else 0.0  # what never changes is no fall to zero
    scale = (HEIGHT - 2 * _PAD) / ((top - bottom) or 1.0)
    step = WIDTH / (len(values) - 1)
    line, area = [], []
    for run in _runs(values):
        points = [(x * step, HEIGHT - _PAD - (value - bottom) * scale) for x, value in run]
        text = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        line.append(f"M{text}")
        area.append(f"M{points[0][0]:.1f} {HEIGHT}L{text}L{points[-1][0]:.1f} {HEIGHT}Z")
    return Spark("".join(line), "".join(area))


def small_spark(values: Sequence[float | None]) -> Spark:
    """Of many values those that can be told apart in that width."""
    return spark(values[:: len(values) // WIDTH + 1])


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for x, value in enumerate(values):
        if value is not None and 0.0 <= value < 1e27:
            runs[-1].append((x, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
