"""Run a command of this machine, such as `systemctl reboot`: an argument list, never a shell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from rigfarm.sentry.agent.parts import CommandOutcome
from rigfarm.sentry.processes.services import Services

__all__ = ["RunCommand", "power", "run_command"]

RunCommand = Callable[[list[str]], Awaitable[CommandOutcome]]

_TIMEOUT_S = 20.0


def power(services: Services | None) -> RunCommand:
    """What reboots this machine or switches it off when told `systemctl reboot` or `systemctl poweroff`: that command,
    or for a Sentry that may not give it, systemd itself."""
    if services is None:
        return run_command

    async def ask(argv: list[str]) -> CommandOutcome:
        try:
            await asyncio.to_thread(services.power, argv[-1])
        except OSError as error:
            detail = f"systemd does not do this for the Sentry ({error.strerror}): run sudo rigfarm sentry install."
            return "failed", detail
        return "done", ""

    return ask


async def run_command(argv: list[str]) -> CommandOutcome:
    """`done` if it succeeded, else `failed` with what it said."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        return "failed", f"{argv[0]} cannot be run: {error.strerror}."
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return "failed", f"`{' '.join(argv)}` did not end within {_TIMEOUT_S:.0f} s."
    if process.returncode == 0:
        return "done", ""
    said = output.decode("utf-8", "replace").strip()[-300:] or f"exit status {process.returncode}"
    return "failed", f"`{' '.join(argv)}` failed: {said}"
