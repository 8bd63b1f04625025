"""How often a client may be wrong. Bounded in memory, exact over a sliding window, on the monotonic clock."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address

__all__ = ["Attempts", "LoginLimits", "RateLimit"]

DEVICE_ATTEMPTS = 10
DEVICE_PER_S = 600.0
"""Wrong passwords that one device cookie has of its own, in so many s; beyond, its browser is a stranger."""
_ALL = "all"


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


class Attempts:
    """What a wrong password counts with: one limit, or several at once."""

    def __init__(self, *counted: tuple[RateLimit, str], known: bool = False) -> None:
        self._counted = counted
        self.known = known
        """Whether they belong to a browser that has logged in before."""

    def wait_s(self) -> float:
        """Seconds until the next password is looked at; 0: now."""
        return max(limit.wait_s(key) for limit, key in self._counted)

    def take(self) -> None:
        """Count one before it is looked at, so that attempts at the same time all count."""
        for limit, key in self._counted:
            limit.hit(key)

    def forgive(self) -> None:
        """The attempt was right, or was not looked at."""
        for limit, key in self._counted:
            limit.forgive(key)


class LoginLimits:
    """Wrong passwords: so many from one address, and so many from all strangers together, a minute.

    The second keeps a thousand addresses from guessing a thousand times as fast. A browser that has logged in before is
    no stranger: while its device cookie has attempts left, it counts with neither.
    """

    def __init__(self, per_address: int, total: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = RateLimit(per_address, clock=clock)
        self._total = RateLimit(total, clock=clock)
        self._device = RateLimit(DEVICE_ATTEMPTS, DEVICE_PER_S, clock=clock)

    def of(self, address: str, device: str | None = None) -> Attempts:
        """The attempts of who asks from this address, with this device cookie's nonce."""
        if device is not None and not self._device.blocked(device):
            return Attempts((self._device, device), known=True)
        return Attempts((self._address, address), (self._total, _ALL))

    @property
    def all_blocked(self) -> bool:
        """Whether strangers have used up what they have together."""
        return self._total.blocked(_ALL)


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
