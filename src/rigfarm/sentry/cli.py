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

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rigfarm.sentry.agent import Agent
    from rigfarm.sentry.settings import Settings

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
    help="Where the file system of the machine is, for an image that does not run.",
)


@click.group()
def sentry() -> None:
    """The agent on a rig, or beside the ASICs of a LAN."""


def _prepared(data_dir: Path | None) -> Path:
    from rigfarm.sentry.folder import FolderError, data_folder, make_private

    folder = data_folder(data_dir)
    try:
        make_private(folder)
    except FolderError as error:
        raise click.ClickException(str(error)) from None
    return folder


def _settings(folder: Path) -> Settings:
    from rigfarm.sentry.settings import SettingsError, load_settings

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
@click.option("--install", "service", is_flag=True, help="And have it run at every start, as `install` does.")
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
    from rigfarm.sentry.join import JoinError
    from rigfarm.sentry.join import join as join_commander

    folder = _prepared(_service_folder(root, data_dir) if service else data_dir)
    try:
        rig = asyncio.run(
            join_commander(
                folder, url, token or _token(), ca_file, fingerprint=fingerprint, insecure_http=insecure_http
            )
        )
    except JoinError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"This machine is {rig} now.")
    if service:
        _install(root, data_dir)
    elif _is_running(folder):
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


def _install(root: Path, data_dir: Path | None, *, only_print: bool = False) -> None:
    from rigfarm.sentry.install import DATA_DIR, RUN, install, unit_text
    from rigfarm.service import InstallError, command

    folder = data_dir.absolute() if data_dir is not None else DATA_DIR
    try:
        lines = [unit_text(command(*RUN, root=root), folder)] if only_print else install(data_dir=folder, root=root)
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
    from rigfarm.sentry.folder import FolderError, locked

    try:
        with locked(folder):
            return False
    except FolderError:
        return True


@sentry.command()
@_FOLDER
def run(data_dir: Path | None) -> None:
    """Run until told to end: report, mine what the Commander says, show the Sentry's own page."""
    from rigfarm.sentry import logging
    from rigfarm.sentry.folder import FolderError, locked
    from rigfarm.sentry.private import close_to_others
    from rigfarm.sentry.settings import SettingsError

    close_to_others()
    folder = _prepared(data_dir)
    settings = _settings(folder)
    logging.configure(settings.log_level)
    try:
        with locked(folder):
            asyncio.run(_run(settings))
    except (FolderError, SettingsError) as error:
        raise click.ClickException(str(error)) from None


async def _run(settings: Settings) -> None:
    from rigfarm.sentry.agent import Agent
    from rigfarm.sentry.compose import parts_of

    agent = Agent(settings, parts_of(settings), watch_files=True)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, agent)
    await agent.run()


def _end(agent: Agent) -> None:
    """The first signal ends it tidily; if that takes too long, or at the second, it ends anyway."""
    if agent.stopping:
        os._exit(1)
    agent.stop()
    # A thread that hangs on a broken disk would keep the process for ever.
    last_resort = threading.Timer(ENDS_WITHIN_S, os._exit, (1,))
    last_resort.daemon = True
    last_resort.start()


@sentry.command()
@_FOLDER
def status(data_dir: Path | None) -> None:
    """Say how the Sentry that runs on this machine does. Exit status 1 when none runs."""
    from rigfarm.sentry.ui.ask import ask_status

    _ask(ask_status, data_dir)


@sentry.command()
@_FOLDER
def code(data_dir: Path | None) -> None:
    """Print a code that logs an administrator in on the Sentry's own page, once."""
    from rigfarm.sentry.ui.ask import ask_code

    _ask(ask_code, data_dir)


def _ask(question: Callable[[Path], Coroutine[object, object, list[str]]], data_dir: Path | None) -> None:
    from rigfarm.sentry.folder import data_folder
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
    """Say what it can read on this machine, what not and why, and what to do about it."""
    from rigfarm.sentry.doctor import diagnose, exit_code, render
    from rigfarm.sentry.folder import data_folder
    from rigfarm.sentry.link.trust import Trust
    from rigfarm.sentry.settings import Settings

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
    """Give the GPUs their numbers anew, for example after one was taken out for good."""
    from rigfarm.sentry.folder import data_folder
    from rigfarm.sentry.sensors.known import FILE_NAME, forget

    path = data_folder(data_dir) / FILE_NAME
    try:
        known = forget(path)
    except OSError as error:
        raise click.ClickException(
            f"{path} cannot be removed ({error.strerror}): run this as the user the Sentry runs as (with sudo, for the "
            "service)."
        ) from None
    click.echo("GPUs are numbered anew from now on." if known else f"No GPU is known in {path.parent}.")


@sentry.command()
@click.option("--print", "only_print", is_flag=True, help="Only show the unit that would be written.")
@_ROOT
@_FOLDER
def install(only_print: bool, root: Path, data_dir: Path | None) -> None:
    """Have it run at every start of this machine, as a systemd service."""
    _install(root, data_dir, only_print=only_print)


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
    from rigfarm.sentry.passwords import MIN_PASSWORD, hash_password

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < MIN_PASSWORD:
        raise click.ClickException(f"A password has {MIN_PASSWORD} characters or more.")
    click.echo(hash_password(password))
