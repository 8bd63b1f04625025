"""The Commander as a systemd service."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rigfarm.commander.cli.context import fail

__all__ = ["install", "status", "uninstall"]


_ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True, resolve_path=True),
    default="/",
    envvar="RIGFARM_ROOT",
    help="Root of another file system, for building an image.",
)


@click.command()
@click.option("--print", "only_print", is_flag=True, help="Only show the unit that would be written.")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="[/var/lib/rigfarm-commander]")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings as TOML, for the service.")
@_ROOT
def install(only_print: bool, data_dir: Path | None, config: Path | None, root: Path) -> None:
    """Install it as a systemd service with its own user; it starts with this machine."""
    from rigfarm.commander.install import DATA_DIR, start_command, unit_text
    from rigfarm.commander.install import install as install_service
    from rigfarm.service import InstallError

    folder = data_dir.absolute() if data_dir is not None else DATA_DIR
    settings = config.absolute() if config is not None else None
    try:
        if only_print:
            lines = [unit_text(start_command(settings, root), folder)]
        else:
            lines = install_service(data_dir=folder, config=settings, root=root)
    except InstallError as error:
        fail(error)
    click.echo("\n".join(lines))


@click.command()
@click.option("--keep-data", is_flag=True, help="Keep its configuration, tokens and logs.")
@_ROOT
def uninstall(keep_data: bool, root: Path) -> None:
    """Stop the service and remove everything it put on this machine."""
    from rigfarm.commander.install import uninstall as uninstall_service
    from rigfarm.service import InstallError

    try:
        lines = uninstall_service(root=root, keep_data=keep_data)
    except InstallError as error:
        fail(error)
    click.echo("\n".join(lines))


@click.command()
def status() -> None:
    """Show the state of the installed service. Exit status 1 if it does not run."""
    from rigfarm.commander.install import status as service_status
    from rigfarm.service import InstallError

    try:
        runs, lines = service_status()
    except InstallError as error:
        fail(error)
    click.echo("\n".join(lines))
    sys.exit(0 if runs else 1)
