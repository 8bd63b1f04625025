"""What exactly a Commander signs. Each kind of message begins with its own domain, so no signature serves twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = ["NONCE_BYTES", "frames_message", "proof_message", "succession_message"]

NONCE_BYTES = 32


def proof_message(nonce: bytes, certificate: bytes) -> bytes:
    """For Proof: `certificate` is the SHA-256 of the certificate served, or empty (compare RFC 5929,
    tls-server-end-point)."""
    return b"rigfarm proof 1\0" + nonce + certificate


def frames_message(nonce: bytes, sequence: int, frames: Sequence[bytes]) -> bytes:
    """For Signed: the connection's nonce, the sequence number, and every frame behind its length."""
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(len(frame).to_bytes(4, "big"))
        digest.update(frame)
    return b"rigfarm frames 1\0" + nonce + sequence.to_bytes(8, "big") + digest.digest()


def succession_message(key: bytes) -> bytes:
    """For Succession: the next public key."""
    return b"rigfarm key 1\0" + key
