"""The JSON API of API keys and logins.

A key can do this with the scope `access`, and never gives more than it has: what it creates has no scope that it lacks,
and does not outlive it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeAlias

from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType, field

from rigfarm.commander.auth.auth import Auth
from rigfarm.commander.auth.gate import require
from rigfarm.commander.auth.keys import ApiKeys
from rigfarm.commander.auth.model import MAX_EXPIRY_S, ApiKey, Session, Viewer
from rigfarm.commander.auth.scopes import ACCESS, Scope
from rigfarm.commander.auth.sessions import Sessions
from rigfarm.commander.changes import compare, concerns, describe
from rigfarm.commander.refusals import Absent, Invalid
from rigfarm.commander.web.paging import LIMIT, After, Limit, one_page
from rigfarm.common.clock import utc_ms

__all__ = ["CreatedKey", "KeyAnswer", "api_routes", "created_key", "key_answer", "only_what_it_may"]

ApiRequest: TypeAlias = Request[Viewer, Viewer, Any]


class NewKey(Struct, forbid_unknown_fields=True):
    """A new API key."""

    name: str
    scopes: list[Scope] = field(default_factory=lambda: list[Scope](["read"]))
    expires_in_s: Annotated[float, Meta(gt=0, le=MAX_EXPIRY_S)] | None = 90 * 86_400.0
    """null: it never expires."""


class KeyAnswer(Struct, omit_defaults=True):
    """An API key; its secret is stored nowhere."""

    id: int
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | UnsetType = UNSET
    """Absent: never."""
    last_used_at: datetime | UnsetType = UNSET
    last_used_from: str | UnsetType = UNSET
    enrolled: int = 0
    """Rigs that were created with it."""


class CreatedKey(KeyAnswer, omit_defaults=True, kw_only=True):
    """A key that was just made, with its secret, which is shown only once."""

    key: str


class LoginAnswer(Struct, omit_defaults=True):
    """A browser that is logged in."""

    id: str
    browser: str
    address: str
    created_at: datetime
    last_used_at: datetime
    own: bool = False
    """It makes this request."""
    visitor: bool = False
    """It sees everything and changes nothing."""
    label: str = ""
    """Whose browser it is, as entries of the activity name it."""


class LoginChange(Struct, forbid_unknown_fields=True):
    """What can be changed of a login."""

    label: str
    """Whose browser it is; empty: unnamed"""


class Ended(Struct):
    """What was ended."""

    logins: int


@get("/api/keys", opt=ACCESS, summary="List API keys", tags=["access"])
async def list_keys(
    request: ApiRequest, api_keys: NamedDependency[ApiKeys], limit: Limit = LIMIT, after: After = ""
) -> Response[list[KeyAnswer]]:
    """Oldest first, expired ones and enrolment keys included."""
    return one_page(request, api_keys.all(), limit, after, key=lambda key: key.id, answer=key_answer)


@post("/api/keys", opt=ACCESS, status_code=201, summary="Create an API key", tags=["access"])
async def create_key(request: ApiRequest, data: JSONBody[NewKey], api_keys: NamedDependency[ApiKeys]) -> CreatedKey:
    """The response contains the key, which is shown only once. A key creates no key with a scope that it lacks, or that
    expires later than itself."""
    describe("create API key")
    only_what_it_may(request.auth, data.scopes, data.expires_in_s)
    key, secret = await api_keys.create(data.name, data.scopes, data.expires_in_s)
    describe(key=key.name, scopes=",".join(key.scopes), expires=key.expires or "never")
    concerns("key", {key.id: key.name})
    return created_key(key, secret)


@delete("/api/keys/{key_id:int}", opt=ACCESS, summary="Revoke an API key", tags=["access"])
async def revoke_key(key_id: FromPath[int], api_keys: NamedDependency[ApiKeys]) -> None:
    """It is refused from now on."""
    describe("revoke API key")
    key = await api_keys.revoke(key_id)
    describe(key=key.name, scopes=",".join(key.scopes))
    concerns("key", {key.id: key.name})


@get("/api/logins", opt=ACCESS, summary="List logins", tags=["access"])
async def list_logins(
    request: ApiRequest, sessions: NamedDependency[Sessions], limit: Limit = LIMIT, after: After = ""
) -> Response[list[LoginAnswer]]:
    """Who is logged in, and from where; the last used first."""
    return one_page(
        request, sessions.all(), limit, after,
        key=lambda one: one.name[:32], answer=lambda one: _login(one, request.auth),
    )  # fmt: skip


@patch("/api/logins/{login_id:str}", opt=ACCESS, summary="Say whose browser a login is", tags=["access"])
async def change_login(
    request: ApiRequest, login_id: FromPath[str], data: JSONBody[LoginChange], sessions: NamedDependency[Sessions]
) -> LoginAnswer:
    """Its changes are in the activity under this label."""
    describe("label a login")
    before = sessions.describe(_hash_of(login_id))
    session = await sessions.set_owner(_hash_of(login_id), data.label)
    compare({"label": before}, {"label": session.owner})
    return _login(session, request.auth)


@delete("/api/logins/{login_id:str}", opt=ACCESS, summary="End a login", tags=["access"])
async def end_login(login_id: FromPath[str], sessions: NamedDependency[Sessions]) -> None:
    """At once: its pages close within a second."""
    describe("sign out a login")
    id_hash = _hash_of(login_id)
    sessions.describe(id_hash)
    if not await sessions.end(id_hash):
        raise Absent("This login does not exist, or has ended.")


@delete("/api/logins", opt=ACCESS, status_code=200, summary="End all logins", tags=["access"])
async def end_logins(auth: NamedDependency[Auth]) -> Ended:
    """Everyone has to log in again."""
    ended = await auth.sign_out_everywhere()
    describe("sign out everywhere", sessions=ended)
    return Ended(ended)


api_routes = [list_keys, create_key, revoke_key, list_logins, change_login, end_login, end_logins]


def _hash_of(login_id: str) -> bytes:
    """Of a login; empty where none has this id."""
    try:
        return bytes.fromhex(login_id)
    except ValueError:
        return b""


def _login(session: Session, viewer: Viewer) -> LoginAnswer:
    return LoginAnswer(
        session.name,
        session.label,
        session.address,
        session.created,
        session.last_used,
        own=session is viewer.session,
        visitor=session.visitor,
        label=session.owner,
    )


def only_what_it_may(viewer: Viewer, scopes: list[Scope], expires_in_s: float | None) -> None:
    """A key must not raise its own scopes by way of another key, nor live on in it. A login may give everything."""
    for scope in scopes:
        require(viewer, scope)
    if viewer.key is None or viewer.key.expires_at is None:
        return
    if expires_in_s is None or utc_ms() + expires_in_s * 1000 > viewer.key.expires_at:
        raise Invalid("A key cannot create one that expires later than itself: choose an earlier end.", field="expires")


def key_answer(key: ApiKey) -> KeyAnswer:
    """Without its secret, which nothing has."""
    return KeyAnswer(**_fields(key))  # type: ignore[arg-type]  # a dict of fields of many types


def created_key(key: ApiKey, secret: str) -> CreatedKey:
    """With its secret, this once."""
    return CreatedKey(**_fields(key), key=secret)  # type: ignore[arg-type]  # a dict of fields of many types


def _fields(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": key.created,
        "expires_at": key.expires or UNSET,
        "last_used_at": key.last_used or UNSET,
        "last_used_from": key.last_used_from or UNSET,
        "enrolled": key.enrolled,
    }
