"""What a file of another product contains, and the plan that comes of it."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec
from msgspec import Struct

from rigfarm.commander.addresses import AddressForm
from rigfarm.commander.kinds import KindName
from rigfarm.commander.mining_software import SoftwareForm
from rigfarm.commander.playbooks import PlaybookForm
from rigfarm.commander.playbooks.model import Slot

__all__ = [
    "SOURCES",
    "EditRig",
    "Found",
    "FoundItem",
    "FoundRig",
    "FoundSheet",
    "FoundWallet",
    "Line",
    "NewAddress",
    "NewPlaybook",
    "NewRig",
    "NewSoftware",
    "Outcome",
    "Plan",
    "Refused",
    "Result",
    "Source",
    "Step",
    "What",
]

Source = Literal["hiveos", "awesome-miner", "foreman"]
SOURCES: dict[Source, str] = {"hiveos": "HiveOS", "awesome-miner": "Awesome Miner", "foreman": "Foreman"}
"""Where people come from, by their names."""
What = Literal["wallet", "pool", "software", "playbook", "rig"]
Outcome = Literal["create", "change", "skip", "refuse"]


# What was read


class FoundWallet(Struct, frozen=True):
    """A wallet of a file."""

    where: str
    """For people: `wallet 3`, `row 17`."""
    key: str
    """What flight sheets call it."""
    name: str
    coin: str
    wallet: str


class FoundSheet(Struct, frozen=True):
    """One program of a flight sheet, with its settings as Rigfarm writes them."""

    where: str
    name: str
    program: str
    """As the catalogue calls it."""
    version: str
    """Empty: the file names none."""
    slot: Slot
    coin: str
    algorithm: str
    pool: str
    """Its name."""
    urls: list[str]
    wallet: str
    """Its key; empty where none is needed."""
    template: str
    warnings: list[str]


class FoundRig(Struct, frozen=True):
    """A rig of a file."""

    where: str
    name: str
    kind: KindName
    ip: str = ""
    mac: str = ""
    """Twelve hexadecimal digits."""
    place: str = ""
    tags: tuple[str, ...] = ()
    warnings: list[str] = []


class Refused(Struct, frozen=True):
    """Something that cannot be taken over."""

    where: str
    what: What
    name: str
    why: str


FoundItem = FoundWallet | FoundSheet | FoundRig | Refused


class Found(Struct, frozen=True):
    """All that files contain."""

    source: Source
    items: list[FoundItem]
    notes: list[str]
    """What to know about the files as a whole, in sentences."""


# What would be done


class NewAddress(Struct, frozen=True, tag="address"):
    """A pool or wallet. Until it exists, it is known by a negative number."""

    stand_in: int
    form: AddressForm


class NewSoftware(Struct, frozen=True, tag="software"):
    """Mining software, without its file."""

    stand_in: int
    form: SoftwareForm


class NewPlaybook(Struct, frozen=True, tag="playbook"):
    """A playbook; what it refers to may not exist yet."""

    form: PlaybookForm


class NewRig(Struct, frozen=True, tag="rig"):
    """A rig, which waits for its Sentry."""

    name: str
    kind: KindName
    ip: str
    place: str
    tags: tuple[str, ...]


class EditRig(Struct, frozen=True, tag="edit"):
    """Another name or place, or more tags, for a rig that is as it says here."""

    rig_id: int
    name: str
    place: str
    tags: tuple[str, ...]
    new_name: str
    new_place: str
    more_tags: tuple[str, ...]


Step = NewAddress | NewSoftware | NewPlaybook | NewRig | EditRig


class Line(Struct, frozen=True, omit_defaults=True):
    """What would become of one thing."""

    where: str
    """Where in the files it is."""
    what: What
    name: str
    outcome: Outcome
    detail: str = ""
    why: str = ""
    """Why nothing is done."""
    warnings: list[str] = []


class Plan(Struct, frozen=True):
    """What accepting files would do: nothing else, and nothing before."""

    source: Source
    notes: list[str]
    lines: list[Line]
    steps: dict[int, Step]
    """By the number of their line."""

    @property
    def digest(self) -> str:
        """What an operator accepts: it is another once anything of it is."""
        return hashlib.sha256(msgspec.json.encode((self.source, self.lines, list(self.steps.items())))).hexdigest()


class Result(Struct, frozen=True):
    """What became of a line."""

    done: bool
    error: str = ""
    href: str = ""
    token: str = ""
    """Of a new rig; shown this once."""
