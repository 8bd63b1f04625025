"""IceRiver (KS, AL and other series): our own small reader, for pyasic_rs 0.8 has none.

Some firmwares send everybody to HTTPS: from then on everything goes there, and a login never goes elsewhere.
"""

from __future__ import annotations

from rigfarm.sentry.asic.answer import DeviceAnswer
from rigfarm.sentry.asic.diagnose import Front
from rigfarm.sentry.asic.lan_http import LanAnswer, LanHttpError, ask
from rigfarm.sentry.asic.model import Login
from rigfarm.sentry.asic.readers.base import ReadingError, Refused, Scope
from rigfarm.sentry.asic.readers.iceriver_panel import NotAPanel, nature_of, parse_panel
from rigfarm.wire.commands import Command, Locate

__all__ = ["FACTORY_LOGIN", "IceRiverReader", "identify", "looks_like_iceriver"]

FACTORY_LOGIN = Login("admin", "12345678")
_TITLES = ("用户界面", "iceriver")
"""In the title of its page: "user interface"."""


def looks_like_iceriver(page: str) -> bool:
    """Whether this is the front page of an IceRiver."""
    head = page[:4000].lower()
    return any(title in head for title in _TITLES)


async def identify(front: Front, login: Login | None) -> IceRiverReader:
    """A reader for the IceRiver with this front page, or ReadingError."""
    reader = IceRiverReader(front.ip, login, secure=front.secure)
    reader.nature = nature_of(await reader.read(Scope.WHOLE))
    return reader


class IceRiverReader:
    """One IceRiver. Its panel is one page, so every reading is a whole one."""

    def __init__(self, ip: str, login: Login | None, *, secure: bool = False) -> None:
        self.nature = nature_of(DeviceAnswer())
        self._ip = ip
        self._secure = secure
        self._login = login or FACTORY_LOGIN
        self._cookie = ""

    async def read(self, scope: Scope) -> DeviceAnswer:
        try:
            answer = await self._panel("4")
            try:
                return parse_panel(answer.body)
            except NotAPanel:  # some firmwares want a login first, and again when it has run out
                await self._log_in()
            return parse_panel((await self._panel("4")).body)
        except LanHttpError as error:
            raise ReadingError("unreachable", f"Its web page failed: {error}.") from error
        except NotAPanel as error:
            raise ReadingError("unreachable", "Its web page answers, but not with what an IceRiver says.") from error

    async def obey(self, command: Command) -> None:
        if not isinstance(command, Locate):
            raise Refused("An IceRiver can only be located from here.")
        try:
            answer = await self._panel("5", locate="1" if command.on else "0")
        except LanHttpError as error:
            raise Refused(f"Its web page failed: {error}.") from error
        if answer.status != 200:
            raise Refused(f"It answered with status {answer.status}.")

    def close(self) -> None:
        """Nothing is kept open."""

    async def _panel(self, post: str, **more: str) -> LanAnswer:
        form = {"post": post, **more}
        answer = await ask("POST", f"{self._url}/userpanel", form=form, cookie=self._cookie)
        if not answer.wants_tls or self._secure:
            return answer
        self._secure, self._cookie = True, ""
        return await ask("POST", f"{self._url}/userpanel", form=form)

    @property
    def _url(self) -> str:
        return f"{'https' if self._secure else 'http'}://{self._ip}/user"

    async def _log_in(self) -> None:
        if not self._secure:
            self._secure = (await ask("GET", f"http://{self._ip}/")).wants_tls
        form = {"post": "6", "user": self._login.username, "pwd": self._login.password}
        answer = await ask("POST", f"{self._url}/loginpost", form=form)
        if answer.status != 200 or b'"error":0' not in answer.body.replace(b" ", b""):
            raise ReadingError(
                "wrong-credentials", "It refuses the login: enter the user and password of its web page."
            )
        self._cookie = answer.cookie
