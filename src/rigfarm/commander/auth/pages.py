"""The pages about staying in: settings with the API keys, sessions."""

from __future__ import annotations

from datetime import datetime

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.auth.answers import Page, WebRequest, ago, device_cookie, go, left, own_session, signed_out
from rigfarm.commander.auth.auth import Auth
from rigfarm.commander.auth.keys import ApiKeys
from rigfarm.commander.auth.login import login_routes
from rigfarm.commander.auth.model import ApiKey
from rigfarm.commander.auth.scopes import ANY_KEY, MEANINGS, SCOPES, Scope
from rigfarm.commander.auth.sessions import Sessions
from rigfarm.commander.changes import compare, concerns, describe
from rigfarm.commander.refusals import Invalid, Refusal
from rigfarm.commander.web.render import render

__all__ = ["KeyForm", "routes", "settings_view"]


EXPIRIES = {"7": "in 7 days", "30": "in 30 days", "90": "in 90 days", "365": "in a year", "never": "never"}
"""When a new key may expire: days, as the form sends them, and in words."""
DAY_S = 86_400.0


class LabelForm(Struct):
    """Whose browser it is."""

    owner: str = ""


class KeyForm(Struct):
    """What the form for a new API key sends: a box for every scope."""

    name: str = ""
    read: str = ""
    metrics: str = ""
    operate: str = ""
    configure: str = ""
    enrol: str = ""
    access: str = ""
    expires: str = "90"

    @property
    def scopes(self) -> list[Scope]:
        """Those whose box is ticked."""
        return [scope for scope in SCOPES if getattr(self, scope)]

    @property
    def expires_in_s(self) -> float | None:
        """Invalid for what the form does not offer."""
        if self.expires not in EXPIRIES:
            raise Invalid("Choose when the key expires.", field="expires")
        return None if self.expires == "never" else float(self.expires) * DAY_S


@get("/settings", include_in_schema=False)
async def settings_page(request: WebRequest, api_keys: NamedDependency[ApiKeys]) -> Page:
    """API keys; the way to the sessions."""
    return _settings(request, api_keys, KeyForm(read="1"))


@post("/settings/api-keys", status_code=200, include_in_schema=False)
async def create_key(request: WebRequest, api_keys: NamedDependency[ApiKeys], data: URLEncodedBody[KeyForm]) -> Page:
    """Make a key and show it, this once."""
    describe("create API key")
    try:
        key, secret = await api_keys.create(data.name, data.scopes, data.expires_in_s)
    except Refusal as refusal:
        return _settings(request, api_keys, data, status=refusal.status, errors=refusal.fields)
    describe(key=key.name, scopes=",".join(key.scopes), expires=key.expires or "never")
    concerns("key", {key.id: key.name})
    return _settings(request, api_keys, KeyForm(read="1"), made=key, secret=secret)


@post("/settings/api-keys/{key_id:int}/revoke", status_code=200, include_in_schema=False)
async def revoke_key(request: WebRequest, api_keys: NamedDependency[ApiKeys], key_id: FromPath[int]) -> Page:
    """Refuse a key from now on."""
    describe("revoke API key")
    key = await api_keys.revoke(key_id)
    describe(key=key.name, scopes=",".join(key.scopes))
    concerns("key", {key.id: key.name})
    return go("/settings")


@get("/settings/sessions", include_in_schema=False)
async def sessions_page(request: WebRequest, sessions: NamedDependency[Sessions]) -> Page:
    """Who is logged in, from where."""
    return render(request, "sessions.html", sessions=sessions.all(), own=own_session(request), ago=ago)


@post("/settings/sessions/{name:str}/end", status_code=200, include_in_schema=False)
async def end_session(
    request: WebRequest, auth: NamedDependency[Auth], sessions: NamedDependency[Sessions], name: FromPath[str]
) -> Page:
    """Sign one out; that it has ended already is no error."""
    try:
        id_hash = bytes.fromhex(name)
    except ValueError:
        id_hash = b""
    describe("sign out a login")
    sessions.describe(id_hash)
    await sessions.end(id_hash)
    return signed_out(request, auth) if id_hash == own_session(request).id_hash else go("/settings/sessions")


@post("/settings/sessions/{name:str}/label", status_code=200, include_in_schema=False)
async def label_session(
    sessions: NamedDependency[Sessions], name: FromPath[str], data: URLEncodedBody[LabelForm]
) -> Page:
    """Say whose browser it is."""
    describe("label a login")
    try:
        id_hash = bytes.fromhex(name)
    except ValueError:
        id_hash = b""
    before = sessions.describe(id_hash)
    session = await sessions.set_owner(id_hash, data.owner)
    compare({"label": before}, {"label": session.owner})
    return go("/settings/sessions")


@post("/settings/sessions/end-all", status_code=200, include_in_schema=False)
async def end_all_sessions(request: WebRequest, auth: NamedDependency[Auth]) -> Page:
    """Sign out everywhere, here included; only this browser keeps password attempts of its own."""
    ended = await auth.sign_out_everywhere()
    describe("sign out everywhere", sessions=ended)
    answer = signed_out(request, auth)
    answer.set_cookie(device_cookie(request, auth))
    return answer


class WhoAnswer(Struct, omit_defaults=True):
    """Who asks."""

    kind: str
    name: str
    scopes: list[Scope] = []
    """Of an API key."""
    expires_at: datetime | UnsetType = UNSET
    """Of an API key that expires."""


@get("/api/session", opt=ANY_KEY, summary="Who am I?")
async def who(request: WebRequest) -> WhoAnswer:
    """401 when the login has ended: pages ask this when their live connection is refused."""
    key = request.auth.key
    if key is not None:
        return WhoAnswer("api-key", key.name, list(key.scopes), key.expires or UNSET)
    return WhoAnswer("visitor" if request.auth.visitor else "session", own_session(request).label)


routes = [
    *login_routes,
    settings_page,
    create_key,
    revoke_key,
    sessions_page,
    end_session,
    label_session,
    end_all_sessions,
    who,
]


def _settings(request: WebRequest, keys: ApiKeys, form: KeyForm, *, status: int = 200, **context: object) -> Page:
    return render(request, "settings.html", status=status, **settings_view(keys.all(), form, **context))


def settings_view(keys: list[ApiKey], form: KeyForm, **context: object) -> dict[str, object]:
    """What settings.html shows; `context` is what is not as usual."""
    usual = {"made": None, "secret": None, "errors": {}, "scopes": MEANINGS, "expiries": EXPIRIES}
    return usual | {"keys": keys, "form": form, "ago": ago, "left": left} | context
