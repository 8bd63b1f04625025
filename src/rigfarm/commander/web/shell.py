"""What stands around every page: which pages there are, and how many rigs need attention."""

from __future__ import annotations

import time

from msgspec import Struct

from rigfarm.common.clock import iso, utc_ms
from rigfarm.units import duration

__all__ = ["AlertCount", "NavItem", "Shell", "Trouble"]


class NavItem(Struct, frozen=True):
    """One page of the top bar. `key` is what a page passes as `active`; `go` the letter after `g` that leads there."""

    key: str
    label: str
    href: str
    sick: int = 0
    go: str = ""


class AlertCount(Struct, frozen=True):
    """How many firing alerts haven't been acknowledged; `tone` is `bad`, `warn` or empty, as the worst of them."""

    number: int = 0
    tone: str = ""
    since_ms: int = 0
    """Since when the newest of them fires, and what it is, for those whom the browser tells."""
    text: str = ""


class Trouble(Struct, frozen=True):
    """A background part that does not do its work at the moment."""

    part: str
    """For people: `roll-outs`."""
    since_ms: int
    stores: bool = False
    """Whether it is what stores logs."""
    why: str = ""

    @property
    def since_iso(self) -> str:
        """For `<time datetime>`."""
        return iso(self.since_ms)

    @property
    def age(self) -> str:
        """For how long by now."""
        return duration(max(time.time() - self.since_ms / 1000, 0))


class Shell(Struct, frozen=True):
    """The frame of a page. A Commander passes a function that makes one as the template global `shell`."""

    nav: tuple[NavItem, ...] = ()
    version: str = ""
    search: str = ""
    """Where the search of the top bar looks; empty: there is none."""
    new: str = ""
    """What the key `n` opens where the page itself has nothing new; empty: nothing."""
    fingerprint: str = ""
    """Of the Commander's own certificate, `SHA256:…`; empty where authorities vouch for it."""
    join_arguments: str = "https://commander.lan:7070"
    """Of `rigfarm sentry join`, for a shell."""
    url: str = "https://commander.lan:7070"
    """How a rig reaches this Commander: in the commands that empty pages show."""

    alerts: AlertCount = AlertCount()
    """The bell."""
    troubles: tuple[Trouble, ...] = ()
    """What of the Commander itself does not work: shown above every page."""

    @property
    def sick(self) -> int:
        """Rigs that need attention: in the tab's title and icon."""
        return sum(item.sick for item in self.nav)

    @property
    def now_ms(self) -> int:
        """The Commander's clock, UTC ms: ages are counted from it, not from the viewer's clock."""
        return utc_ms()
