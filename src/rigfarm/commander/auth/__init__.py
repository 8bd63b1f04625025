"""Login, sessions, API keys, and the gate that every route stands behind."""

from rigfarm.commander.auth.api import api_routes
from rigfarm.commander.auth.auth import Auth
from rigfarm.commander.auth.gate import require
from rigfarm.commander.auth.headers import harden
from rigfarm.commander.auth.keys import ApiKeys
from rigfarm.commander.auth.limits import RateLimit
from rigfarm.commander.auth.model import ApiKey, Session, Viewer
from rigfarm.commander.auth.pages import routes
from rigfarm.commander.auth.scopes import ACCESS, ANY_KEY, CONFIGURE, ENROL, METRICS, OPERATE, READ
from rigfarm.commander.auth.sessions import Sessions
from rigfarm.commander.noun import Noun
from rigfarm.commander.supervised import DATABASE_S, Work

__all__ = [
    "ACCESS",
    "ANY_KEY",
    "CONFIGURE",
    "ENROL",
    "METRICS",
    "OPERATE",
    "READ",
    "ApiKey",
    "ApiKeys",
    "Auth",
    "RateLimit",
    "Session",
    "Sessions",
    "Viewer",
    "harden",
    "noun",
    "require",
    "routes",
]


def noun(auth: Auth) -> Noun:
    """Its door."""
    return Noun(routes=[*routes, *api_routes], parts=auth.parts, work=[Work("logins", auth.housekeeping, DATABASE_S)])
