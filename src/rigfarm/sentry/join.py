"""Make this machine a rig: check address and token against the real Commander, then keep them."""

from __future__ import annotations

from pathlib import Path

from rigfarm.sentry.commander_url import commander_url
from rigfarm.sentry.link.errors import LinkError
from rigfarm.sentry.probe import check_token
from rigfarm.sentry.settings import SettingsError, load_settings, save_commander
from rigfarm.sentry.tokens import TokenStore, find_token

__all__ = ["JoinError", "join"]


class JoinError(Exception):
    """This machine cannot join; the text says why and what to do."""


async def join(folder: Path, url: str, token: str, ca_file: Path | None = None) -> str:
    """The name of the rig that this machine is from now on. JoinError; then nothing was changed."""
    try:
        address = commander_url(url)
        authority = _authority(ca_file)
        load_settings(folder)
    except (ValueError, SettingsError) as error:
        raise JoinError(str(error)) from None
    found = find_token(token)
    if found is None:
        raise JoinError(
            "That is no token: one begins with rf_ and has 46 characters. The Commander shows it once, when a rig is "
            "created or its token is rotated."
        )
    try:
        verdict = await check_token(address, found, authority)
    except LinkError as error:
        raise JoinError(str(error)) from None
    try:
        # The token last: a Sentry that runs here takes over as soon as it sees it.
        save_commander(folder, address, str(authority) if authority is not None else None)
        TokenStore(folder).save(found)
    except (OSError, SettingsError) as error:
        raise JoinError(f"The Commander takes the token, but it cannot be kept: {error}") from None
    return verdict.name or f"rig {verdict.rig}"


def _authority(ca_file: Path | None) -> Path | None:
    if ca_file is None:
        return None
    path = ca_file.expanduser().absolute()
    if not path.is_file():
        raise ValueError(f"{path} is no file. Give --ca the PEM file of the authority that signed the certificate.")
    return path
