"""The address of a Commander: what an operator types, validated."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

__all__ = ["commander_url", "host_of", "link_url"]

_PAGES = frozenset(["rigs", "asics", "playbooks", "software", "addresses", "settings", "commands", "login", "api"])
"""A page's address that is pasted means the Commander whose page it is."""
_EXAMPLE = 'like "https://10.0.0.5:7070" or "https://farm.example.org"'


def commander_url(text: str) -> str:
    """The address in its one form: scheme, host, port when given, path without the last slash.

    ValueError: a sentence that says what would be right.
    """
    text = text.strip()
    if not text:
        raise ValueError(f"The Commander's address is missing: enter one {_EXAMPLE}.")
    parts = _split(text if "://" in text else f"https://{text}")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"The Commander's address begins with https://, {_EXAMPLE}, not {text!r}.")
    if not parts.hostname or any(c.isspace() for c in text):
        raise ValueError(f"{text!r} is not a Commander's address; write it {_EXAMPLE}.")
    if parts.username is not None:
        raise ValueError(f"The Commander's address can't contain a user name; write it {_EXAMPLE}.")
    if not _PAGES.isdisjoint(parts.path.split("/")[1:2]):
        return f"{parts.scheme}://{parts.netloc}"
    if parts.query or parts.fragment:
        raise ValueError(f"The Commander's address can't contain a question mark or #; write it {_EXAMPLE}.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a Commander's address ({error}); write it {_EXAMPLE}.") from None
    return parts


def link_url(url: str) -> str:
    """Where its WebSocket is."""
    return "ws" + url.removeprefix("http") + "/link"


def host_of(url: str) -> str:
    """Host and port, for messages."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
