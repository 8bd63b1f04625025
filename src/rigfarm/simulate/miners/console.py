"""What a fake mining program prints: a line now and then, as a person sees it in the console of a playbook."""

from __future__ import annotations

from collections.abc import Iterator

from rigfarm.simulate.miners.model import Snapshot

__all__ = ["banner", "report"]


def banner(software: str, now: Snapshot, address: str) -> Iterator[str]:
    """The lines at the start."""
    yield f"{software} {now.version} (simulated)"
    yield f"API listens on {address}"
    for algorithm in now.algorithms:
        yield f"mining {algorithm.coin} ({algorithm.name}) to {algorithm.pool} as {algorithm.wallet}.{algorithm.worker}"


def report(now: Snapshot) -> Iterator[str]:
    """The periodic figures."""
    for position, algorithm in enumerate(now.algorithms):
        rate = f"{algorithm.rate / 1e6:.3f} MH/s" if now.measured else "measuring"
        yield f"{algorithm.name}: {rate}, shares {algorithm.accepted}/{algorithm.rejected}/{algorithm.invalid}"
        for index, gpu in enumerate(now.gpus):
            state = "no answer" if gpu.dead else f"{gpu.rates[position] / 1e6:.3f} MH/s"
            yield f"  GPU{index} {gpu.pci[5:]} {state} {gpu.core_c:.0f}C {gpu.fan_percent:.0f}% {gpu.power_w:.0f}W"
