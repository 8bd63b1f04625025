"""`rigfarm sentry`: join a Commander, run, and look after the installation."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rigfarm.sentry.agent.agent import Agent
    from rigfarm.sentry.identity.settings import Settings

__all__ = ["sentry"]

ENDS_WITHIN_S = 5.0
_FOLDER = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it keeps its configuration, token and logs; else RIGFARM_DATA_DIR.",
)
_ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True, resolve_path=True),
    default="/",
    envvar="RIGFARM_ROOT",
    help="Root of another file system, for building an image.",
)


@click.group()
def sentry() -> None:
    """The agent on a rig, or for the ASICs of a LAN."""


def _prepared(data_dir: Path | None) -> Path:
    from rigfarm.sentry.identity.folder import FolderError, data_folder, make_private

    folder = data_folder(data_dir)
    try:
        make_private(folder)
    except FolderError as error:
        raise click.ClickException(str(error)) from None
    return folder


def _settings(folder: Path) -> Settings:
    from rigfarm.sentry.identity.settings import SettingsError, load_settings

    try:
        return load_settings(folder)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


@sentry.command()
@click.argument("url")
@click.argument("token", required=False)
@click.option(
    "--fingerprint",
    help="SHA256:… of the Commander's own certificate, as its join commands show it. Nothing is sent to any other.",
)
@click.option("--ca", "ca_file", type=click.Path(path_type=Path), help="PEM file of the authority behind its https.")
@click.option(
    "--insecure-http", is_flag=True, help="Allow a plain http:// address: on this machine, or over a tunnel of yours."
)
@click.option("--install", "service", is_flag=True, help="Also install it as a service, as `install` does.")
@_ROOT
@_FOLDER
def join(
    url: str,
    token: str | None,
    fingerprint: str | None,
    ca_file: Path | None,
    insecure_http: bool,
    service: bool,
    root: Path,
    data_dir: Path | None,
) -> None:
    """Make this machine a rig of the Commander at URL.

    TOKEN is what the Commander shows for the rig. Every user of this machine can see a command's arguments, so it may
    be given as RIGFARM_TOKEN or on standard input instead.
    """
    from rigfarm.sentry.identity.folder import as_owner, data_folder
    from rigfarm.sentry.join import JoinError
    from rigfarm.sentry.join import join as join_commander

    folder = data_folder(_service_folder(root, data_dir) if service else data_dir)
    try:
        with as_owner(folder):
            rig = asyncio.run(
                join_commander(
                    _prepared(folder),
                    url,
                    token or _token(),
                    ca_file,
                    fingerprint=fingerprint,
                    insecure_http=insecure_http,
                )
            )
    except JoinError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"This machine is now {rig}.")
    if service:
        _install(root, data_dir, by_root=False)
        return
    with as_owner(folder):
        runs = _is_running(folder)
    if runs:
        click.echo("The Sentry that is running here takes over within seconds.")
    else:
        option = f" --data-dir {data_dir}" if data_dir is not None else ""
        click.echo(f"Start it with:  rigfarm sentry run{option}")
        click.echo("Or, to have it run at every start of this machine:  sudo rigfarm sentry install")


def _service_folder(root: Path, data_dir: Path | None) -> Path:
    """Where the service keeps its things, seen from here."""
    from rigfarm.sentry.install import DATA_DIR
    from rigfarm.service import InstallError, need_root

    try:
        need_root(root)
    except InstallError as error:
        raise click.ClickException(str(error)) from None
    return root / (data_dir.absolute() if data_dir is not None else DATA_DIR).relative_to("/")


def _install(root: Path, data_dir: Path | None, *, by_root: bool, only_print: bool = False) -> None:
    from rigfarm.sentry.install import DATA_DIR, RUN, Grants, install, texts
    from rigfarm.service import InstallError, command

    folder = data_dir.absolute() if data_dir is not None else DATA_DIR
    try:
        if only_print:
            units = texts(command(*RUN, root=root), folder, Grants.wanted(folder, root, by_root=by_root), root)
            lines = [f"# {name}\n{text}" for name, text in units.items()]
        else:
            lines = install(data_dir=folder, root=root, by_root=by_root)
    except InstallError as error:
        raise click.ClickException(str(error)) from None
    for line in lines:
        click.echo(line)


def _token() -> str:
    if named := os.environ.get("RIGFARM_TOKEN"):
        return named
    if sys.stdin.isatty():
        return str(click.prompt("Token", hide_input=True, err=True))
    return sys.stdin.readline()


def _is_running(folder: Path) -> bool:
    from rigfarm.sentry.identity.folder import FolderError, locked

    try:
        with locked(folder):
            return False
    except FolderError:
        return True


@sentry.command()
@_FOLDER
def run(data_dir: Path | None) -> None:
    """Run in the foreground: report, run the rig's playbooks, and serve the Sentry's own page."""
    from rigfarm.sentry import logging
    from rigfarm.sentry.identity.folder import FolderError, locked
    from rigfarm.sentry.identity.private import close_to_others
    from rigfarm.sentry.identity.settings import SettingsError
    from rigfarm.sentry.install import own_program
    from rigfarm.sentry.update import launch

    close_to_others()
    folder = _prepared(data_dir)
    launch(folder, own_program())
    settings = _settings(folder)
    logging.configure(settings.log_level)
    try:
        with locked(folder):
            asyncio.run(_run(settings))
    except (FolderError, SettingsError) as error:
        raise click.ClickException(str(error)) from None


async def _run(settings: Settings) -> None:
    from rigfarm.sentry.agent.agent import Agent
    from rigfarm.sentry.compose import parts_of, reads_asics
    from rigfarm.sentry.identity.tokens import TokenStore
    from rigfarm.sentry.install import own_program
    from rigfarm.sentry.playbooks.held import take_over
    from rigfarm.sentry.ui.server import serve_page
    from rigfarm.sentry.update import Updates, succeed

    parts = parts_of(settings, take_over())
    joined = settings.commander is not None and TokenStore(settings.data_dir).load() is not None
    if not joined and not reads_asics(settings):
        structlog.get_logger().warning(
            "This machine is not a rig yet. On the Commander, New rig shows the line that makes it one: paste it here, "
            "and this Sentry begins to report."
        )
    agent = Agent(settings, parts, watch_files=True, serve=serve_page, updates=Updates(settings, own_program()))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, agent)
    await agent.run()
    if agent.successor is not None:
        succeed(settings.data_dir, agent.successor, parts)


def _end(agent: Agent) -> None:
    """The first signal ends it tidily; if that takes too long, or at the second, it ends anyway."""
    if agent.stopping:
        os._exit(1)
    agent.stop()
    # A thread that hangs on a broken disk would keep the process for ever.
    last_resort = threading.Timer(ENDS_WITHIN_S, os._exit, (1,))
    last_resort.daemon = True
    last_resort.start()


@sentry.command("self-check", hidden=True)
@_FOLDER
def self_check(data_dir: Path | None) -> None:
    """Load everything that `run` needs, read the settings, and print who this is: asked of an update before it runs."""
    from rigfarm.sentry.update import self_check as check

    _settings(_prepared(data_dir))
    click.echo(check())


@sentry.command()
@_FOLDER
def status(data_dir: Path | None) -> None:
    """Show the state of the Sentry that runs on this machine. Exit status 1 if none is running."""
    from rigfarm.sentry.ui.ask import ask_status

    _ask(ask_status, data_dir)


@sentry.command()
@_FOLDER
def code(data_dir: Path | None) -> None:
    """Print a code that logs an administrator in on the Sentry's own page, once."""
    from rigfarm.sentry.ui.ask import ask_code

    _ask(ask_code, data_dir)


