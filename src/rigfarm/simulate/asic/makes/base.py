"""What every fake make provides: where it listens, and its answers."""

from __future__ import annotations

import time
from abc import ABC
from collections.abc import Callable
from typing import ClassVar, Literal

from rigfarm.simulate.asic.http import HttpAnswer, HttpRequest
from rigfarm.simulate.asic.recorded import Json
from rigfarm.simulate.asic.state import FakeAsic

__all__ = ["RPC_PORT", "Listens", "Make", "Reply", "error", "success"]

RPC_PORT = 4028
Listens = Literal["rpc", "http"]
Reply = Callable[[bytes], None]


class Make(ABC):
    """One make and firmware. Stateless: all state is the device's own."""

    name: ClassVar[str]
    what: ClassVar[str]
    """For people."""
    ports: ClassVar[dict[int, Listens]]
    login: ClassVar[tuple[str, str]] = ("root", "root")
    """What it ships with."""
    rate: ClassVar[float]
    """H/s as recorded, to check what was read."""

    def rpc(self, asic: FakeAsic, command: str, request: dict[str, Json]) -> Json:
        """The answer to one cgminer command; KeyError for one it does not know."""
        raise KeyError(command)

    def http(self, asic: FakeAsic, request: HttpRequest) -> HttpAnswer:
        """The answer to one HTTP request."""
        return HttpAnswer(404, b"not found")

    def credentials(self, asic: FakeAsic) -> tuple[str, str]:
        """The login that this device takes."""
        user, password = self.login
        return asic.username or user, asic.password if asic.password is not None else password


def success(message: str = "OK", code: int = 7, **more: Json) -> Json:
    """A cgminer answer that says yes."""
    status: Json = [{"STATUS": "S", "When": int(time.time()), "Code": code, "Msg": message, "Description": "cgminer"}]
    return {"STATUS": status, "id": 1, **more}


def error(message: str = "Invalid command", code: int = 14) -> Json:
    """A cgminer answer that says no."""
    status: Json = [{"STATUS": "E", "When": int(time.time()), "Code": code, "Msg": message, "Description": "cgminer"}]
    return {"STATUS": status, "id": 1}
