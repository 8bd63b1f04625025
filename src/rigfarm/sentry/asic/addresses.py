"""Which addresses a scan goes through, and which address a device may have: of the LAN only, and not without end."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network

from rigfarm.sentry.asic.model import InputError

__all__ = ["MAX_ADDRESSES", "lan_address", "parse_range"]

MAX_ADDRESSES = 4096
"""A /20: at the pace of a scan, two minutes."""
_LAN = tuple(
    IPv4Network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
    )
)
_EXAMPLES = "192.168.1.0/24, 192.168.1.10-192.168.1.99, 192.168.1.10-99 or one address"


def lan_address(text: str) -> str:
    """A device's address as it is kept, or InputError."""
    try:
        address = IPv4Address(text.strip())
    except AddressValueError:
        raise InputError("ip", f"“{text.strip()[:60]}” is not an IPv4 address such as 192.168.1.17.") from None
    if not _on_lan(address, address):
        raise InputError("ip", f"{address} is not an address of a LAN: ASICs are read on the local network only.")
    return str(address)


def parse_range(text: str) -> list[str]:
    """The addresses of a scan: networks, ranges and single ones, separated by commas or spaces; or InputError."""
    spans = [_span(part) for part in text.replace(",", " ").split()]
    if not spans:
        raise InputError("range", f"Enter what to scan: {_EXAMPLES}.")
    for first, last in spans:
        if not _on_lan(first, last):
            raise InputError("range", f"{first}-{last} is not on a LAN: only private addresses can be scanned.")
    count = sum(int(last) - int(first) + 1 for first, last in spans)
    if count > MAX_ADDRESSES:
        raise InputError("range", f"That is {count:,} addresses; scan at most {MAX_ADDRESSES:,} at once.")
    hosts = {host for first, last in spans for host in range(int(first), int(last) + 1)}
    return [str(IPv4Address(host)) for host in sorted(hosts)]


def _on_lan(first: IPv4Address, last: IPv4Address) -> bool:
    return any(first in lan and last in lan for lan in _LAN)


def _span(part: str) -> tuple[IPv4Address, IPv4Address]:
    """First and last address of one part; those of a network that can be a device's."""
    try:
        if "/" in part:
            network = IPv4Network(part, strict=False)
            edge = 1 if network.prefixlen < 31 else 0
            return network[edge], network[-1 - edge]
        first, dash, last = part.partition("-")
        start = IPv4Address(first)
        end = start if not dash else IPv4Address(last if "." in last else f"{first.rpartition('.')[0]}.{last}")
        if end < start:
            raise ValueError(part)
    except ValueError:
        raise InputError("range", f"“{part[:60]}” is not a range of addresses: write {_EXAMPLES}.") from None
    return start, end