def _ask(question: Callable[[Path], Coroutine[object, object, list[str]]], data_dir: Path | None) -> None:
    from rigfarm.sentry.identity.folder import data_folder
    from rigfarm.sentry.ui.ask import NotRunningError

    try:
        lines = asyncio.run(question(data_folder(data_dir)))
    except NotRunningError as error:
        raise click.ClickException(str(error)) from None
    for line in lines:
        click.echo(line)


@sentry.command()
@_FOLDER
def doctor(data_dir: Path | None) -> None:
    """Check what the Sentry can read on this machine, what it can't and why, and what to do about it."""
    from rigfarm.sentry.doctor import diagnose, exit_code, render
    from rigfarm.sentry.identity.folder import data_folder
    from rigfarm.sentry.identity.settings import Settings
    from rigfarm.sentry.link.trust import Trust

    folder = data_folder(data_dir)
    readable = folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)
    settings = _settings(folder) if readable else Settings()
    trust = Trust(folder if readable else None, insecure_http=settings.insecure_http)
    findings = asyncio.run(
        diagnose(
            folder,
            settings.sources,
            policy=settings.policy,
            allow_power=settings.allow_power,
            commander=settings.commander,
            trust=trust,
        )
    )
    click.echo(render(findings))
    sys.exit(exit_code(findings))


