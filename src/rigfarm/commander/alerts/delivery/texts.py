"""What a message says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rigfarm.commander.alerts.engine.causes import most_telling
from rigfarm.commander.alerts.model import SEVERITIES, SHARED_WORDS, Alert, Fact, Severity
from rigfarm.units import count, counted, duration

__all__ = [
    "MOST_LINES",
    "Urls",
    "digest",
    "headline",
    "held_back",
    "lasted",
    "message",
    "sample",
    "shared",
    "state",
    "worst",
]

MOST_LINES = 20


class Urls(NamedTuple):
    """What a message links to; empty where there is nothing."""

    alert: str
    rig: str
    """The charts of its rig around that time."""
    acknowledge: str
    """Acknowledges it without a login."""


def message(alert: Alert, what: str, now_ms: int, urls: Urls) -> tuple[str, str]:
    """(title, body) about one alert."""
    title = f"[{state(alert, what)}] {headline(alert)}: {alert.text if alert.rigs <= 1 else alert.rule}"
    lines = [alert.text if alert.rigs <= 1 else f"First: {alert.text}"]
    if common := shared(alert):
        lines.append(f"All share: {common}.")
    took = lasted(alert, now_ms)
    lines.append(f"Resolved after {took}: {alert.ending}." if not alert.open else f"For {took} so far.")
    lines.append(urls.alert)
    if urls.rig:
        lines.append(f"Charts: {urls.rig}")
    if urls.acknowledge and alert.open:
        lines.append(f"Acknowledge: {urls.acknowledge}")
    return title[:200], "\n".join(lines)


def state(alert: Alert, what: str) -> str:
    """Its severity while it fires; what else there is to say first."""
    return "resolved" if not alert.open else "still unacknowledged" if what == "escalated" else alert.severity


def shared(alert: Alert) -> str:
    """What all its rigs share, if there are several: `Sentry 10.0.0.5, pool pool.example:3333`."""
    if alert.rigs <= 1:
        return ""
    return ", ".join(f"{SHARED_WORDS[kind]} {name}" for kind, name in most_telling(alert.shared) if kind != "rig")


def lasted(alert: Alert, now_ms: int) -> str:
    """For how long."""
    return duration(max((alert.ended_ms or now_ms) - alert.started_ms, 0) / 1000)


def held_back(messages: int, per_hour: float) -> str:
    """What a message says about others that waited."""
    return f"{counted(messages, 'message')} waited: this channel takes at most {per_hour:g} an hour."


def digest(alerts: Sequence[Alert], url: str) -> tuple[str, str]:
    """(title, body) about several alerts at once."""
    fires = sum(alert.open for alert in alerts)
    title = f"[{worst(alerts)}] {count(len(alerts))} alerts: {count(fires)} open, {count(len(alerts) - fires)} resolved"
    lines = [
        f"{'resolved' if not alert.open else alert.severity}: {headline(alert)}: {alert.text}"
        for alert in sorted(alerts, key=lambda one: (not one.open, -SEVERITIES.index(one.severity)))[:MOST_LINES]
    ]
    if len(alerts) > MOST_LINES:
        lines.append(f"and {count(len(alerts) - MOST_LINES)} more")
    return title, "\n".join([*lines, f"{url}/alerts"])


def worst(alerts: Sequence[Alert]) -> Severity:
    """The worst severity of them."""
    return max((alert.severity for alert in alerts), key=SEVERITIES.index, default="info")


def headline(alert: Alert) -> str:
    """The name of the rig or circuit, or how many rigs."""
    if alert.rigs > 1:
        return f"{count(alert.rigs)} rigs"
    return next((name for kind, name in alert.shared if kind in ("rig", "circuit")), "Commander")


def sample(now_ms: int) -> Alert:
    """One as an example, in a farm that had none yet."""
    shared: list[Fact] = [("rig", "rig-07")]
    started = now_ms - 130_000
    text = "GPU 3 at 91 °C"
    return Alert(
        0, 0, "Devices that are too hot", "critical", "firing", shared, started, rigs=1, open_rigs=1, text=text
    )
