"""Well-known mining programs, as a start for an operator's own entries: adapters and templates, no files or hashes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from rigfarm.commander.mining_software.model import Devices, SoftwareForm

__all__ = ["Program", "catalogue", "program"]


class Program(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known about a program, whatever its version."""

    name: str
    adapter: str
    """Of its stats API, as Sentries call it."""
    executable: str
    devices: Devices
    api_arguments: str
    template: str
    algorithms: list[str]
    """As the program writes them; suggestions, not all there are."""
    releases: str = ""
    """Page where its authors publish versions."""
    dual: bool = False

    def form(self) -> SoftwareForm:
        """What an entry for it begins with."""
        known = {field: value for field, value in asdict(self).items() if field in SoftwareForm.__struct_fields__}
        return SoftwareForm(**known | {"template": self.template.strip()})


class _File(Struct, forbid_unknown_fields=True):
    program: list[Program]


@cache
def catalogue() -> tuple[Program, ...]:
    """All of them, by name."""
    text = (files(__package__) / "data" / "catalogue.toml").read_bytes()
    found = msgspec.toml.decode(text, type=_File).program
    return tuple(sorted(found, key=lambda one: one.name.casefold()))


def program(name: str) -> Program | None:
    """The program of this name, compared without regard to case."""
    return next((one for one in catalogue() if one.name.casefold() == name.strip().casefold()), None)
