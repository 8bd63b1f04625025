"""Ranges of addresses: a subnet, or a pattern that the written address is like."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from rigfarm.commander.outbound.addresses import Address, Network, unwrapped
from rigfarm.commander.placing.matching.pattern import Pattern
from rigfarm.commander.refusals import Invalid

__all__ = ["Address", "Range", "inside", "known_address", "read_range"]

Range = Network | Pattern


def read_range(text: str) -> Network | Pattern:
    """What a text stands for: of addresses that carry IPv4 ones, these, as rigs have them. Invalid says what would be
    right."""
    if "{" in text or "*" in text:
        return Pattern.parse(text)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Invalid(
            "Enter a subnet, for example 10.1.2.0/24 or fd00:1::/64, or a pattern such as 10.1.{rack}.{slot}."
        ) from None
    inner = unwrapped(network.network_address)
    length = network.prefixlen - network.max_prefixlen + inner.max_prefixlen
    return network if inner.version == network.version or length < 0 else ipaddress.ip_network((str(inner), length))


def inside(address: Address, wanted: Range) -> dict[str, str] | None:
    """The named parts of an address that lies in the range; None for one that does not."""
    if isinstance(wanted, Pattern):
        return wanted.match(str(address))
    return {} if address in wanted else None


@lru_cache(1 << 14)
def known_address(text: str) -> Address | None:
    """The address that a rig says it has; None where that is none."""
    try:
        return unwrapped(ipaddress.ip_address(text.strip().partition("%")[0]))
    except ValueError:
        return None
