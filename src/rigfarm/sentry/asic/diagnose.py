"""Why a device cannot be read: is anything there at all, does it want another login, or is it unknown."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from rigfarm.sentry.asic.lan_http import LanAnswer, LanHttpError, ask
from rigfarm.sentry.asic.model import Login
from rigfarm.sentry.asic.readers.base import ReadingError

__all__ = ["PORTS", "Front", "Knock", "knock", "login_refused", "look", "why"]

PORTS = (80, 4028, 4433, 4029, 8889, 443)
"""Where ASICs listen: web pages, cgminer's API and its kin, and pages by HTTPS only."""
_CONNECT_S = 1.5
_SAYING_S = 3.0
_WEB_PORT = 80
_TLS_PORT = 443
_REALMS = ('realm="antMiner', 'realm="blackMiner', 'realm="Daoge')
"""Of the digest logins of ASICs; a router's or printer's is none of our business."""


@dataclass(frozen=True)
class Front:
    """What an address shows to anyone who knocks."""

    ip: str
    port: int | None
    """A port that is open; None: nothing is there."""
    page: LanAnswer | None = None
    says: bool = True
    """Whether it says anything at all to who knocks; a frozen device takes connections, and that is all."""
    secure: bool = False
    """Its pages are to be had by HTTPS only: no login may be sent without."""

    @property
    def url(self) -> str:
        """Where its pages are, without a slash at the end."""
        return f"{'https' if self.secure else 'http'}://{self.ip}"

    @property
    def text(self) -> str:
        return self.page.text if self.page else ""

    @property
    def challenge(self) -> str:
        return self.page.challenge if self.page else ""


class Knock(NamedTuple):
    """What came of knocking at an address."""

    port: int | None
    """A port of PORTS that took a connection."""
    silent: bool
    """Nothing was heard from one of its ports, not even a refusal: nothing is there, or it is slow."""


async def knock(ip: str, timeout_s: float = _CONNECT_S) -> Knock:
    """Look for a port of PORTS that takes connections: one after the other, never two at once to one device."""
    silent = False
    for port in PORTS:
        try:
            async with asyncio.timeout(timeout_s):
                _, writer = await asyncio.open_connection(ip, port)
        except TimeoutError:
            silent = True
        except OSError:
            pass
        else:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return Knock(port, silent)
    return Knock(None, silent)


async def look(ip: str) -> Front:
    """Knock at `ip`, and read its front page if it has one."""
    port = (await knock(ip)).port
    if port is None:
        return Front(ip, None)
    if port not in (_WEB_PORT, _TLS_PORT):
        return Front(ip, port, says=await _says_something(ip, port))
    secure = port == _TLS_PORT
    try:
        if not secure:
            page = await ask("GET", f"http://{ip}/")
            if not page.wants_tls:
                return Front(ip, port, page)
            secure = True
        return Front(ip, port, await ask("GET", f"https://{ip}/"), secure=True)
    except LanHttpError as error:
        return Front(ip, port, says=secure or not isinstance(error.__cause__, TimeoutError), secure=secure)


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
            url = f"{front.url}/cgi-bin/get_system_info.cgi"
            return (await ask("GET", url, digest=(user, password))).status == 401
        if "Braiins OS" in front.text:
            said = {"username": user, "password": password}
            return (await ask("POST", f"{front.url}/api/v1/auth/login", json=said)).status in (401, 403)
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
        "unrecognised", f"Something answers on port {front.port}, but the device is not recognised: choose its model."
    )
