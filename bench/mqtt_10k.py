"""10,000 rigs at an MQTT broker, reporting every 5 s. Must hold: publishing takes at most 20 % of a core.

A Commander that publishes at a real Mosquitto on this machine, next to one that does not: the difference of their CPU
time is what MQTT costs. Every rig's figures change with each report, so each is published as often as it may be.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.farm import linked
from bench.report import Figure, cpu_seconds, report, resident_bytes
from rigfarm.simulate.commander import CommanderProcess
from support.broker import Mosquitto

RIGS = 10_000
EVERY_S = 5.0
FIRST_S = 40.0
"""By then everything was announced."""
LASTED_S = 60.0


def _figures(folder: Path, settings: dict[str, str]) -> tuple[float, float, float]:
    """CPU as a share of a core, MiB, and the loop's lag p99 in ms, once everything was announced."""
    with CommanderProcess(folder, settings={"report_interval_s": str(EVERY_S), **settings}) as commander:
        tokens = [token for _, token in commander.add_rigs([f"rig-{number:05d}" for number in range(RIGS)])]
        with linked(commander, tokens) as farm:
            farm.report(EVERY_S)
            time.sleep(FIRST_S)
            began, before = time.monotonic(), cpu_seconds(commander.pid)
            time.sleep(LASTED_S)
            share = (cpu_seconds(commander.pid) - before) / (time.monotonic() - began)
            health = commander.api("GET", f"/api/health?seconds={LASTED_S}")
            assert isinstance(health, dict)
            return share, resident_bytes(commander.pid) / (1 << 20), float(health["loop_lag_p99_ms"])


def main() -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory() as temporary, Mosquitto(Path(temporary)) as broker:
        plain = _figures(Path(temporary) / "plain", {})
        publishing = _figures(Path(temporary) / "mqtt", {"mqtt_url": f"mqtt://127.0.0.1:{broker.port}"})
    report(
        Figure(
            f"MQTT: {RIGS:,} rigs that report every {EVERY_S:.0f} s, as devices of Home Assistant",
            f"{publishing[0] - plain[0]:.0%} of a core",
            target="≤ 20 % of a core",
            notes=f"the Commander takes {publishing[0]:.0%} with and {plain[0]:.0%} without; {publishing[1]:.0f} and "
            f"{plain[1]:.0f} MiB; loop lag p99 {publishing[2]:.0f} and {plain[2]:.0f} ms",
        )
    )


if __name__ == "__main__":
    main()
