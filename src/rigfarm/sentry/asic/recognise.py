"""Which reader a device gets: pyasic_rs, else ours for IceRiver, else pyasic. One of them, never two."""

from __future__ import annotations

from rigfarm.sentry.asic.diagnose import look, why
from rigfarm.sentry.asic.model import Login, ReaderName
from rigfarm.sentry.asic.readers import iceriver, library
from rigfarm.sentry.asic.readers.base import Reader, ReadingError
from rigfarm.sentry.asic.readers.pyasic import PyasicWorker

__all__ = ["Recogniser"]


class Recogniser:
    """Finds the reader for a device. Keeps the one pyasic worker that all devices of rare makes share."""

    def __init__(self, worker: PyasicWorker | None = None) -> None:
        self._worker = worker or PyasicWorker()

    async def recognise(self, ip: str, login: Login | None, model: ReaderName = "auto") -> Reader:
        """A reader for a device that its operator says is an ASIC, or ReadingError with the reason."""
        match model:
            case "iceriver":
                return await iceriver.identify(await look(ip), login)
            case "pyasic":
                return await self._worker.identify(ip, await _in_plain_text(ip, login))
        try:
            return await self.recognise_stranger(ip, login)
        except ReadingError as reason:
            if reason.state != "unrecognised":
                raise
            try:
                return await self._worker.identify(ip, await _in_plain_text(ip, login))
            except ReadingError as error:
                raise reason from error

    async def recognise_stranger(self, ip: str, login: Login | None = None) -> Reader:
        """A reader for whatever a scan came across. Only asked what harms no router or printer."""
        known = await library.identify(ip, await _in_plain_text(ip, login))
        if known is not None:
            return known
        front = await look(ip)
        if iceriver.looks_like_iceriver(front.text):
            return await iceriver.identify(front, login)
        raise await why(front, login)

    async def close(self) -> None:
        """End the worker, if there is one."""
        await self._worker.close()


async def _in_plain_text(ip: str, login: Login | None) -> Login | None:
    """The login, unless the device's pages are to be had by HTTPS only: the libraries try theirs without."""
    return None if login is None or (await look(ip)).secure else login
