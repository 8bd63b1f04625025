"""A CPU, GPU (core, memory, hotspot), board or chip is too hot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm, number_field
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import device_label
from rigfarm.commander.stats.marks import Mark, plausible
from rigfarm.common.plausible import HOTTEST_C
from rigfarm.wire.log import DeviceKind, Devices

SLACK_C = 3.0
_HINT = "Empty: the farm's threshold."


class TemperatureForm(RuleForm, frozen=True, kw_only=True):
    """Thresholds of this rule's own, where it should not follow the farm's."""

    cpu: Annotated[float | None, number_field("CPU (°C)", 30, 129, "°C", _HINT, optional=True)] = None
    gpu: Annotated[float | None, number_field("GPU core (°C)", 30, 129, "°C", _HINT, optional=True)] = None
    memory: Annotated[float | None, number_field("GPU memory (°C)", 30, 129, "°C", _HINT, optional=True)] = None
    hotspot: Annotated[float | None, number_field("GPU hotspot (°C)", 30, 129, "°C", _HINT, optional=True)] = None
    board: Annotated[float | None, number_field("ASIC board (°C)", 30, 129, "°C", _HINT, optional=True)] = None
    chip: Annotated[float | None, number_field("ASIC chip (°C)", 30, 129, "°C", _HINT, optional=True)] = None


class Temperature(Rule[TemperatureForm]):
    """Every sensor by itself."""

    title = "Too hot"
    about = "A CPU, a GPU's core, memory or hotspot, an ASIC's board or chip is hotter than it should be."
    form = TemperatureForm
    defaults = (TemperatureForm(name="Devices that are too hot", severity="critical", minutes=2.0),)

    def bad(self, rig: RigStats, form: TemperatureForm, farm: Farm) -> Iterable[Found]:
        """Values below every limit are done with one look."""
        log = rig.log
        if log is None:
            return ()
        devices, marks = log.devices, farm.marks
        coolest = marks.coolest_bad
        for own in (form.cpu, form.gpu, form.memory, form.hotspot, form.board, form.chip):
            if own is not None and own < coolest:
                coolest = own
        found: list[Found] = []
        for name, column, limits in (
            ("", devices.core_c, marks.core),
            ("memory", devices.memory_c, marks.memory),
            ("chip", devices.chip_c, marks.chip),
        ):
            if column and (None in column or max(column) >= coolest):  # type: ignore[type-var, operator]
                found += _past(devices, column, limits, form, name, coolest)
        return found

    def well(self, rig: RigStats, form: TemperatureForm, farm: Farm, part: str) -> bool:
        """The sensor is below its limit by some slack."""
        if rig.log is None:
            return False
        devices, marks = rig.log.devices, farm.marks
        for name, column, limits in (
            ("", devices.core_c, marks.core),
            ("memory", devices.memory_c, marks.memory),
            ("chip", devices.chip_c, marks.chip),
        ):
            for row, celsius in enumerate(column if len(column) == len(devices) else ()):
                if _part(devices, row, name) == part:
                    limit = _limit(devices.kinds[row], name, limits, form)
                    known = plausible(celsius)
                    return known is not None and limit is not None and known < limit - SLACK_C
        return False


def _past(
    devices: Devices,
    column: Sequence[float | None],
    limits: Mapping[DeviceKind, Mark],
    form: TemperatureForm,
    name: str,
    coolest: float,
) -> Iterable[Found]:
    if len(column) != len(devices):
        return
    for row, celsius in enumerate(column):
        if celsius is None or celsius < coolest:
            continue
        limit = _limit(devices.kinds[row], name, limits, form)
        if limit is not None and limit <= celsius < HOTTEST_C:
            part = _part(devices, row, name)
            yield Found(f"{part} at {celsius:.0f} °C", celsius, part)


def _limit(kind: DeviceKind, name: str, limits: Mapping[DeviceKind, Mark], form: TemperatureForm) -> float | None:
    own = getattr(form, _OWN[kind, name], None) if (kind, name) in _OWN else None
    if own is not None:
        return float(own)
    mark = limits.get(kind)
    return None if mark is None else mark.bad


_OWN: Mapping[tuple[DeviceKind, str], str] = {
    ("cpu", ""): "cpu",
    ("gpu", ""): "gpu",
    ("gpu", "memory"): "memory",
    ("gpu", "chip"): "hotspot",
    ("hashboard", ""): "board",
    ("hashboard", "chip"): "chip",
}


def _part(devices: Devices, row: int, name: str) -> str:
    kind = devices.kinds[row]
    index = devices.indexes[row] if len(devices.indexes) == len(devices) else row
    words = "hotspot" if name == "chip" and kind == "gpu" else name
    return f"{device_label(kind, index)} {words}".rstrip()


RULE = Temperature()
