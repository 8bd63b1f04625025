"""Make this machine a rig: check address and token against the real Commander, then keep them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from rigfarm.common.commander_url import commander_url
from rigfarm.common.fingerprints import find_fingerprint
from rigfarm.sentry.asic.lan import LIST_FILE
from rigfarm.sentry.identity.settings import SettingsError, load_settings, save_commander
from rigfarm.sentry.identity.tokens import TokenStore, find_token
from rigfarm.sentry.link.errors import LinkError, TlsError
from rigfarm.sentry.link.probe import check_token
from rigfarm.sentry.link.trust import Trust
from rigfarm.wire.frames import Verdict

__all__ = ["JoinError", "join"]


class JoinError(Exception):
    """This machine cannot join; the text says why and what to do."""


async def join(
    folder: Path,
    url: str,
    token: str,
    ca_file: Path | None = None,
    *,
    fingerprint: str | None = None,
    insecure_http: bool = False,
) -> str:
    """The name of the rig that this machine is from now on. JoinError; then nothing was changed.

    `fingerprint` is the SHA-256 of the Commander's certificate; without it an authority has to vouch for that.
    """
    try:
        address = commander_url(url)
        trust = Trust(ca_file=_authority(ca_file), insecure_http=insecure_http)
        trust.certificate = _fingerprint(fingerprint)
        load_settings(folder)
    except (ValueError, SettingsError) as error:
        raise JoinError(str(error)) from None
    found = find_token(token)
    if found is None:
        raise JoinError(
            "This is not a token: tokens begin with rf_ and have 46 characters. The Commander shows it "
            "once, when a rig is "
            "created or gets a new token."
        )
    try:
        verdict, trust = await _check(address, found, trust, Trust(folder))
    except LinkError as error:
        raise JoinError(str(error)) from None
    try:
        if Trust(folder).key not in (None, trust.key):
            _forget_asics(folder / LIST_FILE)
        # The token last: a Sentry that runs here takes over as soon as it sees it.
        trust.save(folder)
        authority = str(trust.ca_file) if trust.ca_file is not None else None
        save_commander(folder, address, authority, insecure_http=address.startswith("http:"))
        TokenStore(folder).save(found)
    except (OSError, SettingsError, sqlite3.Error) as error:
        raise JoinError(f"The Commander accepts the token, but it cannot be stored: {error}") from None
    return verdict.name or f"rig {verdict.rig}"


async def _check(address: str, token: str, trust: Trust, before: Trust) -> tuple[Verdict, Trust]:
    """The verdict on the token, and whom to trust. A machine that joined before knows its Commander without help."""
    try:
        return await check_token(address, token, trust), trust
    except TlsError:
        if trust.certificate is not None or trust.ca_file is not None or before.key is None:
            raise
        return await check_token(address, token, before), before


def _forget_asics(path: Path) -> None:
    """The tokens of ASICs that this Sentry reads are the former Commander's, and go to no other."""
    if not path.exists():
        return
    try:
        from rigfarm.sentry.asic.store import forget_tokens
    except ImportError:
        raise JoinError(
            f"{path} holds tokens of the former Commander, but support for ASICs is not installed: remove "
            f"the file first."
        ) from None
    forget_tokens(path)


def _fingerprint(text: str | None) -> bytes | None:
    if text is None:
        return None
    found = find_fingerprint(text)
    if found is None:
        raise ValueError(
            f"{text!r} is not a fingerprint. It is SHA256: and 64 hexadecimal digits, as the Commander's join commands "
            "and `rigfarm commander fingerprint` show it."
        )
    return found


def _authority(ca_file: Path | None) -> Path | None:
    if ca_file is None:
        return None
    path = ca_file.expanduser().absolute()
    if not path.is_file():
        raise ValueError(f"{path} is not a file. Give --ca the PEM file of the authority that signed the certificate.")
    return path
