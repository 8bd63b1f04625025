"""`rigfarm commander`: run the web service, install it, back it up, manage passwords and API keys. Nothing heavy is
imported before it is needed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from rigfarm.commander.cli.activity import activity_group
from rigfarm.commander.cli.api_keys import api_key
from rigfarm.commander.cli.context import settings_of
from rigfarm.commander.cli.data import backup, migrate, restore
from rigfarm.commander.cli.identity import fingerprint, rotate_identity
from rigfarm.commander.cli.passwords import hash_password, reset_password
from rigfarm.commander.cli.run import run
from rigfarm.commander.cli.service import install, status, uninstall

__all__ = ["commander"]


@click.group(invoke_without_command=True)
@click.option("--config", type=click.Path(path_type=Path), help="Settings as TOML; else RIGFARM_CONFIG names the file.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--data-dir", help="Folder of the database and the journal.")
@click.pass_context
def commander(
    context: click.Context, config: Path | None, host: str | None, port: int | None, data_dir: str | None
) -> None:
    """Run the Commander: the web service that monitors and controls the farm.

    Settings are documented in docs/settings.md.
    """
    os.umask(0o077)
    context.obj = (config, {"host": host, "port": port, "data_dir": data_dir})
    if context.invoked_subcommand is None:
        run(settings_of(context))


_PASSWORDS = (hash_password, reset_password)
_DATA = (backup, restore, migrate)
_SERVICE = (install, uninstall, status)
_IDENTITY = (fingerprint, rotate_identity)
for _command in (*_PASSWORDS, *_DATA, *_SERVICE, *_IDENTITY, activity_group, api_key):
    commander.add_command(_command)
