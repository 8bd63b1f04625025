"""Every metric: its name, unit and meaning. docs/metrics.md has the same table, and a test keeps the two equal.

Names follow Prometheus' conventions: base units, and `_total` at the end of what only grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

__all__ = ["DETAILS", "METRICS", "Asked", "Detail", "Metric", "Type", "detail_of"]

Detail = Literal["farm", "rigs", "devices"]
Asked = Literal["auto", "farm", "rigs", "devices"]
DETAILS: tuple[Detail, ...] = ("farm", "rigs", "devices")
"""Each includes those before it."""
Type = Literal["gauge", "counter"]
MOST_RIGS = 2_000
"""With `auto`, a larger farm has sums only: each rig makes about fifteen series, and their number should be someone's
decision."""


def detail_of(asked: Asked, rigs: int) -> Detail:
    """What a farm of so many rigs gives."""
    if asked != "auto":
        return asked
    return "rigs" if rigs <= MOST_RIGS else "farm"


class Metric(Struct, frozen=True):
    """One metric. A sample that is unknown is absent."""

    name: str
    """As its samples have it."""
    help: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    detail: Detail = "farm"
    type: Type = "gauge"


_HASHES = "hashes per second"
_TIME = "seconds since 1970"
_RIG = ("rig", "kind")
_CIRCUIT = ("circuit",)
_DEVICE = (*_RIG, "device")


def _farm() -> tuple[Metric, ...]:
    return (
        Metric("rigfarm_build_info", "Always 1; the version of the Commander.", labels=("version",)),
        Metric("rigfarm_metrics_info", "Always 1; the detail of these metrics.", labels=("detail",)),
        Metric("rigfarm_rigs", "Rigs in each state.", "rigs", ("kind", "state")),
        Metric("rigfarm_rigs_attention", "Rigs that need attention.", "rigs", ("kind",)),
        Metric("rigfarm_rigs_maintenance", "Rigs in maintenance, whatever their state.", "rigs", ("kind",)),
        Metric("rigfarm_rigs_mining", "Rigs that are up and report a hashrate for the coin.", "rigs", ("kind", "coin")),
        Metric(
            "rigfarm_hashrate_hashes_per_second", "Hashrate of the rigs that are up.", _HASHES, labels=("kind", "coin")
        ),
        Metric("rigfarm_power_watts", "Power of the rigs that are up and know it.", "watts", ("kind",)),
        Metric("rigfarm_power_known_rigs", "How many rigs that is the power of.", "rigs", ("kind",)),
        Metric(
            "rigfarm_running_shares_accepted",
            "Accepted shares as the mining programs of rigs that are up count them since they started. A program that "
            "starts and a rig that goes offline lower it; for rates use the counters of rigs.",
            "shares",
            ("kind", "coin"),
        ),
        Metric("rigfarm_running_shares_rejected", "Rejected shares, likewise.", "shares", ("kind", "coin")),
        Metric(
            "rigfarm_circuit_power_watts",
            "Power of the rigs on a circuit that are up and know it.",
            "watts",
            _CIRCUIT,
        ),
        Metric("rigfarm_circuit_limit_watts", "The circuit's limit.", "watts", _CIRCUIT),
        Metric("rigfarm_circuit_continuous_watts", "What it may carry continuously.", "watts", _CIRCUIT),
        Metric("rigfarm_circuit_rigs", "Rigs on the circuit.", "rigs", _CIRCUIT),
        Metric("rigfarm_circuit_power_unknown_rigs", "How many of them have an unknown power.", "rigs", _CIRCUIT),
        Metric("rigfarm_alerts_firing", "Alerts that fire and are not acknowledged.", "alerts", ("severity",)),
        Metric("rigfarm_links_open", "Connected Sentries.", "links"),
        Metric("rigfarm_logs_received_total", "Logs received since the start.", "logs", type="counter"),
        Metric("rigfarm_logs_stored_total", "Logs made durable since the start.", "logs", type="counter"),
        Metric(
            "rigfarm_logs_duplicate_total",
            "Logs that came again since the start and were not stored twice.",
            "logs",
            type="counter",
        ),
        Metric(
            "rigfarm_journal_frames_set_aside_total",
            "Frames that could not be stored since the start.",
            "frames",
            type="counter",
        ),
        Metric("rigfarm_journal_waiting_logs", "Logs that wait to become durable.", "logs"),
        Metric("rigfarm_journal_waiting_bytes", "Their size.", "bytes"),
        Metric("rigfarm_journal_commit_seconds", "How long the journal's last commit took.", "seconds"),
        Metric(
            "rigfarm_history_until_timestamp_seconds",
            "Logs that arrived until then are in the history. On a large farm that is some minutes ago.",
            _TIME,
        ),
        Metric(
            "rigfarm_event_loop_lag_p99_seconds",
            "99 % of the timers of the last minute fired with less delay than this.",
            "seconds",
        ),
        Metric("rigfarm_gc_pause_max_seconds", "The longest garbage collection of the last minute.", "seconds"),
        Metric("rigfarm_part_up", "1 if this background part of the Commander does its work.", labels=("part",)),
        Metric("rigfarm_errors_total", "Unexpected errors since the start.", "errors", type="counter"),
        Metric("rigfarm_metrics_render_seconds", "How long it took to collect these metrics.", "seconds"),
        Metric(
            "rigfarm_metrics_labels_changed",
            "Values of labels that were shortened, or had invisible characters replaced.",
            "labels",
        ),
        Metric("rigfarm_metrics_coins_folded", 'Coins beyond the limit, counted as coin="other".', "coins"),
        Metric("rigfarm_metrics_devices_left_out", "Devices beyond the limit of a rig.", "devices", detail="devices"),
    )


def _process() -> tuple[Metric, ...]:
    return (
        Metric("process_cpu_seconds_total", "User and system CPU time of the Commander.", "seconds", type="counter"),
        Metric("process_resident_memory_bytes", "Resident memory.", "bytes"),
        Metric("process_virtual_memory_bytes", "Virtual memory.", "bytes"),
        Metric("process_start_time_seconds", "When the process started.", _TIME),
        Metric("process_open_fds", "Open file descriptors.", "files"),
        Metric("process_max_fds", "The most it may have.", "files"),
    )


def _rigs() -> tuple[Metric, ...]:
    def rig(name: str, help: str, unit: str = "", *more: str, type: Type = "gauge") -> Metric:
        return Metric(f"rigfarm_rig_{name}", help, unit, (*_RIG, *more), "rigs", type)

    return (
        rig("info", "Always 1; the number of the rig's page, and its place.", "", "rig_id", "place"),
        rig("up", "1 if the rig reports. If it doesn't, only its state and when it was last seen are known."),
        rig("state", "Always 1; the state of the rig: only the one it is in.", "", "state"),
        rig("attention", "0: all is well; 1: needs attention; 2: needs it now."),
        rig("maintenance", "1 if someone works on it."),
        rig("last_seen_timestamp_seconds", "When its latest log arrived.", _TIME),
        rig("uptime_seconds", "How long the machine has been running.", "seconds"),
        rig("hashrate_hashes_per_second", "Its hashrate.", _HASHES, "coin"),
        rig("power_watts", "The power of the whole rig.", "watts"),
        rig("temperature_max_celsius", "The hottest of its devices, by sensor.", "degrees Celsius", "sensor"),
        rig("fan_rpm", "Speed of the rig's own fans.", "revolutions per minute", "fan"),
        rig("device_fan_max_ratio", "The fastest fan of its devices.", "ratio; 1 is full speed"),
        rig("devices", "Devices it reports, missing ones included.", "devices"),
        rig("devices_missing", "Devices that were there before and are gone.", "devices"),
        rig(
            "shares_accepted_total",
            "Accepted shares since its program started.",
            "shares",
            "coin",
            type="counter",
        ),
        rig("shares_rejected_total", "Rejected shares, likewise.", "shares", "coin", type="counter"),
    )


def _devices() -> tuple[Metric, ...]:
    def device(name: str, help: str, unit: str = "", *more: str) -> Metric:
        return Metric(f"rigfarm_device_{name}", help, unit, (*_DEVICE, *more), "devices")

    return (
        device("info", "Always 1; what the device is.", "", "model", "id"),
        device("missing", "1 if it was there before and is gone."),
        device("hashrate_hashes_per_second", "Its hashrate.", _HASHES, "coin"),
        device("temperature_celsius", "Its temperature, by sensor.", "degrees Celsius", "sensor"),
        device("power_watts", "Its power.", "watts"),
        device("power_limit_watts", "The limit of its power.", "watts"),
        device("fan_ratio", "Speed of its fan.", "ratio; 1 is full speed"),
        device("fan_rpm", "Speed of its fan.", "revolutions per minute"),
        device("core_clock_hertz", "Clock of its core.", "hertz"),
        device("memory_clock_hertz", "Clock of its memory.", "hertz"),
        device("chips", "Chips that the hashboard reports.", "chips"),
        device("chips_expected", "Chips that it should have.", "chips"),
    )


METRICS: Mapping[str, Metric] = MappingProxyType(
    {one.name: one for one in (*_farm(), *_process(), *_rigs(), *_devices())}
)
"""In the order in which they are given."""
