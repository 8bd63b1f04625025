"""A rule that places rigs: which rigs it is about, by address or name, and where those belong. Times are UTC ms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Struct

from rigfarm.commander.fields import form_field
from rigfarm.commander.names import clean_line, clean_name
from rigfarm.commander.placing.matching.addresses import read_range
from rigfarm.commander.placing.matching.pattern import MAX_PATTERN, Pattern, fill, parts_in
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.model import MAX_TAG, MAX_TAGS, clean_place, clean_tags
from rigfarm.common.text import printable

__all__ = ["MAX_RULES", "WHICH", "OfKind", "PlacingForm", "PlacingRule", "Which"]

MAX_RULES = 200
MAX_TEMPLATE = 200
"""Characters of a place with its parts in braces."""
OfKind = Literal["any", "cpu-gpu", "asic"]
Which = Literal["without-place", "placed-by-rules", "all"]
WHICH: Mapping[Which, str] = {
    "without-place": "Rigs without a place",
    "placed-by-rules": "Also rigs that a rule placed",
    "all": "All rigs, also those placed by hand",
}
"""Which rigs a plan may move."""


def _name(text: str, _: object) -> str:
    return clean_name(text, "A rule", "racks of hall 1")


def _address(text: str, _: object) -> str:
    text = clean_line(text, "address", "An address", MAX_PATTERN)
    found = read_range(text) if text else ""
    return found.text if isinstance(found, Pattern) else str(found)


def _pattern(text: str, form: PlacingForm) -> str:
    text = " ".join(clean_line(text, "pattern", "A pattern", MAX_PATTERN).split())
    if not text and not form.address.strip():
        raise Invalid("Say which rigs: by a pattern of their names, by their address, or by both.")
    return Pattern.parse(text).text if text else ""


def _place(text: str, form: PlacingForm) -> str:
    text = clean_line(text, "place", "A place", MAX_TEMPLATE)
    known = _parts(form)
    if twice := next((one for one in known if known.count(one) > 1), ""):
        raise Invalid(f"{{{twice}}} is in the name and in the address: give one of them another name.")
    if (unknown := next((one for one in parts_in(text) if one not in known), None)) is not None:
        said = ", ".join(f"{{{one}}}" for one in known) or "none, because neither name nor address has parts in braces"
        raise Invalid(f"{{{printable(unknown, '?', most=20)}}} is not a part of this rule. Its parts: {said}.")
    if not clean_place(fill(text, dict.fromkeys(known, "1"))):
        raise Invalid("Enter the place where these rigs are, for example hall-1/rack-{rack}.")
    return "/".join(level for raw in text.split("/") if (level := " ".join(raw.split())))


def _parts(form: PlacingForm) -> list[str]:
    """Those that a place can have; what is wrong with a pattern is said where it stands."""
    found: list[str] = []
    for text, read in ((form.pattern, Pattern.parse), (form.address, read_range)):
        try:
            one = read(text.strip()) if text.strip() else None
        except Invalid:
            continue
        found += one.parts if isinstance(one, Pattern) else ()
    return found


def _read_tags(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _tags(tags: tuple[str, ...], _: object) -> tuple[str, ...]:
    try:
        return clean_tags(tags)
    except Invalid as error:
        raise Invalid(str(error)) from None


class PlacingForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What operators set on a rule. `fields.checked` makes it fit to keep."""

    name: Annotated[str, form_field("Name", group="head", check=_name, required=True)]
    kind: Annotated[
        OfKind,
        form_field(
            "Rigs",
            group="which",
            choices={"any": "CPU/GPU rigs and ASICs", "cpu-gpu": "CPU/GPU rigs", "asic": "ASICs"},
        ),
    ] = "any"
    pattern: Annotated[
        str,
        form_field(
            "Name of the rig",
            "{rack} stands for letters and digits, {rack:number} for digits, {rack:2} for two of them, * for anything.",
            group="which",
            check=_pattern,
            max_length=MAX_PATTERN,
            placeholder="r{rack}-{slot}",
        ),
    ] = ""
    address: Annotated[
        str,
        form_field(
            "Address on the LAN",
            "A subnet such as 10.1.2.0/24, or a pattern such as 10.1.{rack}.{slot}.",
            group="which",
            check=_address,
            max_length=MAX_PATTERN,
            placeholder="10.1.2.0/24",
        ),
    ] = ""
    place: Annotated[
        str,
        form_field(
            "Place",
            "Levels between slashes, the largest first. Parts in braces are filled in.",
            group="where",
            check=_place,
            required=True,
            max_length=MAX_TEMPLATE,
            placeholder="hall-1/rack-{rack}/slot-{slot}",
        ),
    ]
    tags: Annotated[
        tuple[str, ...],
        form_field(
            "Tags to add",
            "Separated by spaces.",
            group="where",
            check=_tags,
            read=_read_tags,
            write=" ".join,
            max_length=MAX_TAGS * (MAX_TAG + 1),
        ),
    ] = ()
    automatic: Annotated[
        bool,
        form_field("By itself: when a rig without a place is added, renamed, or gets an address", group="when"),
    ] = True


class PlacingRule(Struct, frozen=True):
    """A rule as it is kept."""

    id: int
    form: PlacingForm
    revision: int
    created_at: int
    updated_at: int

    @property
    def name(self) -> str:
        """Its name."""
        return self.form.name
