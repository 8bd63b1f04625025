"""The JSON API of codes on stickers."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from rigfarm.commander.codes import MAX_CODE, read_code
from rigfarm.commander.rigs.view import answers
from rigfarm.commander.scan.store import By, CodeIndex
from rigfarm.commander.stats import OperationalStats

__all__ = ["api_routes"]


class FoundRig(Struct):
    """A rig that a code means."""

    rig: answers.RigAnswer
    by: tuple[By, ...]
    """What of the code is the rig's: `mac`, `serial` or `name`"""


class FoundRigs(Struct):
    """Those that a code means, 20 at most."""

    rigs: list[FoundRig]


@get("", summary="The rigs that a code on a sticker means")
async def find_by_code(
    code: Annotated[
        str,
        QueryParameter(
            description=f"A MAC address, a serial number or a rig's name, or a text with one of them in it, of at most "
            f"{MAX_CODE} characters. Case and separators don't matter."
        ),
    ],
    code_index: NamedDependency[CodeIndex],
    stats: NamedDependency[OperationalStats],
) -> FoundRigs:
    """None for a code that no rig has; several where devices share a serial number, 20 at most. A search for `mac:…` or
    `serial:…` finds rigs by a part, too."""
    found = code_index.find(read_code(code))
    return FoundRigs([FoundRig(answers.rig_answer(one.rig, stats.rigs[one.rig.id]), one.by) for one in found])


api_routes = Router("/api/rigs/by-code", route_handlers=[find_by_code], tags=["rigs"])
