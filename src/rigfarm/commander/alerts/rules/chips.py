"""A board has lost chips."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import device_label


class Chips(Rule[RuleForm]):
    """Fewer chips answer than the board has."""

    title = "Chips lost"
    about = "Fewer chips of an ASIC's board answer than it has."
    form = RuleForm
    defaults = (RuleForm(name="Boards that have lost chips", minutes=5.0, well_minutes=5.0),)
    kinds = ("asic",)

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """Each board by itself."""
        if rig.log is None or rig.log.devices.chips == rig.log.devices.chips_expected:
            return ()
        return [
            Found(f"{part} has {chips} of {expected} chips", float(chips), part)
            for part, chips, expected in _boards(rig)
            if chips < expected
        ]

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """All are there."""
        return any(name == part and chips >= expected for name, chips, expected in _boards(rig))


def _boards(rig: RigStats) -> Iterable[tuple[str, int, int]]:
    if rig.log is None:
        return
    devices = rig.log.devices
    if not len(devices) == len(devices.chips) == len(devices.chips_expected):
        return
    for row, (chips, expected) in enumerate(zip(devices.chips, devices.chips_expected, strict=True)):
        if chips is not None and expected is not None:
            yield device_label(devices.kinds[row], devices.indexes[row] if devices.indexes else row), chips, expected


RULE = Chips()
