"""Ask a Commander about a token, once: for `join` and for the token page, so that what is wrong is said at once."""

from __future__ import annotations

import asyncio
import os

from rigfarm.common.commander_url import host_of
from rigfarm.sentry.link.connect import Timings, open_socket
from rigfarm.sentry.link.errors import LinkError
from rigfarm.sentry.link.proof import prove
from rigfarm.sentry.link.session import say_hello
from rigfarm.sentry.link.trust import Trust
from rigfarm.wire.frames import Verdict

__all__ = ["TokenRefusedError", "check_token"]

_TIMINGS = Timings(open_s=8.0, welcome_s=8.0)
_ALL_S = 20.0


class TokenRefusedError(LinkError):
    """The Commander is well, and does not take this token."""


async def check_token(url: str, token: str, trust: Trust) -> Verdict:
    """The rig behind a token; `trust` learns the Commander's key. LinkError says what is wrong, and what to do."""
    try:
        async with asyncio.timeout(_ALL_S):
            async with await open_socket(url, trust, _TIMINGS) as socket:
                signatures = await prove(socket, url, trust, _TIMINGS)
                # A spool of its own, for this connection only: nothing is sent.
                greeting = await say_hello(socket, os.urandom(16), [token], _TIMINGS, signatures)
    except TimeoutError:
        raise LinkError(f"{host_of(url)} takes too long to answer. Try again when it is less busy.") from None
    verdict = greeting.welcome.verdicts[0]
    if verdict.kind == "ok":
        return verdict
    name = f" ({verdict.name})" if verdict.name else ""
    if verdict.kind == "removed":
        raise TokenRefusedError(
            f"The rig of this token{name} was removed from the Commander. Create a new rig there and use its token."
        )
    raise TokenRefusedError(
        f"The Commander at {host_of(url)} does not know this token. Copy all of it again; if you no longer "
        f"have it, create a new one on the rig's page (New token)."
    )
