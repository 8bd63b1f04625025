"""A scan of a /22 from one Sentry: how long it takes, what it finds, and how soon it ends when it is cancelled.

The devices are fakes of all makes. Loopback refuses at once where nobody listens; an address of a real LAN says nothing
at all, so every absent one costs the whole patience of a knock at each port here too.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from functools import partial
from pathlib import Path

import structlog

from bench.asic_poll import fakes
from bench.report import Figure, report
from rigfarm.sentry.asic import AsicPart, AsicService
from rigfarm.sentry.asic import scan as scan_module
from rigfarm.sentry.asic.diagnose import PORTS, Knock, knock
from rigfarm.sentry.asic.scan import ScanProgress

NETWORK = "127.48.0.0/22"
DEVICES = 300


async def _scanned(service: AsicService) -> tuple[ScanProgress, int]:
    """The end of it, and how many different steps its progress was seen at."""
    service.start_scan(NETWORK)
    seen: set[int] = set()
    while service.scan is not None and service.scan.state == "running":
        seen.add(service.scan.done)
        await asyncio.sleep(0.1)
    assert service.scan is not None
    return service.scan, len(seen)


async def scan() -> None:
    """All of it, then one that is cancelled."""
    with fakes(DEVICES, NETWORK) as (_, addresses), tempfile.TemporaryDirectory() as folder:
        present = set(addresses)

        async def slow(ip: str, timeout_s: float = 1.5) -> Knock:
            if ip in present:
                return await knock(ip, timeout_s)
            await asyncio.sleep(timeout_s * len(PORTS))
            return Knock(None, silent=True)

        scan_module.knock = slow  # type: ignore[attr-defined]
        service = AsicPart(partial(AsicService, Path(folder))).service
        await service.load()
        whole, steps = await _scanned(service)
        service.start_scan(NETWORK)
        await asyncio.sleep(2.0)
        began = time.monotonic()
        await service.cancel_scan()
        cancelled = time.monotonic() - began
        await service.roster.close()
    assert len(whole.finds) == DEVICES, f"{len(whole.finds)} of {DEVICES} devices were found"
    report(
        Figure(
            f"ASICs: a scan of a /22 ({whole.total:,} addresses, {DEVICES} devices)",
            f"{whole.seconds:.1f} s",
            target="≤ 60 s",
            notes=f"all {len(whole.finds)} found and recognised; {steps} different steps of progress seen; "
            f"one that is cancelled ends in {cancelled * 1e3:.0f} ms",
        )
    )


def main() -> None:
    """The measurement."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(scan())


if __name__ == "__main__":
    main()
