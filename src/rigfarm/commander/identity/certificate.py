"""The certificate that the Commander serves TLS with: its own, made at the first start, or the operator's.

tls/certificate.pem, tls/key.pem    its own; mode 600

Rigs pin its SHA-256, and follow a change that the Commander's key vouches for (`Proof`): it may be renewed at any time.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rigfarm.commander.identity.files import write_private
from rigfarm.commander.identity.key import IdentityError
from rigfarm.commander.settings import Settings
from rigfarm.commander.supervised import Part
from rigfarm.common.lan import lan_address

__all__ = ["Certificate"]

FOLDER = "tls"
VALID = timedelta(days=820)
"""Apple's systems refuse a server's certificate that is valid for longer than 825 days. Rigs do not look at dates."""
RENEW_BEFORE = timedelta(days=60)
CHECK_EVERY_S = 60.0

log = structlog.get_logger()


class Certificate:
    """What is served at this moment. A renewed file is served within a minute, without a restart."""

    def __init__(self, path: Path, key_path: Path, names: list[str] | None) -> None:
        """`names`: those of a certificate of our own, which is renewed; None: the operator looks after it."""
        self.path = path
        self.key_path = key_path
        self.own = names is not None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.context.num_tickets = 1
        self._names = names or []
        self._stamp: tuple[int, ...] = ()
        self.fingerprint = b""
        """SHA-256 of the certificate."""
        self.look()

    @classmethod
    def open(cls, settings: Settings, *, make: bool = True) -> Certificate | None:
        """The operator's certificate; else our own, made when there is none; None without TLS. IdentityError.

        Without `make` there must be one."""
        if settings.tls == "off":
            return None
        if settings.tls_certificate is not None and settings.tls_key is not None:
            return cls(settings.tls_certificate, settings.tls_key, None)
        folder = settings.data_dir / FOLDER
        if not make and not (folder / "certificate.pem").exists():
            raise IdentityError(
                f"There is no certificate in {folder}: a Commander makes it at its first start. If it runs with other "
                "settings, give this command the same ones (--data-dir or --config)."
            )
        return cls(folder / "certificate.pem", folder / "key.pem", _names(settings))

    def look(self) -> None:
        """Make it if it is ours and due, and serve what is on disk now. IdentityError."""
        try:
            if self.own and _is_due(self.path):
                self._make()
            stamp = tuple(part for path in (self.path, self.key_path) for part in _stamp(path))
            if stamp == self._stamp:
                return
            fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(_first_pem(self.path))).digest()
            self.context.load_cert_chain(self.path, self.key_path, password=lambda: "")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise IdentityError(
                f"The certificate {self.path} with the key {self.key_path} cannot be used: {error}. Both must be PEM "
                "files that belong together; the key must not have a passphrase."
            ) from None
        self._stamp, self.fingerprint = stamp, fingerprint

    async def run(self, part: Part) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            part.beat()
            before = self.fingerprint
            try:
                await asyncio.to_thread(self.look)
            except IdentityError as error:
                log.error("the renewed certificate cannot be used; the previous one still is", why=str(error))
            if self.fingerprint != before:
                log.warning("another certificate is served from now on", fingerprint=self.text)

    @property
    def text(self) -> str:
        """The fingerprint as join commands carry it."""
        return f"SHA256:{self.fingerprint.hex()}"

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Rigfarm Commander")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + VALID)
            .add_extension(x509.SubjectAlternativeName([_general_name(one) for one in self._names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # A crash in between leaves a pair that does not fit: `_is_due` sees that, and makes another.
        write_private(self.key_path, pem)
        write_private(self.path, certificate.public_bytes(serialization.Encoding.PEM))


def _is_due(path: Path) -> bool:
    """Whether there is no certificate of ours, or it is about to end, or it does not belong to its key."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        key = serialization.load_pem_private_key(path.with_name("key.pem").read_bytes(), None)
    except FileNotFoundError:
        return True
    now = datetime.now(UTC)
    good = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE
    return not good or certificate.public_key() != key.public_key()


def _first_pem(path: Path) -> str:
    """The server's own certificate is the first of a chain."""
    head, end, _ = path.read_text().partition("-----END CERTIFICATE-----")
    return head[head.find("-----BEGIN") :] + end


def _stamp(path: Path) -> tuple[int, int, int]:
    found: os.stat_result = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _names(settings: Settings) -> list[str]:
    """How people may reach this machine."""
    names = {"localhost", "127.0.0.1", "::1", lan_address() or "127.0.0.1", socket.gethostname()}
    if settings.host not in ("0.0.0.0", "::"):  # noqa: S104 - all addresses are none
        names.add(settings.host)
    if settings.public_url is not None:
        names.add(urlsplit(settings.public_url).hostname or "localhost")
    return sorted(name for name in names if name)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode() if not name.isascii() else name)
