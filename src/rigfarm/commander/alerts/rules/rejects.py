"""Too many of a rig's shares are rejected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from rigfarm.commander.alerts.engine.rule import Farm, Found, Rule, RuleForm
from rigfarm.commander.fields import form_field
from rigfarm.commander.numbers import read_percent, within, write_percent
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import reject_ratio
from rigfarm.units import percent

SLACK = 0.8
"""Of the limit: what is below it is well again."""


class RejectsForm(RuleForm, frozen=True, kw_only=True):
    """One limit."""

    above: Annotated[
        float | None,
        form_field(
            "More than (%)",
            "Empty: the farm's threshold.",
            group="limits",
            check=within(0.001, 0.99, "%", 100.0, optional=True),
            read=read_percent,
            write=write_percent,
            max_length=8,
        ),
    ] = None


class Rejects(Rule[RejectsForm]):
    """Of all shares that were decided since the program started, as pages show them."""

    title = "Rejected shares"
    about = "A large part of the rig's shares is rejected: its hashrate earns less than it seems to."
    form = RejectsForm
    defaults = (RejectsForm(name="Too many rejected shares", minutes=10.0),)
    mining = True

    def bad(self, rig: RigStats, form: RejectsForm, farm: Farm) -> Iterable[Found]:
        """Known once there are enough shares."""
        log = rig.log
        if log is None:
            return ()
        ratio = reject_ratio(log.workloads)
        if ratio is None or ratio < (farm.marks.rejects.bad if form.above is None else form.above):
            return ()
        return (Found(f"{percent(ratio)} of shares rejected", ratio),)

    def well(self, rig: RigStats, form: RejectsForm, farm: Farm, part: str) -> bool:
        """Below the limit by some slack; a program that has just started has too few shares to say."""
        ratio = None if rig.log is None else reject_ratio(rig.log.workloads)
        return ratio is not None and ratio < SLACK * (farm.marks.rejects.bad if form.above is None else form.above)


RULE = Rejects()
