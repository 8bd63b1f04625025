"""Where the broker is, under which topics everything is, and the limits."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from rigfarm.commander.settings import Settings

__all__ = ["MAX_INCOMING", "OFFLINE", "ONLINE", "Broker", "Topics", "slug"]

ONLINE, OFFLINE = b"online", b"offline"
"""Availability, as Home Assistant expects it by default."""
MAX_INCOMING = 64 << 10
"""Bytes of one packet from the broker. Nothing that is understood comes near it."""
MAX_ID_DIGITS = 18
PORTS = {"mqtt": 1883, "mqtts": 8883}
_OTHER = re.compile(r"[^a-z0-9]+")


class Broker(Struct, frozen=True, kw_only=True):
    """Where it is, and how to log in."""

    host: str
    port: int
    tls: bool
    ca: Path | None = None
    username: str | None = None
    password: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Broker:
        """As set."""
        return cls.of_url(settings.mqtt_url or "", settings.mqtt_ca)

    @classmethod
    def of_url(cls, url: str, ca: Path | None) -> Broker:
        """Of a URL that was checked when the settings were read."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            tls=parts.scheme == "mqtts",
            ca=ca,
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Broker({self})"


class Topics(Struct, frozen=True):
    """All topics of one Commander: under its prefix, and the discovery's."""

    prefix: str
    discovery: str = ""
    """Empty: nothing is announced."""

    @property
    def namespace(self) -> str:
        """What ids in Home Assistant begin with; never that of another Commander at the same broker."""
        return slug(self.prefix)

    @property
    def status(self) -> str:
        """Whether the Commander is there; its last will."""
        return f"{self.prefix}/status"

    @property
    def farm(self) -> str:
        """The farm's totals."""
        return f"{self.prefix}/farm/state"

    @property
    def farm_config(self) -> str:
        """Announces the farm as a device."""
        return f"{self.discovery}/device/{self.namespace}/config"

    @property
    def every_availability(self) -> str:
        """All rigs' at once, to subscribe to."""
        return f"{self.prefix}/rig/+/availability"

    @property
    def every_command(self) -> str:
        """All rigs' at once, to subscribe to."""
        return f"{self.prefix}/rig/+/command"

    def state(self, rig_id: int) -> str:
        """What a rig does."""
        return f"{self.prefix}/rig/{rig_id}/state"

    def availability(self, rig_id: int) -> str:
        """Whether its figures are known."""
        return f"{self.prefix}/rig/{rig_id}/availability"

    def command(self, rig_id: int) -> str:
        """Where its commands are sent to."""
        return f"{self.prefix}/rig/{rig_id}/command"

    def config(self, rig_id: int) -> str:
        """Announces a rig as a device."""
        return f"{self.discovery}/device/{self.namespace}_{rig_id}/config"

    def parse(self, topic: str) -> tuple[int, str] | None:
        """(rig's id, last word) of a rig's topic; None for any other."""
        head, _, rest = topic.partition(f"{self.prefix}/rig/")
        number, _, word = rest.partition("/")
        if head or not 0 < len(number) <= MAX_ID_DIGITS or not (number.isascii() and number.isdigit()):
            return None
        return (int(number), word) if number == str(int(number)) and word in ("availability", "command") else None


def slug(text: str) -> str:
    """Lower-case letters, digits and underscores, as ids in Home Assistant have them."""
    return _OTHER.sub("_", text.lower()).strip("_") or "x"
