"""A fan has stopped, or turns too slowly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm, number_field
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import device_label

FASTEST_RPM = 50_000.0
ASKED_PERCENT = 20.0
"""A GPU whose fan is asked for less may let it stand still."""


class FansForm(RuleForm, frozen=True, kw_only=True):
    """One limit."""

    below: Annotated[
        float | None,
        number_field("Slower than (rpm)", 1, 50_000, "rpm", "Empty: only fans that have stopped.", optional=True),
    ] = None


class Fans(Rule[FansForm]):
    """A fan at 0 rpm while another one turns. Where all stand still, the device is cooled in another way, and
    temperatures say whether it is cooled."""

    title = "Fan stopped or slow"
    about = "A fan stands still while others turn, or turns more slowly than it should."
    form = FansForm
    defaults = (FansForm(name="Fans that have stopped", minutes=2.0),)

    def bad(self, rig: RigStats, form: FansForm, farm: Farm) -> Iterable[Found]:
        """Fans of the rig by their position, and those of GPUs that are asked to turn."""
        log = rig.log
        if log is None or not (log.fans or log.devices.fan_rpm):
            return ()
        slow = form.below or 0.0
        fans = log.fans
        if 0.0 not in fans and not slow and 0.0 not in log.devices.fan_rpm:
            return ()
        return [
            Found(f"{part} {'has stopped' if rpm == 0.0 else f'at {rpm:.0f} rpm'}", rpm, part)
            for part, rpm, asked in _fans(rig)
            if asked and (rpm == 0.0 or rpm < slow)
        ]

    def well(self, rig: RigStats, form: FansForm, farm: Farm, part: str) -> bool:
        """It turns, and faster than the limit by a tenth."""
        return any(name == part and rpm > 0.0 and rpm >= 1.1 * (form.below or 0.0) for name, rpm, _ in _fans(rig))


def _fans(rig: RigStats) -> Iterable[tuple[str, float, bool]]:
    """(fan, rpm, whether it should turn)"""
    if rig.log is None:
        return
    fans, devices = rig.log.fans, rig.log.devices
    some_turn = any(rpm is not None and 0.0 < rpm < FASTEST_RPM for rpm in fans)
    for at, rpm in enumerate(fans):
        if rpm is not None and 0.0 <= rpm < FASTEST_RPM:
            yield f"fan {at + 1}", rpm, some_turn
    if len(devices.fan_rpm) != len(devices) or len(devices.fan_percent) != len(devices):
        return
    for row, (rpm, asked) in enumerate(zip(devices.fan_rpm, devices.fan_percent, strict=True)):
        if rpm is not None and 0.0 <= rpm < FASTEST_RPM and asked is not None:
            index = devices.indexes[row] if devices.indexes else row
            yield f"fan of {device_label(devices.kinds[row], index)}", rpm, asked >= ASKED_PERCENT


RULE = Fans()
