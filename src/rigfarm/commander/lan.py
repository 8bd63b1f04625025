"""Where this machine is on its LAN, for the join commands of a Commander that was not told its own address."""

from __future__ import annotations

from rigfarm.common.lan import lan_address

__all__ = ["host_for_others"]


def host_for_others(host: str) -> str:
    """How a URL names a server that listens on `host`, for other machines where they can reach it."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return lan_address() or "127.0.0.1"
    return f"[{host}]" if ":" in host else host
