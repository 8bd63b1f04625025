"""`rigfarm commander`: run the web service, make a password's hash, manage API keys. Nothing heavy is imported before
it is needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from rigfarm.commander.auth.control import Answer, Question
    from rigfarm.commander.identity.certificate import Certificate
    from rigfarm.commander.settings import Settings

__all__ = ["commander"]

MAX_EXPIRY_S = 3650 * 86_400


@click.group(invoke_without_command=True)
@click.option("--config", type=click.Path(path_type=Path), help="Settings as TOML; else RIGFARM_CONFIG names the file.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--data-dir", help="Folder of the database and the journal.")
@click.pass_context
def commander(
    context: click.Context, config: Path | None, host: str | None, port: int | None, data_dir: str | None
) -> None:
    """Run the Commander: the web service that watches and steers the farm.

    Settings are documented in docs/settings.md.
    """
    os.umask(0o077)
    context.obj = (config, {"host": host, "port": port, "data_dir": data_dir})
    if context.invoked_subcommand is None:
        _run(_settings(context))


@commander.command("hash-password")
def hash_password() -> None:
    """Ask for a password (or read a line from standard input) and print its hash, for the setting password_hash."""
    from rigfarm.commander.auth import hashing
    from rigfarm.commander.settings import wrong_with_password

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    wrong = wrong_with_password(password)
    if wrong:
        raise click.ClickException(wrong)
    hashed = hashing.hash_password(password)
    click.echo(hashed)
    click.echo(
        'Put this hash into the configuration file as  password_hash = "$argon2id$…"\n'
        "or into the environment as  RIGFARM_PASSWORD_HASH='$argon2id$…'  (single quotes: it contains $ signs),\n"
        "then restart the Commander. All browsers have to log in again.",
        err=True,
    )


_ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True, resolve_path=True),
    default="/",
    envvar="RIGFARM_ROOT",
    help="Where the file system of the machine is, for an image that does not run.",
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
    """Say how the installed service does. Exit status 1 when it does not run."""
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
    """Make a new key for this Commander. Stop it first; rigs follow at their next connection.

    Not for a stolen key: the thief can use it to vouch for another. In that case delete identity/key.pem from the
    data folder, and join every rig again.
    """
    from rigfarm.commander.identity import Identity
    from rigfarm.commander.settings import SettingsError
    from rigfarm.commander.storage import FileLock, StorageError

    settings = _settings(context)
    try:
        lock = FileLock(settings.data_dir / "commander.lock", f"The data folder {settings.data_dir}")
        identity = Identity.rotate(settings.data_dir)
        lock.release()
    except (SettingsError, StorageError) as error:
        _fail(error)
    click.echo(f"The new public key is {identity.public.hex()}. It is used from the next start on.")


@commander.group("api-key")
def api_key() -> None:
    """Manage the keys with which programs use the JSON API, while the Commander runs or not."""


@api_key.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="What it can do; repeat for more. [read]")
@click.option("--expires", default="90d", show_default=True, help="After this many hours or days (12h, 90d), or never.")
@click.pass_context
def create(context: click.Context, name: str, scopes: tuple[str, ...], expires: str) -> None:
    """Make a key. The last word printed is the key; it is not shown again.

    \b
    Scopes:
      read       see rigs, statistics and configuration
      operate    apply, start and stop playbooks; restart and reboot rigs
      configure  change rigs and their tokens, playbooks, software, addresses
      enrol      create rigs and receive their tokens, as an ASIC Sentry does
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
    """List all keys: scopes, when they were made, when they expire, when and from where they were last used (UTC)."""
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
    forget_variables(("RIGFARM_PASSWORD", "RIGFARM_PASSWORD_HASH", "RIGFARM_DATABASE_URL"))
    return settings


def _run(settings: Settings) -> None:
    import gc

    gc.disable()  # until it serves: a start makes a farm's worth of objects, and next to no garbage

    from rigfarm import __version__
    from rigfarm.commander.app import opened
    from rigfarm.commander.identity.certificate import Certificate
    from rigfarm.commander.lan import host_for_others
    from rigfarm.commander.log_output import configure_log
    from rigfarm.commander.server.serve import listen, serve
    from rigfarm.commander.settings import SettingsError
    from rigfarm.commander.storage import FileLock, StorageError

    configure_log(settings.log_level, settings.log_format)
    try:
        lock = FileLock(settings.data_dir / "commander.lock", f"The data folder {settings.data_dir}")
        listener = listen(settings)
        host, port = listener.getsockname()[:2]
        certificate = Certificate.open(settings)
        scheme = "http" if certificate is None else "https"
        url = f"{scheme}://{'127.0.0.1' if host == '0.0.0.0' else f'[{host}]' if ':' in host else host}:{port}"  # noqa: S104
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
    from rigfarm.commander.auth.control import ask_or_do
    from rigfarm.commander.storage import StorageError

    try:
        answer = ask_or_do(settings, question)
    except StorageError as error:
        _fail(error)
    if answer.refusal is not None:
        raise click.ClickException(answer.refusal)
    return answer


def _fail(error: Exception) -> NoReturn:
    raise click.ClickException(str(error)) from None
