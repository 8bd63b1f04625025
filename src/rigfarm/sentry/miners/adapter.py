"""What a plug-in for a mining program is: a value, named `ADAPTER`, in a module of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from rigfarm.sentry.readings import MinerReading

__all__ = ["Answers", "Http", "MinerAdapter", "Request", "Tcp"]

Answers = Mapping[str, bytes]
"""Request name -> the answer's body as it came. An optional request that got no answer is not in it."""


class Http(Struct, frozen=True):
    """One HTTP GET."""

    name: str
    paths: tuple[str, ...]
    """Tried in turn while the program says 404: programs rename their pages between versions."""
    optional: bool = False
    """The reading is worth having without it."""


class Tcp(Struct, frozen=True):
    """Bytes sent over a connection of its own; the answer ends where the program closes, where its JSON is complete,
    or with the `|` or NUL of the cgminer and ccminer protocols."""

    name: str
    payload: bytes
    optional: bool = False


Request = Http | Tcp


class MinerAdapter(Struct, frozen=True, kw_only=True):
    """How to read one mining program."""

    name: str
    """As `adapter` in sentry.toml and in playbooks: lower case, no blanks."""
    software: str
    """The program's name for people."""
    requests: tuple[Request, ...]
    """Asked one after another."""
    parse: Callable[[Answers], MinerReading | None]
    """Pure. Says what the program says in H/s, W, °C, MHz, s; None where the answers are not this program's. It need
    not clean, cap or fill in anything, nor decide a state the program does not tell: `finish` does, for all alike."""
    api_arguments: str
    """Template of the arguments that switch the stats API on at `$API_PORT`, on loopback wherever the program can, and
    the program's own watchdog off: the Sentry supervises."""
    loopback: bool = True
    """False: the program has no option to bind its API to loopback, so the LAN can read it."""
