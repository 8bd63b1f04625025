"""What each sensor source reads."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rigfarm.sentry.doctor.finding import Finding
from rigfarm.sentry.sensors import Outcome, Sensors, SourceReading
from rigfarm.sentry.sensors.known import FILE_NAME, load, remember
from rigfarm.sentry.sensors.merge import fell_off, merge
from rigfarm.wire.log import Device

__all__ = ["check_sources"]

_BETWEEN_LOOKS_S = 0.5
"""Power is energy over time: it takes two looks."""


async def check_sources(sensors: Sensors, data_dir: Path | None) -> list[Finding]:
    """Every source, and the GPUs that the Sentry knew and no source sees any more."""
    await sensors.examine()
    await asyncio.sleep(_BETWEEN_LOOKS_S)
    outcomes = await sensors.examine()
    found = [finding for outcome in outcomes for finding in _findings(outcome)]
    return [*found, *_missing(outcomes, data_dir)]


def _findings(outcome: Outcome) -> list[Finding]:
    problems = [Finding("problem", problem.what, problem.why, problem.fix) for problem in outcome.problems]
    said = _said(outcome.reading) if outcome.reading else []
    if said:
        return [Finding("ok", outcome.title, line) for line in said] + problems
    return problems or [Finding("absent", outcome.title, "none on this machine")]


def _missing(outcomes: list[Outcome], data_dir: Path | None) -> list[Finding]:
    known = remember(load(data_dir / FILE_NAME), outcomes) if data_dir else ()
    gone = (fell_off(device) for device in merge(outcomes, known).devices if device.missing)
    return [Finding("problem", problem.what, problem.why, problem.fix) for problem in gone]


def _said(reading: SourceReading) -> list[str]:
    """A line per device, and one for what is not a device's."""
    lines = [line for device in reading.devices if (line := _device(device))]
    if reading.power_w is not None:
        lines.append(f"{reading.power_w:.0f} W")
    if reading.fans:
        lines.append(", ".join("unknown" if rpm is None else f"{rpm:.0f} rpm" for rpm in reading.fans))
    return lines


def _device(device: Device) -> str | None:
    values = [
        text.format(value)
        for text, value in (
            ("{:.0f} °C", device.core_c),
            ("memory {:.0f} °C", device.memory_c),
            ("hotspot {:.0f} °C", device.chip_c),
            ("{:.0f} W", device.power_w),
            ("fan {:.0f} %", device.fan_percent),
            ("core {:.0f} MHz", device.core_mhz),
            ("memory {:.0f} MHz", device.memory_mhz),
        )
        if value is not None
    ]
    if not values and device.kind == "cpu":
        return None
    who = device.id or f"{device.kind.upper()} {device.index}"
    return f"{who}{f' {device.name}' if device.name else ''}: {', '.join(values) or 'no value at all'}"
