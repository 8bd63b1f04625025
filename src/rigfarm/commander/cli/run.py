"""The web service itself, from its settings to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rigfarm.commander.cli.context import fail

if TYPE_CHECKING:
    from rigfarm.commander.identity.certificate import Certificate
    from rigfarm.commander.settings import Settings

__all__ = ["run"]


def run(settings: Settings) -> None:
    """Serve until it is told to stop."""
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
            lambda: click.echo(
                f"Rigfarm Commander {__version__} runs at {shown}{_recognised_by(certificate)}{_as_replica(settings)}"
            ),
            certificate.context if certificate is not None else None,
        )
        lock.release()
    except (SettingsError, StorageError) as error:
        fail(error)


def _as_replica(settings: Settings) -> str:
    if settings.nats_url is None:
        return ""
    return "\nIt is one of several replicas of a farm, and a standby until it leads."


def _recognised_by(certificate: Certificate | None) -> str:
    """For people whose browser warns of a certificate that no authority vouches for."""
    if certificate is None or not certificate.own:
        return ""
    return f"\nIt made its certificate itself, so your browser warns you. Compare the fingerprint:\n{certificate.text}"
