"""What an API key may do. Every route of the API says which scope it needs, in one way: `opt=OPERATE`.

A route that declares nothing can be read with the scope `read`; if it changes something, no key opens it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from rigfarm.commander.refusals import Invalid

__all__ = [
    "ACCESS",
    "ANY_KEY",
    "CONFIGURE",
    "ENROL",
    "MEANINGS",
    "METRICS",
    "OPERATE",
    "READ",
    "SAFE_METHODS",
    "SCOPES",
    "Needed",
    "Scope",
    "changes_something",
    "checked_scopes",
    "grants",
    "in_words",
    "needed_scope",
    "repeatable",
]

Scope = Literal["read", "metrics", "operate", "configure", "enrol", "access"]
Needed = Literal["read", "metrics", "operate", "configure", "enrol", "access", "any"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

MEANINGS: Mapping[Scope, str] = MappingProxyType(
    {
        "read": "See rigs, statistics and configuration. Changes nothing.",
        "metrics": "Read /metrics, for Prometheus. The scope read includes it.",
        "operate": "Apply, start and stop playbooks; restart and reboot rigs.",
        "configure": "Change rigs and their tokens, playbooks, mining software, pools and wallets.",
        "enrol": "Create rigs and receive their tokens, as an ASIC Sentry does.",
        "access": "List and revoke keys, create keys that can do no more than this one; list and end logins.",
    }
)
"""One sentence each, for the settings page, the command line and the API's documentation."""

READ: dict[str, Any] = {"scope": "read"}
"""A POST that only looks: it changes nothing, so no line about it is logged either."""
METRICS: dict[str, Any] = {"scope": "metrics", "api_key": True}
"""A page for programs outside /api/."""
OPERATE: dict[str, Any] = {"scope": "operate"}
CONFIGURE: dict[str, Any] = {"scope": "configure"}
ENROL: dict[str, Any] = {"scope": "enrol"}
ACCESS: dict[str, Any] = {"scope": "access"}
ANY_KEY: dict[str, Any] = {"scope": "any"}


def needed_scope(method: str, opt: Mapping[str, Any]) -> Needed | None:
    """The scope that a key needs for a route; None: no key opens it."""
    declared: Needed | None = opt.get("scope")
    return declared or ("read" if method in SAFE_METHODS else None)


def grants(held: Collection[Scope], needed: Needed) -> bool:
    """Whether a key with these scopes may do what needs this one. No scope includes another, but for one: metrics are
    some of what `read` reads."""
    return needed == "any" or needed in held or (needed == "metrics" and "read" in held)


def changes_something(method: str, opt: Mapping[str, Any]) -> bool:
    """Whether a request of this method to a route changes anything."""
    return method not in SAFE_METHODS and opt.get("scope") != "read"


def repeatable(path: str, method: str, opt: Mapping[str, Any]) -> bool:
    """Whether a request takes an `Idempotency-Key`: every POST of the API that changes something, but those of rigs'
    own agents."""
    own = method == "POST" and path.startswith("/api/") and opt.get("open") is not True
    return own and changes_something(method, opt)


def checked_scopes(names: Iterable[str]) -> tuple[Scope, ...]:
    """Scopes by name, each once, in their usual order; Invalid when one is unknown or there is none."""
    wanted = set(names)
    unknown = wanted - set(SCOPES)
    if unknown:
        raise Invalid(f"Unknown scope {min(unknown)[:32]}: choose from {', '.join(SCOPES)}.", field="scopes")
    if not wanted:
        raise Invalid("Choose at least one scope.", field="scopes")
    return tuple(scope for scope in SCOPES if scope in wanted)


def in_words(scopes: Iterable[Scope]) -> str:
    """`read and operate`, for people."""
    *most, last = scopes
    return f"{', '.join(most)} and {last}" if most else last
