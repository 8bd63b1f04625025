"""A board is too cold: chips that start below their lowest temperature fail, or crack."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm, number_field
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import device_label
from rigfarm.commander.stats.marks import plausible

SLACK_C = 2.0


class ColdForm(RuleForm, frozen=True, kw_only=True):
    """One limit."""

    below: Annotated[float, number_field("Colder than (°C)", 1, 60, "°C")] = 5.0


class Cold(Rule[ColdForm]):
    """Boards of ASICs, by the coldest of their sensors; a sensor at 0 °C or less is one that is broken."""

    title = "Too cold"
    about = "An ASIC's board is colder than it should be while it runs."
    form = ColdForm
    defaults = (ColdForm(name="Boards that are too cold", minutes=5.0),)
    kinds = ("asic",)

    def bad(self, rig: RigStats, form: ColdForm, farm: Farm) -> Iterable[Found]:
        """Each board by itself."""
        if rig.log is None:
            return ()
        coldest = rig.log.devices.core_c or rig.log.devices.chip_c
        if not coldest or (None not in coldest and min(coldest) >= form.below):  # type: ignore[type-var, operator]
            return ()
        return [
            Found(f"{part} at {celsius:.0f} °C", celsius, part)
            for part, celsius in _boards(rig)
            if celsius < form.below
        ]

    def well(self, rig: RigStats, form: ColdForm, farm: Farm, part: str) -> bool:
        """Warmer by some slack."""
        return any(name == part and celsius >= form.below + SLACK_C for name, celsius in _boards(rig))


def _boards(rig: RigStats) -> Iterable[tuple[str, float]]:
    if rig.log is None:
        return
    devices = rig.log.devices
    core = devices.core_c if len(devices.core_c) == len(devices) else devices.chip_c
    for row, raw in enumerate(core if len(core) == len(devices) else ()):
        if devices.kinds[row] == "hashboard" and (celsius := plausible(raw)) is not None:
            yield device_label("hashboard", devices.indexes[row] if devices.indexes else row), celsius


RULE = Cold()
