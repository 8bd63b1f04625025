"""What a command was called with: the settings of its Commander, and how it says that something can't be done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from rigfarm.commander.auth.control import Answer, Question
    from rigfarm.commander.settings import Settings

__all__ = ["ask_commander", "config_of", "existing", "fail", "settings_of"]


def settings_of(context: click.Context) -> Settings:
    """As whoever owns the data folder; secrets are taken out of the environment."""
    from rigfarm.commander.owner import act_as_owner
    from rigfarm.commander.server.environment import forget_variables
    from rigfarm.commander.settings import (
        ENVIRONMENT_PREFIX,
        SECRETS,
        SettingsError,
        load_settings,
        make_private_folder,
        unknown_variables,
    )

    config, options = context.find_root().obj if context.obj is None else context.obj
    try:
        settings = load_settings(config, options=options)
        act_as_owner(settings.data_dir)
        make_private_folder(settings.data_dir)
    except SettingsError as error:
        fail(error)
    for hint in unknown_variables():
        click.echo(hint, err=True)
    forget_variables(ENVIRONMENT_PREFIX + name.upper() for name in SECRETS)
    return settings


def existing(context: click.Context) -> Settings:
    """The settings of a Commander that has been started before: a wrong folder is not taken for a new farm."""
    from rigfarm.commander.settings import SQLITE_FILE

    settings = settings_of(context)
    if not any((settings.data_dir / name).exists() for name in ("identity/key.pem", SQLITE_FILE)):
        raise click.ClickException(
            f"No Commander's data was found in {settings.data_dir}: name its folder with --data-dir, as in "
            "`rigfarm commander --data-dir /var/lib/rigfarm-commander …`."
        )
    return settings


def config_of(context: click.Context) -> Path | None:
    """The file that has settings, if one has."""
    config: Path | None = context.find_root().obj[0] if context.obj is None else context.obj[0]
    return config or (Path(os.environ["RIGFARM_CONFIG"]) if os.environ.get("RIGFARM_CONFIG") else None)


def ask_commander(settings: Settings, question: Question) -> Answer:
    """Have the running Commander do it; do it here when none runs."""
    from rigfarm.commander import activity
    from rigfarm.commander.auth.control import ask_or_do
    from rigfarm.commander.settings import SettingsError
    from rigfarm.commander.storage import StorageError

    try:
        answer = ask_or_do(settings, question, activity.recorder(settings))
    except (SettingsError, StorageError) as error:
        fail(error)
    if answer.refusal is not None:
        raise click.ClickException(answer.refusal)
    return answer


def fail(error: Exception) -> NoReturn:
    """End the command with its message."""
    raise click.ClickException(str(error)) from None
