"""Passwords: hashed for the settings, or replaced."""

from __future__ import annotations

import sys

import click

from rigfarm.commander.cli.context import ask_commander, existing

__all__ = ["hash_password", "reset_password"]


@click.command("hash-password")
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


@click.command("reset-password")
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
    settings = existing(context)
    ask_commander(settings, ResetPassword("" if remove else _hashed_password(), visitor))
    if remove:
        click.echo("The visitors' password was removed. Visitors were signed out, and can't log in.")
    elif visitor:
        click.echo("The visitors' password was changed. All visitors have to log in again.")
    else:
        click.echo("The password was changed. All browsers have to log in again; API keys stay valid.")
