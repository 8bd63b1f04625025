"""How rigs reach and recognise this Commander: the contents of join commands."""

from __future__ import annotations

import shlex

from msgspec import Struct

__all__ = ["JoinAddress"]


class JoinAddress(Struct, frozen=True):
    """`fingerprint` is `SHA256:…` of the Commander's own certificate; empty when authorities vouch for it, or for the
    proxy before it."""

    url: str
    fingerprint: str = ""

    @property
    def own_certificate(self) -> bool:
        """Whether only the fingerprint vouches for it."""
        return bool(self.fingerprint)

    @property
    def arguments(self) -> str:
        """Of `rigfarm sentry join`, for a shell."""
        words = [self.url]
        if self.fingerprint:
            words += ["--fingerprint", self.fingerprint]
        if self.url.startswith("http:"):
            words.append("--insecure-http")
        return shlex.join(words)

    @property
    def text(self) -> str:
        """For the address field of a Sentry's page, which takes both in one."""
        return f"{self.url} {self.fingerprint}".strip()
