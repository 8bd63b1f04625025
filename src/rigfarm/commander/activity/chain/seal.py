"""The hash of a row, and of the record of rows that were removed because of their age.

Both are made with a key that is not in the database (`identity/activity.key`): who can only write to the database can
change rows, but not make the hashes that would belong to them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

import msgspec
from msgspec import Struct

from rigfarm.commander.activity.model import Draft, Entry
from rigfarm.commander.identity import IdentityError
from rigfarm.commander.identity.files import write_private

__all__ = ["NOTHING", "Anchor", "Seal", "claimed_anchor"]

KEY_FILE = "activity.key"
NOTHING = bytes(32)
"""The hash before the first row."""


class Anchor(Struct, frozen=True):
    """Where the chain begins: the last row that was removed because of its age."""

    id: int
    hash: bytes
    broken: str = ""
    """What was wrong with rows that were removed, when they were; empty: nothing."""
    lost: int = 0
    """Up to this row, hashes were made with a key that was lost: nothing can be said of them."""


def claimed_anchor(text: str) -> Anchor | None:
    """What a record says, whichever key made it; None when it says nothing."""
    try:
        return msgspec.json.decode(text.partition(" ")[2], type=Anchor)
    except msgspec.DecodeError:
        return None


class Seal:
    """Makes hashes with this Commander's key."""

    def __init__(self, key: bytes, *, made: bool = False) -> None:
        self._key = key
        self.made = made
        """Whether the key was made just now, and is not stored before `keep`: hashes of earlier rows, if there are any,
        can no longer be checked."""

    @classmethod
    def open(cls, data_dir: Path, *, make: bool = True) -> Seal:
        """The key in the data folder; a new one where there is none, unless `make` is off. IdentityError."""
        path = data_dir / "identity" / KEY_FILE
        try:
            if path.exists():
                key = path.read_bytes()
                if len(key) != 32:
                    raise ValueError(f"it has {len(key)} bytes, not 32")
                return cls(key)
            if not make:
                raise ValueError("it does not exist")
            return cls(secrets.token_bytes(32), made=True)
        except (OSError, ValueError) as error:
            raise _unusable(path, error) from None

    def keep(self, data_dir: Path) -> None:
        """Store a key that was made. IdentityError."""
        path = data_dir / "identity" / KEY_FILE
        try:
            write_private(path, self._key)
        except OSError as error:
            raise _unusable(path, error) from None
        self.made = False

    def of(self, previous: bytes, entry_id: int, draft: Draft) -> bytes:
        """The hash of a row that follows the row with the hash `previous`."""
        row = msgspec.json.encode([entry_id, *msgspec.structs.astuple(draft)])
        return self._hash(b"entry", previous + row)

    def follows(self, previous: bytes, entry: Entry) -> bool:
        """Whether a row is as it was written, and where it was written."""
        return hmac.compare_digest(self.of(previous, entry.id, entry.draft), entry.hash)

    def write_anchor(self, anchor: Anchor) -> str:
        """As a text that only this key makes."""
        body = msgspec.json.encode(anchor)
        return f"{self._hash(b'anchor', body).hex()} {body.decode()}"

    def read_anchor(self, text: str) -> Anchor | None:
        """None for a text that this key did not make."""
        code, _, body = text.partition(" ")
        if not hmac.compare_digest(self._hash(b"anchor", body.encode()).hex().encode(), code.encode()):
            return None
        return msgspec.json.decode(body, type=Anchor)

    def _hash(self, purpose: bytes, message: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b":" + message, hashlib.sha256)


def _unusable(path: Path, error: Exception) -> IdentityError:
    return IdentityError(
        f"The key of the activity, {path}, cannot be used: {error}. Restore it from a backup. If it is lost, delete "
        "the file: a new key is made at the next start, and earlier entries can no longer be verified."
    )