@sentry.command("forget-gpus")
@_FOLDER
def forget_gpus(data_dir: Path | None) -> None:
    """Reset the numbering of GPUs, for example after one was removed for good."""
    from rigfarm.sentry.identity.folder import data_folder
    from rigfarm.sentry.sensors.known import FILE_NAME, forget

    path = data_folder(data_dir) / FILE_NAME
    try:
        known = forget(path)
    except OSError as error:
        raise click.ClickException(
            f"{path} cannot be removed ({error.strerror}): run this as the user the Sentry runs as (with sudo, for the "
            "service)."
        ) from None
    click.echo("GPU numbering was reset." if known else f"No GPUs are known in {path.parent}.")


@sentry.command()
@click.option("--print", "only_print", is_flag=True, help="Only show the units that would be written.")
@click.option(
    "--no-new-rights",
    is_flag=True,
    help="Grant only those rights in sentry.toml that were granted before, or that root wrote.",
)
@_ROOT
@_FOLDER
def install(only_print: bool, no_new_rights: bool, root: Path, data_dir: Path | None) -> None:
    """Install it as a systemd service that starts with this machine, with the rights that sentry.toml gives."""
    _install(root, data_dir, by_root=not no_new_rights, only_print=only_print)


@sentry.command()
@click.option("--keep-data", is_flag=True, help="Keep its token, logs and mining software.")
@_ROOT
def uninstall(keep_data: bool, root: Path) -> None:
    """Stop the service and remove everything it put on this machine."""
    from rigfarm.sentry.install import own_program
    from rigfarm.sentry.install import uninstall as uninstall_service
    from rigfarm.service import InstallError

    try:
        lines = uninstall_service(root=root, keep_data=keep_data, own=own_program())
    except InstallError as error:
        raise click.ClickException(str(error)) from None
    for line in lines:
        click.echo(line)


@sentry.command("hash-password")
def hash_password() -> None:
    """Ask for a password (or read a line from standard input) and print its hash, for the setting ui_password."""
    from rigfarm.sentry.identity.folder import data_folder
    from rigfarm.sentry.identity.passwords import MIN_PASSWORD, hash_password
    from rigfarm.sentry.identity.settings import FILE_NAME

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < MIN_PASSWORD:
        raise click.ClickException(f"A password has {MIN_PASSWORD} characters or more.")
    click.echo(hash_password(password))
    click.echo(
        f'Put this hash into {data_folder() / FILE_NAME} as  ui_password = "scrypt:…"\n'
        "or into the environment as  RIGFARM_UI_PASSWORD=scrypt:…\n"
        "then restart the Sentry. All browsers have to log in again; mining programs restart.",
        err=True,
    )
