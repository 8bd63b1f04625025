"""What a rule does by itself: in words, as a command, and one time that it was done. Times are UTC milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from rigfarm.commander.alerts.engine.rule import RuleAction, RuleForm
from rigfarm.commander.rigs.model import Rig
from rigfarm.units import counted, watts
from rigfarm.wire.commands import Command, Pause, PowerLimit, Reboot, Restart, RestartMiner, Resume

__all__ = ["Act", "ActState", "command_of", "sentence", "title"]

ActState = Literal["giving", "queued", "running", "done", "refused", "failed"]
"""`giving`: stored, and not known to have been given; the others are those of commands."""
_SENTENCES: Mapping[RuleAction, str] = {
    "restart-miner": "Restarts the mining programs of a rig",
    "reboot": "Reboots a rig (restarts an ASIC)",
    "pause": "Pauses an ASIC",
    "resume": "Resumes an ASIC",
    "power-limit": "Limits the power of a rig to {watts}",
    "playbook": "Applies {playbook} to a rig",
}
_TITLES: Mapping[RuleAction, str] = {
    "restart-miner": "Restart miner",
    "reboot": "Reboot",
    "pause": "Pause",
    "resume": "Resume",
    "power-limit": "Limit power to {watts}",
    "playbook": "Apply {playbook}",
}


class Act(Struct):
    """What a rule did to one rig because of one alert: once, whatever happens."""

    id: int
    alert_id: int
    rule_id: int
    rig_id: int
    rig_name: str
    what: str
    state: ActState
    detail: str
    at_ms: int
    command_id: str | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Its alert and its rig."""
        return self.alert_id, self.rig_id


def title(form: RuleForm, playbook: str) -> str:
    """What it is called in lists: `Restart miner`."""
    return _filled(_TITLES, form, playbook)


def sentence(form: RuleForm, playbook: str) -> str:
    """What the rule will do, how often, and when not; empty where it does nothing. `playbook`: the one's name."""
    if not form.action:
        return ""
    return (
        f"{_filled(_SENTENCES, form, playbook)} once its alert has fired for {form.action_minutes:g} min: at most "
        f"{_times(form.action_rig_hour)} an hour and {_times(form.action_rig_day)} a day for each rig, and "
        f"{_times(form.action_hour)} an hour in all. Does nothing when the alert is about more than "
        f"{counted(int(form.action_rigs), 'rig')}."
    )


def command_of(form: RuleForm, rig: Rig) -> Command | None:
    """The command to a rig; None where it is something else."""
    match form.action:
        case "restart-miner":
            return RestartMiner()
        case "reboot":
            return Reboot() if rig.of.runs_programs else Restart()
        case "pause":
            return Pause()
        case "resume":
            return Resume()
        case "power-limit":
            return PowerLimit(form.action_watts or 0.0)
        case _:
            return None


def _filled(texts: Mapping[RuleAction, str], form: RuleForm, playbook: str) -> str:
    return texts[form.action].format(watts=watts(form.action_watts), playbook=playbook or "a playbook")


def _times(most: float) -> str:
    return {1: "once", 2: "twice"}.get(int(most), f"{most:g} times")
