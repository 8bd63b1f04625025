"""A device of this LAN as its Sentry keeps it, and what states it can be in."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from rigfarm.wire.frames import VerdictKind

__all__ = ["MODELS", "STATE_WORDS", "Device", "DeviceState", "Identity", "InputError", "Login", "ReaderName"]

DeviceState = Literal[
    "new", "reading", "unreachable", "wrong-credentials", "unrecognised", "id-mismatch", "token-invalid"
]
STATE_WORDS: dict[DeviceState, str] = {
    "new": "not read yet",
    "reading": "reading",
    "unreachable": "unreachable",
    "wrong-credentials": "wrong credentials",
    "unrecognised": "model not recognised",
    "id-mismatch": "ID mismatch",
    "token-invalid": "token invalid",
}

ReaderName = Literal["auto", "iceriver", "pyasic"]
MODELS: dict[ReaderName, str] = {
    "auto": "Recognise it (Antminer, Whatsminer, Avalon, Auradine, Bitaxe, …)",
    "iceriver": "IceRiver",
    "pyasic": "Other: Goldshell, Innosilicon, Hammer, … (through pyasic)",
}
"""Which reader an operator may choose where recognising fails."""


class InputError(ValueError):
    """What an operator entered cannot be; `field` is where, the text says what would be right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class Login(Struct, frozen=True):
    """Credentials of one device. They are kept here and sent to that device, nowhere else, and never logged."""

    username: str
    password: str

    def __repr__(self) -> str:
        return "Login(…)"


class Identity(Struct, frozen=True):
    """By what a device is known when its address changes."""

    mac: str | None = None
    serial: str | None = None

    def differs_from(self, other: Identity) -> bool:
        """Whether these are surely two devices: both have told the same kind of name, and the names differ."""
        if self.mac and other.mac:
            return self.mac != other.mac
        return bool(self.serial and other.serial and self.serial != other.serial)

    def is_same_as(self, other: Identity) -> bool:
        """Whether these are surely one device."""
        if self.mac and other.mac:
            return self.mac == other.mac
        return bool(self.serial and other.serial and self.serial == other.serial)

    @property
    def names(self) -> list[str]:
        """Those that it has told."""
        return [name for name in (self.mac, self.serial) if name]

    def __bool__(self) -> bool:
        return bool(self.names)

    def __str__(self) -> str:
        return self.mac or self.serial or "unknown"


class Device(Struct, frozen=True):
    """One ASIC of the list."""

    id: int
    ip: str
    name: str | None = None
    token: str | None = None
    login: Login | None = None
    """None: what the make ships with."""
    model: ReaderName = "auto"
    coin: str | None = None
    """What it mines, where the algorithm alone leaves a doubt."""
    identity: Identity = Identity()
    make: str | None = None
    variant: str | None = None
    firmware: str | None = None
    verdict: VerdictKind | None = None
    """What the Commander last said of the token; `removed` is for ever, `unknown` until the token is entered again."""

    def __repr__(self) -> str:
        return f"Device(id={self.id}, ip={self.ip!r}, name={self.name!r}, identity={self.identity!s})"

    @property
    def token_invalid(self) -> bool:
        return self.verdict in ("removed", "unknown")
