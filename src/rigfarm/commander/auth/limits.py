"""How often somebody may be wrong. Bounded in memory, exact over a sliding window, on the monotonic clock."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address

__all__ = ["LoginLimits", "RateLimit"]


class RateLimit:
    """At most `limit` hits within `per_s` seconds from one address; an IPv6 address counts as its /64 network.

    Remembers `max_addresses`; beyond, the one that was quiet for longest is forgotten.
    """

    def __init__(
        self,
        limit: int,
        per_s: float = 60.0,
        *,
        max_addresses: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit = limit
        self.per_s = per_s
        self._max = max_addresses
        self._clock = clock
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hits)

    def blocked(self, address: str) -> bool:
        """Whether the address has used up its hits."""
        return self.wait_s(address) > 0

    def wait_s(self, address: str) -> float:
        """Seconds until the address may try again; 0 when it may now."""
        hits = self._hits.get(_network(address))
        if hits is None or len(hits) < self.limit:
            return 0.0
        return max(hits[0] + self.per_s - self._clock(), 0.0)

    def hit(self, address: str) -> None:
        """Count one."""
        now = self._clock()
        key = _network(address)
        hits = self._hits.setdefault(key, deque(maxlen=self.limit))
        hits.append(now)
        self._hits.move_to_end(key)
        self._forget_old(now)

    def forgive(self, address: str) -> None:
        """Take the latest hit back: it was none."""
        key = _network(address)
        hits = self._hits.get(key)
        if hits:
            hits.pop()
        if not hits:
            self._hits.pop(key, None)

    def _forget_old(self, now: float) -> None:
        while self._hits:
            key, hits = next(iter(self._hits.items()))
            if hits[-1] + self.per_s > now and len(self._hits) <= self._max:
                return
            del self._hits[key]


class LoginLimits:
    """Wrong passwords: so many from one address, and so many from everybody, a minute.

    The second keeps a thousand addresses from guessing a thousand times as fast. While it is used up nobody new gets
    in; who is logged in does not notice.
    """

    def __init__(self, per_address: int, total: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = RateLimit(per_address, clock=clock)
        self._total = RateLimit(total, clock=clock)

    def wait_s(self, address: str) -> float:
        """Seconds until a password from this address is looked at again; 0: now."""
        return max(self._address.wait_s(address), self._total.wait_s(""))

    def take(self, address: str) -> None:
        """Count an attempt before it is looked at, so that attempts at the same time all count."""
        self._address.hit(address)
        self._total.hit("")

    def forgive(self, address: str) -> None:
        """The attempt was right, or was not looked at."""
        self._address.forgive(address)
        self._total.forgive("")


def _network(address: str) -> str:
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed, 64), strict=False))
