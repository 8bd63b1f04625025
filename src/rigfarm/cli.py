"""`rigfarm`: one command for both sides. Each side is imported only when it is asked for: a rig has no web stack."""

from __future__ import annotations

import importlib
import resource
import subprocess
import sys
from pathlib import Path

import click

from rigfarm import __version__

__all__ = ["main"]

_SIDES = {
    "commander": "The web service that monitors and controls the farm.",
    "sentry": "The agent on a rig, or for the ASICs of a LAN.",
}

_CLIENT = {
    "login": ("login", "Use a Commander from this machine, with an API key."),
    "logout": ("login", "Forget the Commander and its key."),
    "rigs": ("rigs", "CPU/GPU rigs: list, watch, restart, reboot."),
    "asics": ("rigs", "ASICs: list, watch, restart, pause, resume."),
    "playbooks": ("playbooks", "Playbooks: list, show, create, edit, apply to rigs, start, stop."),
    "software": ("book", "Mining software: list, show, create, fetch its file, edit, delete."),
    "addresses": ("book", "Pools and wallets: list, show, create, edit, delete."),
    "assignments": ("playbooks", "Which rigs run which playbooks."),
    "circuits": ("circuits", "Circuits: list, show, create, edit, forecast."),
    "commands": ("farm", "Commands that rigs were given, and how they ended."),
    "alerts": ("farm", "Alerts: list, watch, acknowledge, snooze, end."),
    "history": ("farm", "What happened, and how rigs mined."),
    "activity": ("farm", "Who changed what, and when."),
}
"""What a Commander is asked by its API: the module of each command, and what it is for."""


class _Sides(click.Group):
    """Knows the two sides and the client's commands by name, and imports what is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_SIDES, *_CLIENT, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _CLIENT:
            command = getattr(importlib.import_module(f"rigfarm.client.{_CLIENT[cmd_name][0]}"), cmd_name)
            assert isinstance(command, click.Command)
            return command
        if cmd_name not in _SIDES:
            return super().get_command(ctx, cmd_name)
        try:
            side = getattr(importlib.import_module(f"rigfarm.{cmd_name}.cli"), cmd_name)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("rigfarm"):
                raise
            raise click.ClickException(
                f"`rigfarm {cmd_name}` needs more than this installation has ({error.name}). A rig gets its Sentry "
                "from its Commander's page (New rig); a Commander is installed with `make install`."
            ) from None
        assert isinstance(side, click.Command)
        return side

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = {name: command.get_short_help_str() for name, command in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl(list((_SIDES | own).items()))
        with formatter.section("A Commander's farm, from anywhere"):
            formatter.write_dl([(name, about) for name, (_, about) in _CLIENT.items()])


@click.group(cls=_Sides, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rigfarm")
def main() -> None:
    """Rigfarm monitors and controls a crypto-mining farm."""
    _dump_no_core()


def _dump_no_core() -> None:
    """A core dump would hold tokens and logins. One byte is too little for a file, and unlike 0 it also keeps the
    kernel from handing the dump to a program (fs/coredump.c). A process that may have none at all, as a service with
    LimitCORE=0, cannot ask for that byte."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    limit = most if most == 0 else 1
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))


@main.command()
@click.option("--port", type=int, help="Port of the demo's Commander.")
@click.option("--rigs", type=click.IntRange(1, 1000), default=15, show_default=True, help="How many simulated rigs.")
def demo(port: int | None, rigs: int) -> None:
    """Run a live demo farm on this machine."""
    from rigfarm.simulate.demo import main as run

    run(port, rigs)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure the figures we publish (in a checkout)."""
    if not Path("bench", "__main__.py").is_file():
        raise click.ClickException("The benchmarks are part of the source: run this in a checkout of Rigfarm.")
    sys.exit(subprocess.run([sys.executable, "-m", "bench", *arguments], check=False).returncode)


if __name__ == "__main__":
    main(prog_name="rigfarm")
