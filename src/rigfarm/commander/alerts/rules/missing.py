"""A GPU fell off the bus, or a board is gone."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import device_label


class Missing(Rule[RuleForm]):
    """Devices that the Sentry knows and no longer finds."""

    title = "Device missing"
    about = "A GPU fell off the bus, or an ASIC's board is no longer there."
    form = RuleForm
    defaults = (RuleForm(name="GPUs and boards that are missing", severity="critical", minutes=1.0),)

    def bad(self, rig: RigStats, form: RuleForm, farm: Farm) -> Iterable[Found]:
        """Each by itself."""
        log = rig.log
        if log is None or True not in log.devices.missing:
            return ()
        found = []
        for part, missing in _devices(rig):
            if missing:
                what = "fell off the bus" if part.startswith("GPU") else "is missing"
                found.append(Found(f"{part} {what}", None, part))
        return found

    def well(self, rig: RigStats, form: RuleForm, farm: Farm, part: str) -> bool:
        """It is there again."""
        return any(name == part and not missing for name, missing in _devices(rig))


def _devices(rig: RigStats) -> Iterable[tuple[str, bool]]:
    if rig.log is None:
        return
    devices = rig.log.devices
    gone = devices.missing if len(devices.missing) == len(devices) else [False] * len(devices)
    for row, missing in enumerate(gone):
        yield device_label(devices.kinds[row], devices.indexes[row] if devices.indexes else row), missing


RULE = Missing()
