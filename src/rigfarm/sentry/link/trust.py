"""Whom this Sentry takes for its Commander: the certificate and the key that it learnt when it joined.

commander.json   SHA-256 of the certificate and Ed25519 public key, mode 600

Nothing but this decides whether a connection is the Commander's: the link, downloads, joining and enrolling all take
their TLS context from here. Dates in a certificate that is pinned do not matter, for rigs' clocks are often wrong.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog

from rigfarm.common.commander_url import host_of
from rigfarm.common.fingerprints import fingerprint_text
from rigfarm.common.whole_file import write_private
from rigfarm.sentry.link.errors import ImpostorError, InsecureError, TlsError
from rigfarm.wire.frames import Proof, Succession
from rigfarm.wire.signing import proof_message, succession_message

__all__ = [
    "FILE_NAME",
    "Trust",
    "WrongCertificateError",
    "certificate_of",
    "insecure_words",
    "is_signed",
]

FILE_NAME = "commander.json"
log = structlog.get_logger()


class WrongCertificateError(ssl.SSLCertVerificationError):
    """The other side has another certificate than the pinned one."""


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of an Ed25519 key signed this."""
    # PyNaCl, imported on first use: 1.2 MB of memory in a Sentry, where cryptography takes 8.
    from nacl.exceptions import CryptoError
    from nacl.signing import VerifyKey

    try:
        VerifyKey(key).verify(message, signature)
    except (CryptoError, ValueError, TypeError):
        return False
    return True


def certificate_of(connection: ssl.SSLObject | None) -> bytes:
    """SHA-256 of the certificate that the other side showed; empty without TLS."""
    certificate = connection.getpeercert(binary_form=True) if connection is not None else None
    return hashlib.sha256(certificate).digest() if certificate else b""


def insecure_words(url: str) -> str:
    """What is wrong with an address that the operator has allowed; empty when nothing is."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or host in ("localhost", "::1") or host.startswith("127."):
        return ""
    return (
        f"{url} is plain http (insecure_http = true): unless a tunnel or a TLS proxy protects the way, others can "
        "read this machine's token and follow everything that it reports"
    )


class _PinningObject(ssl.SSLObject):
    """Ends the handshake before anything is sent when the certificate is not the pinned one."""

    def do_handshake(self) -> None:
        super().do_handshake()
        pinned = self.context.pinned if isinstance(self.context, _PinningContext) else None
        if pinned is not None and (seen := certificate_of(self)) != pinned:
            raise WrongCertificateError(fingerprint_text(seen))


class _PinningContext(ssl.SSLContext):
    pinned: bytes | None
    """None: the certificate is looked at after the handshake."""

    @classmethod
    def make(cls, pinned: bytes | None) -> _PinningContext:
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.sslobject_class = _PinningObject
        context.pinned = pinned
        return context


class _File(msgspec.Struct):
    certificate: str | None = None
    key: str | None = None


class Trust:
    """One per Sentry. `folder` is where it is kept; without one it lasts as long as the object."""

    def __init__(self, folder: Path | None = None, *, ca_file: Path | None = None, insecure_http: bool = False) -> None:
        self.ca_file = ca_file
        self.insecure_http = insecure_http
        """Whether plain http is allowed: the operator's explicit word."""
        self.certificate: bytes | None = None
        """SHA-256 of the only certificate that is accepted; None: authorities vouch for it."""
        self.key: bytes | None = None
        """The Commander's; None: not learnt yet."""
        self._path = folder / FILE_NAME if folder is not None else None
        self.reload()

    def reload(self) -> None:
        """Read what is on disk. Nothing there, or damaged: what was learnt before stays, so nothing makes this Sentry
        trust anyone else but joining."""
        if self._path is None:
            return
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_File)
            certificate = bytes.fromhex(found.certificate) if found.certificate else None
            self.key = bytes.fromhex(found.key) if found.key else None
            self.certificate = certificate
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            log.error("what is known of the Commander cannot be read: join again", file=str(self._path), why=str(error))

    def save(self, folder: Path | None = None) -> None:
        """Keep it, in this folder from now on. OSError."""
        if folder is not None:
            self._path = folder / FILE_NAME
        if self._path is not None:
            certificate = self.certificate.hex() if self.certificate else None
            write_private(self._path, msgspec.json.encode(_File(certificate, self.key.hex() if self.key else None)))

    # Connections

    def check_url(self, url: str) -> None:
        """InsecureError for plain http that the operator has not allowed."""
        if url.startswith("http:") and not self.insecure_http:
            raise InsecureError(
                f"{url} is plain http: anyone in between could read this machine's token. Use the Commander's "
                "https:// address. If a TLS proxy or tunnel protects the way, allow http with insecure_http = true in "
                "sentry.toml (rigfarm sentry join --insecure-http writes it)."
            )

    def context(self, url: str) -> ssl.SSLContext | None:
        """For a connection that is the Commander's from its first byte on; None for http. LinkError."""
        self.check_url(url)
        if url.startswith("http:"):
            return None
        if self.certificate is not None:
            return _PinningContext.make(self.certificate)
        return self._authorities()

    def link_context(self, url: str, *, unverified: bool = False) -> ssl.SSLContext | None:
        """For a link, which asks for a proof before it says anything: with a known key it may show another certificate
        than the pinned one. `unverified`: the authorities do not vouch for it. LinkError."""
        if url.startswith("https:") and self.key is not None and (self.certificate is not None or unverified):
            return _PinningContext.make(None)
        return self.context(url)

    def _authorities(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise TlsError(f"The certificate file {self.ca_file} cannot be used ({error}). Give a PEM file.") from error

    # Proof

    def accept(self, url: str, nonce: bytes, proof: Proof, connection: ssl.SSLObject | None) -> bool:
        """Make sure that this connection is the Commander's; whether something new was learnt, to be saved.

        ImpostorError.
        """
        where = host_of(url)
        if not is_signed(proof.key, proof_message(nonce, proof.certificate), proof.signature):
            raise ImpostorError(f"{where} answers, but its proof is not signed with the key that it shows.")
        if self.key is not None and proof.key != self.key and not _succeeds(self.key, proof.key, proof.successions):
            raise ImpostorError(
                f"{where} answers, but it is not the Commander that this machine joined: it has another key. This "
                "machine's token was not sent. If the Commander was set up from scratch, join again."
            )
        seen = certificate_of(connection)
        bound = bool(seen) and seen == proof.certificate
        vouched = connection is None or seen == self.certificate or connection.context.verify_mode != ssl.CERT_NONE
        if not vouched and not bound:
            raise ImpostorError(
                f"{where} shows a certificate that is neither the one this machine joined with nor the Commander's "
                f"own ({fingerprint_text(seen)}). Someone may be in between; this machine's token was not sent. If "
                "you replaced the certificate of a proxy, join again."
            )
        changed = proof.key != self.key or not vouched
        if proof.key != self.key:
            log.info("the Commander's key was saved", key=proof.key.hex(), before=_hex(self.key))
            self.key = proof.key
        if not vouched:
            log.warning(
                "the Commander has another certificate, and proved that it is its own",
                fingerprint=fingerprint_text(seen),
                before=_hex(self.certificate),
            )
            self.certificate = seen
        return changed


def _succeeds(known: bytes, claimed: bytes, successions: Sequence[Succession]) -> bool:
    """Whether the known key vouched for the claimed one, over any number of keys between."""
    for next_one in successions:
        if is_signed(known, succession_message(next_one.key), next_one.signature):
            known = next_one.key
    return known == claimed


def _hex(data: bytes | None) -> str | None:
    return data.hex() if data is not None else None
