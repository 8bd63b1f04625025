"""What a CPU/GPU rig does when its operator gives an order, or why it does not."""

from __future__ import annotations

from rigfarm.sentry.parts import OrderOutcome
from rigfarm.sentry.rig.commands import RunCommand
from rigfarm.sentry.rig.runner import Runner
from rigfarm.wire.orders import Order, Reboot, RestartMiner, ShutDown

__all__ = ["carry_out", "supported"]

_NO_RUNNER = "This rig's mining programs were not started by its Sentry: restart them where they were started."
_NOT_ALLOWED = "This rig does not allow it: set `allow_power = true` in its sentry.toml and restart the Sentry."


def supported(runner: Runner | None, allow_power: bool) -> list[str]:
    """Names of the orders that can be carried out."""
    return (["restart-miner"] if runner else []) + (["reboot", "shut-down"] if allow_power else [])


async def carry_out(order: Order, runner: Runner | None, allow_power: bool, run: RunCommand) -> OrderOutcome:
    """Do it, and say how it went."""
    if isinstance(order, RestartMiner):
        return await _restart(order, runner) if runner else ("refused", _NO_RUNNER)
    if isinstance(order, (Reboot, ShutDown)):
        return await _power(order, run) if allow_power else ("refused", _NOT_ALLOWED)
    return "refused", f"A CPU/GPU rig cannot do this: `{order.__struct_config__.tag}` is for ASICs."


async def _restart(order: RestartMiner, runner: Runner) -> OrderOutcome:
    count = await runner.restart(order.playbook)
    if count == 0:
        return "refused", "There is no running playbook to restart. Start or apply one first."
    return "done", f"{count} mining program{'s are' if count > 1 else ' is'} restarting."


async def _power(order: Reboot | ShutDown, run: RunCommand) -> OrderOutcome:
    off = isinstance(order, ShutDown)
    state, detail = await run(["systemctl", "poweroff" if off else "reboot"])
    return state, detail or ("The machine is shutting down." if off else "The machine is rebooting.")
