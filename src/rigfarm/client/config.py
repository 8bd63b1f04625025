"""Which Commander, and with which key: from `rigfarm login`, or from the environment for scripts."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from rigfarm.client.errors import ExitCode, Failure
from rigfarm.common.commander_url import commander_url
from rigfarm.common.fingerprints import find_fingerprint
from rigfarm.common.whole_file import write_private

__all__ = ["Login", "forget", "load", "path", "save"]


class Login(msgspec.Struct, frozen=True):
    """What `rigfarm login` found out and the operator agreed to."""

    url: str
    key: str
    fingerprint: str = ""
    """SHA-256 of the only certificate that is accepted, in hexadecimal; empty: authorities vouch for it."""
    ca_file: str = ""
    """PEM file of the authorities; empty: those of this system."""


def path() -> Path:
    """Where it is stored."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "rigfarm" / "login.json"


def load() -> Login:
    """From the environment where it is complete, else from the file. Failure when there is neither."""
    url, key = os.environ.get("RIGFARM_URL", ""), os.environ.get("RIGFARM_API_KEY", "")
    stored = _stored()
    if url and key:
        pinned = find_fingerprint(os.environ.get("RIGFARM_FINGERPRINT", ""))
        try:
            return Login(commander_url(url), key, pinned.hex() if pinned else "", os.environ.get("RIGFARM_CA", ""))
        except ValueError as error:
            raise Failure(str(error), ExitCode.USAGE) from None
    if stored is None:
        raise Failure(
            "You are not logged in. Run rigfarm login URL, or set RIGFARM_URL and RIGFARM_API_KEY.", ExitCode.LOGIN
        )
    return msgspec.structs.replace(stored, key=key) if key else stored


def save(login: Login) -> Path:
    """Store it, for this user only. OSError."""
    where = path()
    where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(where, msgspec.json.encode(login))
    return where


def forget() -> bool:
    """Delete it; whether there was one."""
    try:
        path().unlink()
    except FileNotFoundError:
        return False
    return True


def _stored() -> Login | None:
    try:
        return msgspec.json.decode(path().read_bytes(), type=Login)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Failure(f"{path()} cannot be read ({error}). Run rigfarm login again.", ExitCode.LOGIN) from None
