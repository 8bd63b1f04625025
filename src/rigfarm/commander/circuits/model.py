"""A circuit: what feeds the rigs of some places, and how much it may carry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Struct

from rigfarm.commander.fields import form_field
from rigfarm.commander.names import clean_name, clean_text
from rigfarm.commander.numbers import read_percent, within, write_decimal, write_percent
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.model import MAX_PLACE, clean_place
from rigfarm.commander.rigs.model import within as lies_in
from rigfarm.units import parse_power

__all__ = ["MAX_CIRCUITS", "MAX_LIMIT_W", "MAX_PLACES", "Circuit", "CircuitForm", "Feeds", "place_key", "read_limit"]

MAX_CIRCUITS = 500
MAX_PLACES = 100
"""Of one circuit."""
MAX_LIMIT_W = 1e7
MAX_TEXT = 2_000
_NOT_IN_NAMES = '",*'
_FACTOR = re.compile(r"(\d{1,5}(?:[.,]\d{1,3})?)\s*([AV]?)", re.IGNORECASE)
_EXAMPLE = "3680 W, 3.68 kW, 16 A × 230 V, or 3 × 32 A × 230 V"


def read_limit(text: str) -> float | None:
    """W, from `3680`, `3.68 kW`, `16 A × 230 V`, or `3 × 32 A × 230 V` for three phases, where the voltage is that
    between a phase and neutral; None when nothing was typed. Invalid."""
    text = text.strip()
    if not text:
        return None
    parts = [part.strip() for part in re.split("[×x*]", text, flags=re.IGNORECASE)]
    if len(parts) == 1:
        try:
            return parse_power(text)
        except ValueError:
            raise Invalid(f"Enter a power, for example {_EXAMPLE}.", field="limit_w") from None
    values: dict[str, float] = {}
    for part in parts:
        found = _FACTOR.fullmatch(part)
        if found is None or found[2].upper() in values:
            raise Invalid(f"Enter a power, for example {_EXAMPLE}.", field="limit_w")
        values[found[2].upper()] = float(found[1].replace(",", "."))
    phases = values.get("", 1.0)
    if values.keys() - {""} != {"A", "V"} or phases not in (1.0, 2.0, 3.0):
        raise Invalid(f"Enter a power, for example {_EXAMPLE}.", field="limit_w")
    if phases == 3.0 and _is_between_phases(values["V"]):
        raise Invalid(
            f"{values['V']:g} V is the voltage between two phases. For three phases, multiply by the voltage between a "
            "phase and neutral, for example 3 × 32 A × 230 V.",
            field="limit_w",
        )
    return phases * values["A"] * values["V"]


def _is_between_phases(volts: float) -> bool:
    """Whether three-phase networks have such a voltage between phases only: 208, 380, 400, 415, 480 V."""
    return volts > 280 or 195 <= volts <= 215


def _write_limit(watts: float | None) -> str:
    return "" if watts is None else f"{write_decimal(watts)} W"


_limit = within(1.0, MAX_LIMIT_W, "W")


def _check_name(text: str, _: object) -> str:
    name = clean_name(text, "A circuit", "PDU-3")
    if any(char in name for char in _NOT_IN_NAMES):
        raise Invalid(
            "A circuit's name can't contain quotation marks, commas or asterisks: they have a meaning in a search.",
            field="name",
        )
    return name


def _read_places(text: str) -> list[str]:
    return [place.strip() for place in re.split(r"[\n,]", text) if place.strip()]


def _check_places(places: list[str], _: object) -> list[str]:
    """Each once, whatever the case."""
    found: dict[str, str] = {}
    for text in places:
        try:
            place = clean_place(text)
        except Invalid as error:
            raise Invalid(str(error), field="places") from None
        if place:
            found.setdefault(place_key(place), place)
    if not found:
        raise Invalid("Enter at least one place, for example hall-1/rack-2.", field="places")
    if len(found) > MAX_PLACES:
        raise Invalid(f"A circuit feeds at most {MAX_PLACES} places; you entered {len(found)}.", field="places")
    return list(found.values())


def place_key(place: str) -> str:
    """What makes places distinct: compared without regard to case, as in a search."""
    return place.casefold()


class CircuitForm(Struct, frozen=True, kw_only=True):
    """What an operator says of a circuit."""

    name: Annotated[
        str,
        form_field(
            "Name", "As on the breaker or PDU.", group="circuit", check=_check_name, required=True, placeholder="PDU-3"
        ),
    ]
    limit_w: Annotated[
        float | None,
        form_field(
            "Limit",
            "W or kW, or amps × volts: 16 A × 230 V. For three phases, 3 × 32 A × 230 V: the voltage between phase and "
            "neutral.",
            group="circuit",
            check=_limit,
            read=read_limit,
            write=_write_limit,
            required=True,
            max_length=40,
            placeholder="3680 W",
        ),
    ] = None
    """W."""
    continuous: Annotated[
        float | None,
        form_field(
            "Usable continuously (%)",
            "How much of the limit may be drawn for hours. 80 % is usual for breakers.",
            group="circuit",
            check=within(0.1, 1.0, "%", 100.0),
            read=read_percent,
            write=write_percent,
            required=True,
            max_length=8,
        ),
    ] = 0.8
    """Share of the limit."""
    places: Annotated[
        list[str],
        form_field(
            "Places that it feeds",
            "One per line, with everything below them. If places are nested, the smallest one counts.",
            group="circuit",
            check=_check_places,
            read=_read_places,
            write=", ".join,
            required=True,
            max_length=MAX_PLACES * (MAX_PLACE + 2),
            rows=4,
            placeholder="hall-1/rack-2",
        ),
    ] = []
    notes: Annotated[str, form_field("Notes", group="circuit", check=clean_text, max_length=MAX_TEXT, rows=2)] = ""


class Circuit(Struct, frozen=True):
    """A circuit as it is kept. Times are UTC milliseconds."""

    id: int
    form: CircuitForm
    revision: int
    created_at: int
    updated_at: int

    @property
    def name(self) -> str:
        """What it is called."""
        return self.form.name

    @property
    def limit_w(self) -> float:
        """W."""
        return self.form.limit_w or 0.0

    @property
    def continuous_w(self) -> float:
        """W that it may carry for hours."""
        return self.limit_w * (self.form.continuous or 0.0)

    @property
    def href(self) -> str:
        """Its page."""
        return f"/circuits/{self.id}"


MAX_KNOWN = 100_000
"""Places whose circuit is remembered."""


class Feeds:
    """Which circuit feeds a place: the one of the smallest place that it lies in."""

    def __init__(self, circuits: Iterable[Circuit]) -> None:
        self._by_place: Mapping[str, Circuit] = {
            place_key(place): circuit for circuit in circuits for place in circuit.form.places
        }
        self._known: dict[str, Circuit | None] = {}
        """Answers: most rigs of a farm stand where others do."""

    def of(self, place: str) -> Circuit | None:
        """The circuit of a rig there; None: none is known."""
        try:
            return self._known[place]
        except KeyError:
            around = (self._by_place.get(one) for one in lies_in(place_key(place)))
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            found = self._known[place] = next((circuit for circuit in around if circuit is not None), None)
            return found

    def exact(self, place: str) -> Circuit | None:
        """The circuit that names this very place."""
        return self._by_place.get(place_key(place))
