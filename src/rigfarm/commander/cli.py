"""`rigfarm commander`: run the web service, install it, back it up, manage passwords and API keys. Nothing heavy is
imported before it is needed."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from rigfarm.commander.auth.control import Answer, Question
    from rigfarm.commander.identity.certificate import Certificate
    from rigfarm.commander.settings import Settings

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
        _run(_settings(context))


@commander.command("hash-password")
def hash_password() -> None:
    """Ask for a password (or read a line from standard input) and print its hash, for the setting password_hash."""
    click.echo(_hashed_password())
    click.echo(
        'Put this hash into the configuration file as  password_hash = "$argon2id$…"\n'
        "or into the environment as  RIGFARM_PASSWORD_HASH='$argon2id$…'  (single quotes: it contains $ signs),\n"
        "then restart the Commander. All browsers have to log in again.\n"
        "A password for visitors, who change nothing, is set as  visitor_password_hash.",
        err=True,
    )


def _hashed_password() -> str:
    from rigfarm.commander.auth import hashing
    from rigfarm.commander.settings import wrong_with_password

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    wrong = wrong_with_password(password)
    if wrong:
        raise click.ClickException(wrong)
    return hashing.hash_password(password)


@commander.command("reset-password")
@click.option("--visitor", is_flag=True, help="The visitors' password: they see every page and change nothing.")
@click.option("--remove", is_flag=True, help="With --visitor: let no visitors log in any more.")
@click.pass_context
def reset_password(context: click.Context, visitor: bool, remove: bool) -> None:
    """Set another password, whether or not the Commander is running, and end every login.

    It asks for the password, or reads a line from standard input. Only who can read the data folder can do this.
    """
    from rigfarm.commander.auth.control import ResetPassword

    if remove and not visitor:
        raise click.ClickException("The farm's own password can be replaced, but not removed. Did you mean --visitor?")
    settings = _existing(context)
    _ask(settings, ResetPassword("" if remove else _hashed_password(), visitor))
    if remove:
        click.echo("The visitors' password was removed. Visitors were signed out, and can't log in.")
    elif visitor:
        click.echo("The visitors' password was changed. All visitors have to log in again.")
    else:
        click.echo("The password was changed. All browsers have to log in again; API keys stay valid.")


@commander.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, resolve_path=True))
@click.option("--archives", is_flag=True, help="Also mining software and self-contained Sentries.")
@click.pass_context
def backup(context: click.Context, file: Path, archives: bool) -> None:
    """Write the whole farm into one new file, while the Commander runs or not. Keep the file secret: it has its key.

    See docs/backup.md.
    """
    from rigfarm.commander.backup import BackupError, make_backup

    settings = _existing(context)
    try:
        manifest = make_backup(settings, file, config=_config_of(context), archives=archives)
    except BackupError as error:
        _fail(error)
    click.echo(
        f"{file}: {len(manifest.files)} files, {file.stat().st_size / 1e6:.1f} MB. Anyone who has it can command your "
        "rigs: store it encrypted."
    )


@commander.command()
@click.argument("file", type=click.File("rb"))
@click.option("--replace", is_flag=True, help="Move what the data folder has now into a subfolder of it.")
@click.pass_context
def restore(context: click.Context, file: IO[bytes], replace: bool) -> None:
    """Restore a backup into the data folder, which must be empty. Stop the Commander first.

    Rigs keep mining. See docs/backup.md.
    """
    from rigfarm.commander.backup import BackupError, restore_backup
    from rigfarm.commander.storage import StorageError, held

    settings = _settings(context)
    try:
        lock = held(settings.data_dir / "commander.lock", f"The data folder {settings.data_dir}")
        manifest, aside = restore_backup(file, settings.data_dir, replace=replace)
        lock.release()
    except (BackupError, StorageError) as error:
        _fail(error)
    made = datetime.fromtimestamp(manifest.created_ms / 1000, UTC)
    click.echo(f"Restored the farm of {made:%Y-%m-%d %H:%M} UTC, {len(manifest.files)} files, to {settings.data_dir}.")
    if aside is not None:
        click.echo(f"What was there before is in {aside}; delete it once all is well.")
    if settings.database_url is not None:
        click.echo(
            "The configuration was restored as SQLite in the data folder, but the settings name a PostgreSQL. Move it "
            f"into an empty database: rigfarm commander migrate --from {settings.sqlite_url} --to postgresql://…"
        )


@commander.command()
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

    settings = _settings(context)
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
        _fail(error)
    for table, count in counts.items():
        click.echo(f"{count:>9}  {table}")
    click.echo("All rows were copied and compared. Start the Commander with database_url set to the new database.")


_ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True, resolve_path=True),
    default="/",
    envvar="RIGFARM_ROOT",
    help="Root of another file system, for building an image.",
)


@commander.command()
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
        _fail(error)
    click.echo("\n".join(lines))


@commander.command()
@click.option("--keep-data", is_flag=True, help="Keep its configuration, tokens and logs.")
@_ROOT
def uninstall(keep_data: bool, root: Path) -> None:
    """Stop the service and remove everything it put on this machine."""
    from rigfarm.commander.install import uninstall as uninstall_service
    from rigfarm.service import InstallError

    try:
        lines = uninstall_service(root=root, keep_data=keep_data)
    except InstallError as error:
        _fail(error)
    click.echo("\n".join(lines))


@commander.command()
def status() -> None:
    """Show the state of the installed service. Exit status 1 if it does not run."""
    from rigfarm.commander.install import status as service_status
    from rigfarm.service import InstallError

    try:
        runs, lines = service_status()
    except InstallError as error:
        _fail(error)
    click.echo("\n".join(lines))
    sys.exit(0 if runs else 1)


@commander.command("fingerprint")
@click.pass_context
def fingerprint(context: click.Context) -> None:
    """Print the SHA-256 of the certificate, by which rigs and people recognise this Commander."""
    from rigfarm.commander.identity.certificate import Certificate
    from rigfarm.commander.settings import SettingsError

    settings = _settings(context)
    try:
        certificate = Certificate.open(settings, make=False)
    except SettingsError as error:
        _fail(error)
    if certificate is None:
        raise click.ClickException("tls is off: this Commander has no certificate; its TLS proxy has one.")
    click.echo(certificate.text)


@commander.command("rotate-identity")
@click.pass_context
def rotate_identity(context: click.Context) -> None:
    """Create a new key for this Commander. Stop it first; rigs follow at their next connection.

    Not for a stolen key: the thief can use it to vouch for another. In that case delete identity/key.pem from the
    data folder, and join every rig again.
    """
    import asyncio

    from rigfarm.commander import activity
    from rigfarm.commander.auth.control import this_process
    from rigfarm.commander.backup import farm_database
    from rigfarm.commander.changes import Actor, Change
    from rigfarm.commander.identity import Identity
    from rigfarm.commander.settings import SettingsError
    from rigfarm.commander.storage import StorageError, held

    settings = _settings(context)
    try:
        lock = held(settings.data_dir / "commander.lock", f"The data folder {settings.data_dir}")
        farm_database(settings)
        identity = Identity.rotate(settings.data_dir)
        click.echo(f"The new public key is {identity.public.hex()}. It is used from the next start on.")
        done = Change("rotate-identity", this_process(), Actor("command", "command"))
        done.action, done.outcome, done.result = "replace the Commander's key", "changed", "done"
        done.facts = {"public_key": identity.public.hex()}
        asyncio.run(activity.record_alone(settings, done))
        lock.release()
    except (SettingsError, StorageError) as error:
        _fail(error)


@commander.group("activity")
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

    settings = _settings(context)
    try:
        expected = None if noted is None else activity.Head.parse(noted)
        verdict = asyncio.run(activity.check(settings, expected))
    except (SettingsError, StorageError, ValueError, OSError) as error:
        _fail(error)
    if verdict.wrong:
        click.echo(f"FAILED  {verdict.wrong}")
        click.echo(f"{verdict.checked:,} entries were checked and are intact.")
        sys.exit(1)
    removed = f" Entries up to {verdict.anchor.id:,} were removed because of their age." if verdict.anchor.id else ""
    click.echo(f"{verdict.checked:,} entries are intact.{removed}")
    click.echo(f"head {verdict.head}")


@commander.group("api-key")
def api_key() -> None:
    """Manage the keys for the JSON API, whether or not the Commander is running."""


@api_key.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="What it can do; repeat for more. [read]")
@click.option("--expires", default="90d", show_default=True, help="After this many hours or days (12h, 90d), or never.")
@click.pass_context
def create(context: click.Context, name: str, scopes: tuple[str, ...], expires: str) -> None:
    """Create a key. The last word printed is the key; it is not shown again.

    \b
    Scopes:
      read       see rigs, statistics and configuration
      metrics    read /metrics, for Prometheus
      operate    apply, start and stop playbooks; restart and reboot rigs
      configure  change rigs and their tokens, playbooks, software, addresses
      enrol      create rigs and receive their tokens, as an ASIC Sentry does
      access     list, create and revoke keys that can do no more; list and end logins
    """
    from rigfarm.commander.auth.control import CreateKey

    answer = _ask(_settings(context), CreateKey(name, scopes or ("read",), _seconds(expires)))
    key = answer.keys[0]
    ends = f"expires {key.expires:%Y-%m-%d %H:%M} UTC" if key.expires else "never expires"
    click.echo(f"API key {key.name} can {key.may}. It {ends}.")
    click.echo(f"API key {key.name}: {answer.secret}")


@api_key.command("list")
@click.pass_context
def list_keys(context: click.Context) -> None:
    """List all keys: scopes, when they were created and expire, when and from where they were last used (UTC)."""
    from rigfarm.commander.auth.control import ListKeys

    for key in _ask(_settings(context), ListKeys()).keys:
        used = f"{key.last_used:%Y-%m-%d %H:%M} from {key.last_used_from}" if key.last_used else "never"
        ends = f"{key.expires:%Y-%m-%d %H:%M}" if key.expires else "never"
        click.echo(
            f"{key.name}\tmay {key.may}\tmade {key.created:%Y-%m-%d %H:%M}\t"
            f"{'expired' if key.expired else 'expires'} {ends}\tused {used}"
        )


@api_key.command("revoke")
@click.argument("name")
@click.pass_context
def revoke(context: click.Context, name: str) -> None:
    """Refuse a key from now on."""
    from rigfarm.commander.auth.control import RevokeKey

    answer = _ask(_settings(context), RevokeKey(name))
    click.echo(f"API key {answer.keys[0].name} is refused from now on.")


def _seconds(text: str) -> float | None:
    """`90d` and `12h` in seconds; `never` is None."""
    from rigfarm.commander.auth.model import MAX_EXPIRY_S

    if text == "never":
        return None
    number, unit = text[:-1], {"h": 3600, "d": 86_400}.get(text[-1:])
    if unit is None or not number.isdecimal() or len(number) > 6 or not 0 < int(number) * unit <= MAX_EXPIRY_S:
        raise click.ClickException("--expires takes hours or days, for example 12h or 90d (at most 3650d), or never.")
    return float(int(number) * unit)


def _settings(context: click.Context) -> Settings:
    from rigfarm.commander.owner import act_as_owner
    from rigfarm.commander.server.environment import forget_variables
    from rigfarm.commander.settings import SettingsError, load_settings, make_private_folder, unknown_variables

    config, options = context.find_root().obj if context.obj is None else context.obj
    try:
        settings = load_settings(config, options=options)
        act_as_owner(settings.data_dir)
        make_private_folder(settings.data_dir)
    except SettingsError as error:
        _fail(error)
    for hint in unknown_variables():
        click.echo(hint, err=True)
    forget_variables(
        (
            "RIGFARM_PASSWORD",
            "RIGFARM_PASSWORD_HASH",
            "RIGFARM_VISITOR_PASSWORD",
            "RIGFARM_VISITOR_PASSWORD_HASH",
            "RIGFARM_DATABASE_URL",
        )
    )
    return settings


def _existing(context: click.Context) -> Settings:
    """The settings of a Commander that has been started before: a wrong folder is not taken for a new farm."""
    from rigfarm.commander.settings import SQLITE_FILE

    settings = _settings(context)
    if not any((settings.data_dir / name).exists() for name in ("identity/key.pem", SQLITE_FILE)):
        raise click.ClickException(
            f"No Commander's data was found in {settings.data_dir}: name its folder with --data-dir, as in "
            "`rigfarm commander --data-dir /var/lib/rigfarm-commander …`."
        )
    return settings


def _config_of(context: click.Context) -> Path | None:
    """The file that has settings, if one has."""
    config: Path | None = context.find_root().obj[0] if context.obj is None else context.obj[0]
    return config or (Path(os.environ["RIGFARM_CONFIG"]) if os.environ.get("RIGFARM_CONFIG") else None)


def _run(settings: Settings) -> None:
    import gc

    gc.disable()  # until it serves: a start makes a farm's worth of objects, and next to no garbage

    from rigfarm import __version__
    from rigfarm.commander.app import opened
    from rigfarm.commander.backup import refuse_half_restored
    from rigfarm.commander.identity.certificate import Certificate
    from rigfarm.commander.lan import host_for_others
    from rigfarm.commander.server.serve import listen, serve
    from rigfarm.commander.settings import SettingsError
    from rigfarm.commander.storage import StorageError, held
    from rigfarm.common.log_output import configure_log

    configure_log(settings.log_level, settings.log_format)
    try:
        refuse_half_restored(settings.data_dir)
        lock = held(settings.data_dir / "commander.lock", f"The data folder {settings.data_dir}")
        listener = listen(settings)
        host, port = listener.getsockname()[:2]
        certificate = Certificate.open(settings)
        scheme = "http" if certificate is None else "https"
        url = f"{scheme}://{'127.0.0.1' if host == '0.0.0.0' else f'[{host}]' if ':' in host else host}:{port}"  # noqa: S104 - compared, not bound
        others = f"{scheme}://{host_for_others(host)}:{port}"
        shown = f"{url}, for people at {settings.public_url}" if settings.public_url else url
        if not settings.public_url and others != url:
            shown += f" (from other machines: {others})"
        serve(
            lambda: opened(settings, certificate),
            listener,
            lambda: click.echo(f"Rigfarm Commander {__version__} runs at {shown}{_recognised_by(certificate)}"),
            certificate.context if certificate is not None else None,
        )
        lock.release()
    except (SettingsError, StorageError) as error:
        _fail(error)


def _recognised_by(certificate: Certificate | None) -> str:
    """For people whose browser warns of a certificate that no authority vouches for."""
    if certificate is None or not certificate.own:
        return ""
    return f"\nIt made its certificate itself, so your browser warns you. Compare the fingerprint:\n{certificate.text}"


def _ask(settings: Settings, question: Question) -> Answer:
    """Have the running Commander do it; do it here when none runs."""
    from rigfarm.commander import activity
    from rigfarm.commander.auth.control import ask_or_do
    from rigfarm.commander.settings import SettingsError
    from rigfarm.commander.storage import StorageError

    try:
        answer = ask_or_do(settings, question, activity.recorder(settings))
    except (SettingsError, StorageError) as error:
        _fail(error)
    if answer.refusal is not None:
        raise click.ClickException(answer.refusal)
    return answer


def _fail(error: Exception) -> NoReturn:
    raise click.ClickException(str(error)) from None
