"""What differs between the two kinds of rig, as data: places, words, units, and what such a rig has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import urlencode

from msgspec import Struct

from rigfarm.units import Quantity, counted, efficiency, energy_per_hash

__all__ = ["KINDS", "Kind", "KindName", "kind_at", "kind_named", "paths"]

KindName = Literal["cpu-gpu", "asic"]


class Kind(Struct, frozen=True, kw_only=True):
    """One kind of rig. Code asks for what it needs to know (`has_boards`), never for the kind's name."""

    name: KindName
    path: str
    """Its index; a rig's page is under it."""
    go: str
    """The key that leads to its index, after `g`."""
    title: str
    """Of its index, and in the top bar."""
    one: str
    many: str
    full: str
    """Where both kinds stand side by side."""
    article: str
    example: str
    """What names of such rigs begin with."""
    how: str
    """Who reports for one of them."""
    how_many: str
    """Who reports for many of them."""
    runs_programs: bool
    """A Sentry of its own runs mining programs on it, from playbooks."""
    has_boards: bool
    """Hashboards with chips, and a firmware that mines by itself."""
    efficiency: Callable[[float | None], Quantity]
    """Hashes per joule, as people write it for such rigs."""

    @property
    def page(self) -> str:
        """Its index among the pages of the top bar."""
        return self.path.removeprefix("/")

    def href(self, **params: str) -> str:
        """Its index with these parameters; empty ones are left out."""
        given = {name: text for name, text in params.items() if text}
        return f"{self.path}?{urlencode(given)}" if given else self.path

    def counted(self, number: int) -> str:
        """`1 rig`, `12 ASICs`."""
        return counted(number, self.one)


KINDS: Mapping[KindName, Kind] = {
    "cpu-gpu": Kind(
        name="cpu-gpu",
        path="/rigs",
        go="r",
        title="Rigs",
        one="rig",
        many="rigs",
        full="CPU/GPU rig",
        article="a CPU/GPU rig",
        example="rig",
        how="A Sentry runs on the rig itself.",
        how_many="A Sentry runs on each of them.",
        runs_programs=True,
        has_boards=False,
        efficiency=efficiency,
    ),
    "asic": Kind(
        name="asic",
        path="/asics",
        go="a",
        title="ASICs",
        one="ASIC",
        many="ASICs",
        full="ASIC",
        article="an ASIC",
        example="asic",
        how="One Sentry in its network reads many.",
        how_many="One Sentry in their network reads them all.",
        runs_programs=False,
        has_boards=True,
        efficiency=energy_per_hash,
    ),
}
"""In the order in which they stand on pages."""


def kind_named(name: object) -> Kind:
    """What a form or a query names; the first kind where it names none."""
    return next((kind for kind in KINDS.values() if kind.name == name), KINDS["cpu-gpu"])


def kind_at(path: str) -> Kind:
    """The kind under whose index a page is."""
    return next((kind for kind in KINDS.values() if f"{path}/".startswith(f"{kind.path}/")), KINDS["cpu-gpu"])


def paths(under: str = "") -> list[str]:
    """The same place under each kind's index: one handler serves them all."""
    return [kind.path + under for kind in KINDS.values()]
