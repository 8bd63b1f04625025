"""Which mining programs answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from rigfarm.sentry import miners
from rigfarm.sentry.doctor.finding import Finding
from rigfarm.sentry.readings import WorkloadSource
from rigfarm.wire.log import Workload

__all__ = ["check_programs"]


Adapters = Mapping[str, miners.MinerAdapter]


async def check_programs(sources: Sequence[WorkloadSource], adapters: Adapters | None = None) -> list[Finding]:
    """Ask each once."""
    known = miners.adapters() if adapters is None else adapters
    if not sources:
        return [Finding("absent", "Mining programs", "none is configured; a playbook of the Commander starts one")]
    found = await asyncio.gather(*(_check(source, known) for source in sources))
    return [finding for findings in found for finding in findings]


async def _check(source: WorkloadSource, known: Adapters) -> list[Finding]:
    adapter = known.get(source.adapter)
    name = f"{source.software or source.adapter} on {source.host}:{source.port}"
    if adapter is None:
        return [Finding("problem", name, f"unknown adapter {source.adapter!r}", f"Use one of: {', '.join(known)}.")]
    reading = await miners.read(source, adapter)
    if any(workload.state == "unreachable" for workload in reading.workloads):
        return [
            Finding(
                "problem",
                name,
                " ".join(reading.problems) or "it does not answer",
                f"Start {adapter.software} with its statistics API on: {_arguments(adapter, source)}",
            )
        ]
    if reading.problems:
        return [Finding("problem", name, " ".join(reading.problems), f"Check that {adapter.software} is what listens.")]
    return [Finding("ok", name, _workload(workload)) for workload in reading.workloads]


def _arguments(adapter: miners.MinerAdapter, source: WorkloadSource) -> str:
    return adapter.api_arguments.replace("$API_PORT", str(source.port))


def _workload(workload: Workload) -> str:
    rate = "no hashrate yet" if workload.hashrate is None else f"{workload.hashrate:,.0f} H/s"
    what = " ".join(word for word in (workload.coin, workload.algorithm) if word)
    return ", ".join(word for word in (workload.state or "answers", what, rate) if word)
