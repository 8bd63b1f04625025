"""Many sources, one reading: what each says of a device put side by side, every card in its place."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rigfarm.sentry.readings import SensorReading
from rigfarm.sentry.readings.believable import believable
from rigfarm.sentry.sensors.known import Known, KnownGpu
from rigfarm.sentry.sensors.source import Outcome, Problem
from rigfarm.wire.log import Device

__all__ = ["fell_off", "merge", "overlay"]

_VALUES = tuple(
    name for name in Device.__struct_fields__ if name not in {"kind", "index", "id", "missing", "hashrates"}
)


def overlay(first: Device, second: Device) -> Device:
    """`first`, and what it leaves unknown from `second`. Identity, place and hashrates are the first one's."""
    missing = {
        name: value for name in _VALUES if getattr(first, name) is None and (value := getattr(second, name)) is not None
    }
    return msgspec.structs.replace(first, **missing) if missing else first


def merge(outcomes: Iterable[Outcome], known: Known) -> SensorReading:
    """One reading. CPU packages come first, then the GPUs at the index that `known` gives them."""
    outcomes = list(outcomes)
    gpus, strangers = _gpus(outcomes, known)
    readings = [outcome.reading for outcome in outcomes if outcome.reading]
    seen = {device.id for device in _devices(outcomes)}
    devices, impossible = [], []
    for device in (*_cpus(outcomes), *gpus, *strangers):
        found, problems = believable(device, "Sensors")
        devices.append(found)
        impossible += problems
    return SensorReading(
        devices=devices,
        power_w=next((reading.power_w for reading in readings if reading.power_w is not None), None),
        fans=[fan for reading in readings for fan in reading.fans],
        problems=[str(problem) for outcome in outcomes for problem in outcome.problems]
        + [str(fell_off(gpu)) for gpu in gpus if gpu.missing and gpu.id not in seen]
        + impossible,
        within_cpu=[id for reading in readings for id in reading.within_cpu],
    )


def _cpus(outcomes: list[Outcome]) -> list[Device]:
    by_index: dict[int, Device] = {}
    for device in _devices(outcomes):
        if device.kind == "cpu":
            known = by_index.get(device.index)
            by_index[device.index] = overlay(known, device) if known else device
    return [by_index[index] for index in sorted(by_index)]


def _gpus(outcomes: list[Outcome], known: Known) -> tuple[list[Device], list[Device]]:
    """The known ones in their places, and behind them those that have no address to be known by."""
    by_id: dict[str, Device] = {}
    strangers = []
    for device in _devices(outcomes):
        if device.kind == "gpu" and device.id is not None:
            by_id[device.id] = overlay(by_id[device.id], device) if device.id in by_id else device
        elif device.kind == "gpu":
            strangers.append(device)
    unanswered = {outcome.name for outcome in outcomes if outcome.reading is None}
    placed = [_placed(index, gpu, by_id.pop(gpu.id, None), unanswered) for index, gpu in enumerate(known)]
    strangers = [*by_id.values(), *strangers]
    return placed, [
        msgspec.structs.replace(device, index=len(placed) + position) for position, device in enumerate(strangers)
    ]


def _placed(index: int, gpu: KnownGpu, seen: Device | None, unanswered: set[str]) -> Device:
    if seen is not None:
        return msgspec.structs.replace(seen, index=index, name=seen.name or gpu.name)
    # A source that hangs says nothing of its cards: they are unknown, not gone.
    return Device(kind="gpu", index=index, id=gpu.id, name=gpu.name, missing=gpu.source not in unanswered)


def _devices(outcomes: list[Outcome]) -> list[Device]:
    return [device for outcome in outcomes if outcome.reading for device in outcome.reading.devices]


def fell_off(gpu: Device) -> Problem:
    """What there is to say of a card that is missing."""
    return Problem(
        f"GPU {gpu.index} ({gpu.name or 'unknown'}, {gpu.id})",
        "it is gone from the PCI bus",
        "Check its riser, its power cables and its overclock, then reboot. If it was taken out for good, run "
        "`rigfarm sentry forget-gpus`.",
    )
