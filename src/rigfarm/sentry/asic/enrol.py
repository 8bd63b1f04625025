"""Rigs and tokens for many ASICs in one go, from the Commander, with an enrolment key."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Struct

from rigfarm.sentry.asic import clean
from rigfarm.sentry.asic.model import InputError
from rigfarm.sentry.link.errors import LinkError
from rigfarm.wire.tokens import is_token

__all__ = ["EnrolledRig", "WantedRig", "enrol"]

Tls = Callable[[str], ssl.SSLContext | None]

_PER_REQUEST = 200
_TIMEOUT_S = 30.0
_MAX_ANSWER_BYTES = 1 << 20


class WantedRig(Struct, frozen=True):
    """A rig to be made."""

    name: str
    kind: str = "asic"
    mac: str | None = None


class EnrolledRig(Struct, frozen=True):
    """A rig that was made; its token is told this once."""

    id: int
    name: str
    token: str

    def __repr__(self) -> str:
        return f"EnrolledRig(id={self.id}, name={self.name!r})"


class _Answer(Struct):
    rigs: list[EnrolledRig]


class _Problem(Struct):
    title: str = ""
    detail: str = ""


async def enrol(commander: str, key: str, wanted: list[WantedRig], tls: Tls) -> list[EnrolledRig]:
    """Make these rigs in the Commander; they come back in the same order. InputError says what to do.

    `tls`: how the Commander is recognised, see `Trust.context`.

    Big lists go in several requests: if a later one fails, the rigs of the earlier ones come back all the same, so that
    no token is lost.
    """
    base = _checked_url(commander)
    if not key.strip():
        raise InputError("key", "Enter an enrolment key: create one on the Commander's settings page.")
    made: list[EnrolledRig] = []
    async with _client(base, tls) as http:
        for start in range(0, len(wanted), _PER_REQUEST):
            part = wanted[start : start + _PER_REQUEST]
            try:
                made += await _ask(http, f"{base}/api/enrol", key.strip(), part)
            except InputError:
                if not made:
                    raise
                break
    return made


def _checked_url(commander: str) -> str:
    url = urlsplit(commander.strip())
    if url.scheme not in ("http", "https") or not url.hostname:
        raise InputError(
            "commander", "Enter the Commander's address, such as https://farm.example or https://10.0.0.2:7070."
        )
    return commander.strip().rstrip("/")


def _client(url: str, tls: Tls) -> httpx.AsyncClient:
    try:
        context = tls(url)
    except LinkError as error:
        raise InputError("commander", str(error)) from None
    return httpx.AsyncClient(timeout=_TIMEOUT_S, verify=context if context is not None else True)


async def _ask(http: httpx.AsyncClient, url: str, key: str, wanted: list[WantedRig]) -> list[EnrolledRig]:
    body = msgspec.json.encode({"rigs": wanted})
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        response = await http.post(url, content=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise InputError(
            "commander", f"The Commander did not answer ({type(error).__name__}): is its address right?"
        ) from error
    if response.status_code in (401, 403):
        raise InputError("key", "The Commander refuses this enrolment key: it may have expired or been revoked.")
    if response.status_code == 404:
        raise InputError("commander", "There is a web server at this address, but no Commander that enrols rigs.")
    if response.status_code not in (200, 201):
        raise InputError("names", _problem(response))
    return _rigs(response.content, wanted)


def _rigs(body: bytes, wanted: list[WantedRig]) -> list[EnrolledRig]:
    try:
        rigs = msgspec.json.decode(body[:_MAX_ANSWER_BYTES], type=_Answer).rigs
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("commander", "The Commander's answer makes no sense: is its address right?") from error
    if len(rigs) != len(wanted) or not all(is_token(rig.token) for rig in rigs):
        raise InputError("commander", "The Commander's answer does not fit what was asked; nothing was changed here.")
    return rigs


def _problem(response: httpx.Response) -> str:
    try:
        problem = msgspec.json.decode(response.content[:_MAX_ANSWER_BYTES], type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        problem = _Problem()
    said = clean.text(problem.detail or problem.title, 300)
    return said or f"The Commander refused (status {response.status_code})."
