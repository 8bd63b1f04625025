"""The Commander's Ed25519 key. Rigs learn its public half when they join, and believe no other from then on.

identity/key.pem            the private key, mode 600; it belongs into every backup
identity/successions.json   earlier public keys, each vouching for the next
"""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rigfarm.commander.identity.files import write_private
from rigfarm.commander.settings import SettingsError
from rigfarm.wire.frames import MAX_SUCCESSIONS, Succession
from rigfarm.wire.signing import succession_message

__all__ = ["Identity", "IdentityError"]

FOLDER = "identity"


class IdentityError(SettingsError):
    """The Commander's key or certificate cannot be used; the text says why and what to do."""


class Identity:
    """The key of this Commander, made at its first start."""

    def __init__(self, key: Ed25519PrivateKey, successions: list[Succession], *, made: bool = False) -> None:
        self._key = key
        self.public: bytes = key.public_key().public_bytes_raw()
        self.successions = successions
        self.made = made
        """Whether this start made it: no rig knows it yet."""

    @classmethod
    def open(cls, data_dir: Path) -> Identity:
        """The key in the data folder; a new one when there is none. IdentityError."""
        path = data_dir / FOLDER / "key.pem"
        try:
            if not path.exists():
                identity = cls(Ed25519PrivateKey.generate(), [], made=True)
                identity._keep(path)
                return identity
            key = serialization.load_pem_private_key(path.read_bytes(), None)
            if not isinstance(key, Ed25519PrivateKey):
                raise ValueError("it is not an Ed25519 key")
            return cls(key, _read_successions(path.with_name("successions.json")))
        except (OSError, ValueError, TypeError) as error:
            raise IdentityError(
                f"The Commander's key {path} cannot be used: {error}. Rigs recognise this Commander by it, "
                f"so restore it from a backup. If it is lost, delete the file: a new key is made at the "
                f"next start, and every rig has "
                "to join again."
            ) from None

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(message)

    @classmethod
    def rotate(cls, data_dir: Path) -> Identity:
        """Make a new key, vouched for by the one before. It is used from the next start on. IdentityError."""
        old = cls.open(data_dir)
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        # Rigs know keys, not their order: the statement is found by who signed it.
        successions = [*old.successions, Succession(public, old.sign(succession_message(public)))][-MAX_SUCCESSIONS:]
        new = cls(key, successions)
        path = data_dir / FOLDER / "key.pem"
        try:
            # Before the key: a statement about a key that is not used yet harms nothing.
            write_private(path.with_name("successions.json"), _written(successions))
            new._keep(path)
        except OSError as error:
            raise IdentityError(f"The new key cannot be stored in {path.parent}: {error.strerror}.") from None
        return new

    def _keep(self, path: Path) -> None:
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(path, pem)


class _Statement(msgspec.Struct):
    key: str
    signature: str


def _written(successions: list[Succession]) -> bytes:
    encode = base64.b64encode
    return msgspec.json.encode([_Statement(encode(s.key).decode(), encode(s.signature).decode()) for s in successions])


def _read_successions(path: Path) -> list[Succession]:
    if not path.exists():
        return []
    found = msgspec.json.decode(path.read_bytes(), type=list[_Statement])
    return [Succession(base64.b64decode(s.key), base64.b64decode(s.signature)) for s in found]
