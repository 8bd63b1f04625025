"""Who did what: whether the list was tampered with."""

from __future__ import annotations

import sys

import click

from rigfarm.commander.cli.context import fail, settings_of

__all__ = ["activity_group"]


@click.group("activity")
def activity_group() -> None:
    """Check the list of who did what for tampering."""


@activity_group.command("verify")
@click.option("--head", "noted", metavar="HEAD", help="A head that was noted earlier, as this command prints it.")
@click.pass_context
def verify_activity(context: click.Context, noted: str | None) -> None:
    """Check that no entry was changed, removed or moved. Exit status 1 if one was, or if it can't be checked.

    It also works while the Commander runs. Note the head that it prints in another place, for example with each backup:
    with --head, even someone who controls this machine can't rewrite earlier entries unnoticed.
    """
    import asyncio

    from rigfarm.commander import activity
    from rigfarm.commander.settings import SettingsError
    from rigfarm.commander.storage import StorageError

    settings = settings_of(context)
    try:
        expected = None if noted is None else activity.Head.parse(noted)
        verdict = asyncio.run(activity.check(settings, expected))
    except (SettingsError, StorageError, ValueError, OSError) as error:
        fail(error)
    if verdict.wrong:
        click.echo(f"FAILED  {verdict.wrong}")
        click.echo(f"{verdict.checked:,} entries were checked and are intact.")
        sys.exit(1)
    removed = f" Entries up to {verdict.anchor.id:,} were removed because of their age." if verdict.anchor.id else ""
    click.echo(f"{verdict.checked:,} entries are intact.{removed}")
    click.echo(f"head {verdict.head}")
