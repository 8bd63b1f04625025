"""The farm's data: into a file and back, or into another database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import click

from rigfarm.commander.cli.context import config_of, existing, fail, settings_of

__all__ = ["backup", "migrate", "restore"]


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, resolve_path=True))
@click.option("--archives", is_flag=True, help="Also mining software and self-contained Sentries.")
@click.pass_context
def backup(context: click.Context, file: Path, archives: bool) -> None:
    """Write the whole farm into one new file, while the Commander runs or not. Keep the file secret: it has its key.

    See docs/backup.md.
    """
    from rigfarm.commander.backup import BackupError, make_backup

    settings = existing(context)
    try:
        manifest = make_backup(settings, file, config=config_of(context), archives=archives)
    except BackupError as error:
        fail(error)
    click.echo(
        f"{file}: {len(manifest.files)} files, {file.stat().st_size / 1e6:.1f} MB. Anyone who has it can command your "
        "rigs: store it encrypted."
    )


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="Move what the data folder has now into a subfolder of it.")
@click.pass_context
def restore(context: click.Context, file: IO[bytes], replace: bool) -> None:
    """Restore a backup into the data folder, which must be empty. Stop the Commander first.

    Rigs keep mining. See docs/backup.md.
    """
    from rigfarm.commander.backup import BackupError, restore_backup
    from rigfarm.commander.storage import StorageError, held

    settings = settings_of(context)
    try:
        lock = held(settings.data_dir / "commander.lock", f"The data folder {settings.data_dir}")
        manifest, aside = restore_backup(file, settings.data_dir, replace=replace)
        lock.release()
    except (BackupError, StorageError) as error:
        fail(error)
    made = datetime.fromtimestamp(manifest.created_ms / 1000, UTC)
    click.echo(f"Restored the farm of {made:%Y-%m-%d %H:%M} UTC, {len(manifest.files)} files, to {settings.data_dir}.")
    if aside is not None:
        click.echo(f"What was there before is in {aside}; delete it once all is well.")
    if settings.nats_url is not None:
        click.echo("The configuration stays in the PostgreSQL that the replicas share.")
    elif settings.database_url is not None:
        click.echo(
            "The configuration was restored as SQLite in the data folder, but the settings name a PostgreSQL. Move it "
            f"into an empty database: rigfarm commander migrate --from {settings.sqlite_url} --to postgresql://…"
        )


@click.command()
@click.option("--from", "source", metavar="URL", help="[SQLite in the data folder]")
@click.option("--to", "target", metavar="URL", help="postgresql://user:password@host/name [the setting database_url]")
@click.pass_context
def migrate(context: click.Context, source: str | None, target: str | None) -> None:
    """Copy the configuration into another, empty database. Stop the Commander first.

    All rows are copied and compared in one transaction, or none. The old database stays as it is. Logs and history
    stay in the data folder.
    """
    import asyncio

    from rigfarm.commander.backup import BackupError, note_database, refuse_half_restored, refuse_other_database
    from rigfarm.commander.settings import SQLITE_FILE
    from rigfarm.commander.storage import StorageError, held, move
    from rigfarm.commander.storage.url import database_url, sqlite_file

    settings = settings_of(context)
    target = target or settings.database_url
    if target is None:
        raise click.ClickException("Name the new database: --to postgresql://user:password@host/name.")
    try:
        lock = held(settings.data_dir / "commander.lock", f"The data folder {settings.data_dir}")
        refuse_half_restored(settings.data_dir)
        if source is None:
            refuse_other_database(settings.data_dir, "name the database to copy with --from")
        counts = asyncio.run(move(source or settings.sqlite_url, target))
        if sqlite_file(database_url(target)) == settings.data_dir / SQLITE_FILE:
            note_database(settings.data_dir, None)
        lock.release()
    except (BackupError, StorageError) as error:
        fail(error)
    for table, count in counts.items():
        click.echo(f"{count:>9}  {table}")
    click.echo("All rows were copied and compared. Start the Commander with database_url set to the new database.")
