"""By what rigs and people recognise the Commander."""

from __future__ import annotations

import click

from rigfarm.commander.cli.context import fail, settings_of

__all__ = ["fingerprint", "rotate_identity"]


@click.command("fingerprint")
@click.pass_context
def fingerprint(context: click.Context) -> None:
    """Print the SHA-256 of the certificate, by which rigs and people recognise this Commander."""
    from rigfarm.commander.identity.certificate import Certificate
    from rigfarm.commander.settings import SettingsError

    settings = settings_of(context)
    try:
        certificate = Certificate.open(settings, make=False)
    except SettingsError as error:
        fail(error)
    if certificate is None:
        raise click.ClickException("tls is off: this Commander has no certificate; its TLS proxy has one.")
    click.echo(certificate.text)


@click.command("rotate-identity")
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

    settings = settings_of(context)
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
        fail(error)
