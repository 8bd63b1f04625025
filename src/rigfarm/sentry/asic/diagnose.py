"""Why a device cannot be read: is anybody there at all, does it want another login, or does nobody know it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from rigfarm.sentry.asic.lan_http import LanAnswer, LanHttpError, ask
from rigfarm.sentry.asic.model import Login
from rigfarm.sentry.asic.readers.base import ReadingError

__all__ = ["PORTS", "Front", "first_open_port", "login_refused", "look", "why"]

PORTS = (80, 4028, 4433, 4029, 8889)
"""Where ASICs listen: web pages, cgminer's API and its kin."""
_CONNECT_S = 1.5
_SAYING_S = 3.0
_WEB_PORT = 80
_REALMS = ('realm="antMiner', 'realm="blackMiner', 'realm="Daoge')
"""Of the digest logins of ASICs; a router's or printer's is none of our business."""


@dataclass(frozen=True)
class Front:
    """What an address shows to anybody who knocks."""

    ip: str
    port: int | None
    """A port that is open; None: nobody is there."""
    page: LanAnswer | None = None
    says: bool = True
    """Whether it says anything at all to who knocks; a frozen device takes connections, and that is all."""

    @property
    def text(self) -> str:
        return self.page.text if self.page else ""

    @property
    def challenge(self) -> str:
        return self.page.challenge if self.page else ""


async def first_open_port(ip: str, timeout_s: float = _CONNECT_S) -> int | None:
    """A port of PORTS that takes connections: one after the other, never two at once to one device."""
    for port in PORTS:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(timeout_s):
                _, writer = await asyncio.open_connection(ip, port)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return port
    return None


async def look(ip: str) -> Front:
    """Knock at `ip`, and read its front page if it has one."""
    port = await first_open_port(ip)
    if port is None:
        return Front(ip, None)
    if port != _WEB_PORT:
        return Front(ip, port, says=await _says_something(ip, port))
    try:
        return Front(ip, port, await ask("GET", f"http://{ip}/"))
    except LanHttpError as error:
        return Front(ip, port, says=not isinstance(error.__cause__, TimeoutError))


async def _says_something(ip: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_SAYING_S):
            reader, writer = await asyncio.open_connection(ip, port)
            try:
                writer.write(b'{"command":"version"}\n')
                return bool(await reader.read(1))
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def login_refused(front: Front, login: Login | None) -> bool:
    """Whether the device is of a kind that wants a login for its readings, and refuses this one (or its factory's)."""
    user, password = (login.username, login.password) if login else ("root", "root")
    try:
        if any(realm in front.challenge for realm in _REALMS):
            url = f"http://{front.ip}/cgi-bin/get_system_info.cgi"
            return (await ask("GET", url, digest=(user, password))).status == 401
        if "Braiins OS" in front.text:
            said = {"username": user, "password": password}
            return (await ask("POST", f"http://{front.ip}/api/v1/auth/login", json=said)).status in (401, 403)
    except LanHttpError:
        return False
    return False


async def why(front: Front, login: Login | None) -> ReadingError:
    """The error to show for a device that could not be read."""
    if front.port is None:
        ports = ", ".join(map(str, PORTS))
        return ReadingError("unreachable", f"No answer on ports {ports}: is it on, and is the address right?")
    if not front.says:
        return ReadingError("unreachable", f"It takes connections on port {front.port}, but says nothing.")
    if await login_refused(front, login):
        return ReadingError("wrong-credentials", "It refuses the login: enter the user and password of its web page.")
    return ReadingError(
        "unrecognised", f"Something answers on port {front.port}, but it is no device we know: choose its model."
    )
