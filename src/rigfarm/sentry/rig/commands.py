"""What a CPU/GPU rig does when its operator gives a command, or why it does not."""

from __future__ import annotations

from rigfarm.sentry.agent.parts import CommandOutcome
from rigfarm.sentry.rig.power import RunCommand
from rigfarm.sentry.rig.runner import Runner
from rigfarm.wire.commands import Command, Reboot, RestartMiner, ShutDown

__all__ = ["carry_out", "supported"]

_NO_RUNNER = "This rig's mining programs were not started by its Sentry: restart them where they were started."
_NOT_ALLOWED = (
    "This rig does not allow it: set `allow_power = true` in its sentry.toml and restart the Sentry, or run "
    "`sudo rigfarm sentry install` if it is a service."
)


def supported(runner: Runner | None, allow_power: bool) -> list[str]:
    """Names of the commands that can be carried out."""
    return (["restart-miner"] if runner else []) + (["reboot", "shut-down"] if allow_power else [])


async def carry_out(command: Command, runner: Runner | None, allow_power: bool, run: RunCommand) -> CommandOutcome:
    """Do it, and say how it went."""
    if isinstance(command, RestartMiner):
        return await _restart(command, runner) if runner else ("refused", _NO_RUNNER)
    if isinstance(command, (Reboot, ShutDown)):
        return await _power(command, run) if allow_power else ("refused", _NOT_ALLOWED)
    return "refused", f"A CPU/GPU rig cannot do this: `{command.__struct_config__.tag}` is for ASICs."


async def _restart(command: RestartMiner, runner: Runner) -> CommandOutcome:
    count = await runner.restart(command.playbook)
    if count == 0:
        return "refused", "There is no running playbook to restart. Start or apply one first."
    return "done", f"{count} mining program{'s are' if count > 1 else ' is'} restarting."


async def _power(command: Reboot | ShutDown, run: RunCommand) -> CommandOutcome:
    off = isinstance(command, ShutDown)
    state, detail = await run(["systemctl", "poweroff" if off else "reboot"])
    return state, detail or ("The machine is shutting down." if off else "The machine is rebooting.")
