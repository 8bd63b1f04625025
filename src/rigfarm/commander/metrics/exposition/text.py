"""Writes samples in Prometheus' text format, or in OpenMetrics.

Of our own because of the time it takes: ten thousand rigs are 150,000 samples, a second's work for prometheus_client.
"""

from __future__ import annotations

import math

from rigfarm.commander.metrics.model import METRICS, Detail, Metric
from rigfarm.common.text import printable

__all__ = ["OPEN_METRICS", "PLAIN", "Families", "Family", "Labels", "Pieces", "text_of"]

PLAIN = "text/plain; version=0.0.4"
"""The server adds the charset."""
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
MAX_LABEL = 64
MAX_KNOWN = 100_000
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Pieces = list[tuple[Metric, str]]
"""The lines of samples of each metric."""


class Labels:
    """Values of labels. What rigs say is short, visible text in them, and never ends a label."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self.changed = 0
        """Values that aren't what the rig said."""

    def clean(self, text: str) -> str:
        """The text as it appears in labels, not escaped."""
        known = self._known.get(text)
        if known is None:
            known = printable(text, "?", most=MAX_LABEL)
            self.changed += known != text
            if len(self._known) < MAX_KNOWN:
                self._known[text] = known
        return known

    @staticmethod
    def of(**values: str) -> str:
        """What stands between the braces; `values` were cleaned."""
        return ",".join([f'{name}="{value.translate(_ESCAPES)}"' for name, value in values.items()])


class Family:
    """The samples of one metric."""

    __slots__ = ("_lines", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: list[str] = []

    def add(self, value: float | None, labels: str = "") -> None:
        """One sample; what is unknown makes none."""
        if value is not None and math.isfinite(value):
            self._lines.append(f"{self._name}{{{labels}}} {value!r}\n" if labels else f"{self._name} {value!r}\n")

    def text(self) -> str:
        """All lines."""
        return "".join(self._lines)


class Families:
    """The metrics of a detail, and of those that it includes."""

    def __init__(self, detail: Detail) -> None:
        self.detail = detail
        self._families = {name: Family(name) for name in METRICS}

    def __getitem__(self, name: str) -> Family:
        return self._families[name]

    def __contains__(self, name: str) -> bool:
        return name in self._families

    def names(self, detail: Detail) -> list[str]:
        """Of the metrics that belong to a detail."""
        return [name for name in self._families if METRICS[name].detail == detail]

    def pieces(self) -> Pieces:
        """What was added, without metrics that have no sample."""
        found = ((METRICS[name], family.text()) for name, family in self._families.items())
        return [(metric, text) for metric, text in found if text]


def text_of(pieces: Pieces, *, open_metrics: bool) -> bytes:
    """The whole exposition."""
    parts = []
    for metric, lines in pieces:
        name = metric.name.removesuffix("_total") if open_metrics and metric.type == "counter" else metric.name
        help_text = metric.help.translate(_ESCAPES) if open_metrics else metric.help
        parts += [f"# HELP {name} {help_text}\n", f"# TYPE {name} {metric.type}\n", lines]
    if open_metrics:
        parts.append("# EOF\n")
    return "".join(parts).encode()
