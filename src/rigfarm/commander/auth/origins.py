"""Whether a request was made by one of our own pages.

A browser tells which page makes a request (Origin, Sec-Fetch-Site) and no page can forge it. Cookies alone prove
nothing: they are sent along with requests that another site's page makes.
"""

from __future__ import annotations

from litestar.types import Scope

from rigfarm.commander.auth.connection import host_of, is_https
from rigfarm.commander.urls import split_url
from rigfarm.commander.web.headers import header

__all__ = ["Origins"]

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Origins:
    """Judges origins. A page is ours when it comes from the host that the request asks for, or from `public_url`."""

    def __init__(self, public_url: str | None) -> None:
        self._public = public_url

    def refusal(self, scope: Scope) -> str | None:
        """Why this request may not change anything, for a person; None when it was made by a page of ours."""
        origin = header(scope, b"origin").lower()
        fetch_site = header(scope, b"sec-fetch-site").lower()
        if not origin and not fetch_site:
            return "It does not say which page made it (no Origin header). Programs use an API key instead of a login."
        if fetch_site not in ("", "same-origin"):
            return "It was made by a page of another site."
        if origin and not self._ours(scope, origin):
            return (
                f"It was made by a page from {origin}, but came here for {host_of(scope) or 'no host'}. Behind a "
                "reverse proxy: set public_url (RIGFARM_PUBLIC_URL) to what people type into their browser."
            )
        return None

    def foreign(self, scope: Scope) -> str | None:
        """Like `refusal`, but lets programs pass that say nothing of pages: for what needs no login."""
        if header(scope, b"origin") or header(scope, b"sec-fetch-site"):
            return self.refusal(scope)
        return None

    def _ours(self, scope: Scope, origin: str) -> bool:
        if origin == self._public:
            return True
        parts = split_url(origin)
        if parts.scheme not in _DEFAULT_PORTS or not parts.netloc:
            return False
        if is_https(scope, self._public) and parts.scheme != "https":
            return False
        default = _DEFAULT_PORTS[parts.scheme]
        return parts.netloc.removesuffix(default) == host_of(scope).removesuffix(default) != ""
