"""How many rigs are how, and how the Commander itself is doing. Written on the event loop: these samples are few."""

from __future__ import annotations

from collections import Counter

from rigfarm import __version__
from rigfarm.commander.alerts import Alerts
from rigfarm.commander.alerts.model import SEVERITIES
from rigfarm.commander.circuits import Circuits
from rigfarm.commander.health import Health
from rigfarm.commander.history import History
from rigfarm.commander.logs import Journal
from rigfarm.commander.metrics.exposition.text import Families, Labels
from rigfarm.commander.metrics.view import LinkFigures
from rigfarm.commander.stats import OperationalStats
from rigfarm.commander.stats.condition import STATES
from rigfarm.commander.supervised import Parts

__all__ = ["add_alerts", "add_circuits", "add_commander", "add_process", "add_stats"]


def add_stats(families: Families, stats: OperationalStats) -> None:
    """Both kinds of rigs."""
    for kind, totals in stats.totals.items():
        labels = Labels.of(kind=kind)
        for state in STATES:
            families["rigfarm_rigs"].add(totals.states[state], Labels.of(kind=kind, state=state))
        families["rigfarm_rigs_attention"].add(totals.sick.total(), labels)
        families["rigfarm_rigs_maintenance"].add(totals.maintained, labels)
        families["rigfarm_power_watts"].add(totals.power_w, labels)
        families["rigfarm_power_known_rigs"].add(totals.powered_rigs, labels)


def add_alerts(families: Families, alerts: Alerts) -> None:
    """Those that fire."""
    fires = Counter(alert.severity for alert in alerts.open if alert.state == "firing")
    for severity in SEVERITIES:
        families["rigfarm_alerts_firing"].add(fires[severity], Labels.of(severity=severity))


def add_circuits(families: Families, circuits: Circuits) -> None:
    """What each may carry, and draws."""
    for one in circuits.circuits.values():
        draw, labels = circuits.draws.of(one.id), Labels.of(circuit=one.name)
        families["rigfarm_circuit_power_watts"].add(draw.known_w, labels)
        families["rigfarm_circuit_limit_watts"].add(one.limit_w, labels)
        families["rigfarm_circuit_continuous_watts"].add(one.continuous_w, labels)
        families["rigfarm_circuit_rigs"].add(draw.rigs, labels)
        families["rigfarm_circuit_power_unknown_rigs"].add(draw.unknown, labels)


def add_commander(
    families: Families, *, health: Health, journal: Journal, history: History, parts: Parts, links: LinkFigures
) -> None:
    """The Commander itself."""
    families["rigfarm_build_info"].add(1, Labels.of(version=__version__))
    families["rigfarm_metrics_info"].add(1, Labels.of(detail=families.detail))
    families["rigfarm_links_open"].add(links.open)
    families["rigfarm_logs_received_total"].add(links.received)
    families["rigfarm_logs_stored_total"].add(journal.committed)
    families["rigfarm_logs_duplicate_total"].add(journal.duplicates)
    families["rigfarm_journal_frames_set_aside_total"].add(journal.set_aside.kept + journal.set_aside.lost)
    logs, size = journal.waiting
    families["rigfarm_journal_waiting_logs"].add(logs)
    families["rigfarm_journal_waiting_bytes"].add(size)
    families["rigfarm_journal_commit_seconds"].add(journal.commit_s if journal.committed else None)
    if history.until_ms is not None:
        families["rigfarm_history_until_timestamp_seconds"].add(history.until_ms / 1000)
    families["rigfarm_event_loop_lag_p99_seconds"].add(health.lag(0.99))
    families["rigfarm_gc_pause_max_seconds"].add(health.longest_gc_pause())
    families["rigfarm_errors_total"].add(health.unexpected)
    for part in parts:
        families["rigfarm_part_up"].add(int(not part.troubled), Labels.of(part=part.name))


def add_process(families: Families) -> None:
    """What the system knows of this process. In another thread: it reads files. The library is loaded when someone
    asks for metrics."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.process_collector import ProcessCollector

    for metric in ProcessCollector(registry=CollectorRegistry()).collect():
        for sample in metric.samples:
            if sample.name in families:
                families[sample.name].add(sample.value)
