"""Where a download may lead.

The Commander stands inside a farm's network: what it fetches at an operator's word must not make it knock at doors that
only the inside can reach. So every address is looked at at the moment it is connected to, and not before.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from msgspec import Struct

from rigfarm.commander.outbound.addresses import LAN, Network, in_any, is_public, unwrapped

__all__ = ["LAN", "BadUrlError", "ForbiddenAddressError", "Reach", "check_url"]


class BadUrlError(ValueError):
    """A download URL that cannot be; the text says what would be right."""


class ForbiddenAddressError(OSError):
    """A name leads to an address that must not be connected to."""


class Reach(Struct, frozen=True):
    """Which addresses may be connected to."""

    lan: tuple[Network, ...] = LAN
    """Networks that are allowed where the operator asked for the LAN."""

    def check(self, host: str, address: str, *, lan: bool, plain: bool) -> None:
        """ForbiddenAddressError unless the address is public, or in the LAN and that was asked for.

        `plain`: the connection would not be encrypted, which is for the LAN only.
        """
        found = unwrapped(ipaddress.ip_address(address.partition("%")[0]))
        if in_any(found, self.lan):
            if not lan:
                raise ForbiddenAddressError(
                    f"{host} is {found}, an address of the LAN: tick “from the LAN” if you mean that."
                )
            return
        if not is_public(found):
            raise ForbiddenAddressError(f"{host} is {found}: downloads from there are blocked.")
        if plain:
            raise ForbiddenAddressError(f"{host} is {found}, outside the LAN: only https is allowed there.")


def check_url(url: str, *, lan: bool) -> None:
    """BadUrlError unless it is an https URL, or an http one for the LAN; what the name leads to is seen later."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadUrlError("The URL's port is a number from 1 to 65535.") from None
    if parts.scheme not in ("https", "http"):
        raise BadUrlError("Expected an https URL, for example https://example.org/program-1.0.tar.gz.")
    if parts.scheme == "http" and not lan:
        raise BadUrlError("Only https is allowed: http is for the LAN, and only if you tick “from the LAN”.")
    if not host or port == 0:
        raise BadUrlError("The URL has no host.")
    if parts.username is not None or parts.password is not None:
        raise BadUrlError("Don't put credentials in the URL: it is stored in readable form. Upload the file instead.")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise BadUrlError("The URL contains a space or a special character.")
