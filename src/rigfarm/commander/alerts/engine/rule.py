"""What a rule is: a kind of trouble that can be seen in what is known of a rig, and the settings operators give it.

A rule says what is *bad* now, and, of something that was bad, whether it is *well* again. In between lies what is
neither: a value at the edge of its mark, or one that is unknown. It ends nothing and begins nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Generic, Literal, NamedTuple, Protocol, TypeVar

from msgspec import Meta, Struct

from rigfarm.commander.alerts.model import Severity
from rigfarm.commander.circuits import Circuit, Draw
from rigfarm.commander.commands.model import MAX_WATTS
from rigfarm.commander.fields import form_field
from rigfarm.commander.kinds import KindName
from rigfarm.commander.names import clean_line, clean_name
from rigfarm.commander.numbers import MAX_NUMBER, asked_number, read_decimal, within, write_decimal
from rigfarm.commander.refusals import Invalid
from rigfarm.commander.rigs.listing.language import MAX_SEARCH, SearchMistake, parse
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.marks import Marks
from rigfarm.common.text import printable

__all__ = [
    "DAY_MINUTES",
    "ID_LIST",
    "ActiveRule",
    "Farm",
    "Found",
    "Rule",
    "RuleForm",
    "Scope",
    "check_search",
    "number_field",
    "part_name",
]

DAY_MINUTES = 1440.0
MAX_PART = 120
MAX_IDS = 500
Scope = Literal["", "cpu-gpu", "asic"]
Sends = Literal["all", "chosen", "none"]
RuleAction = Literal["", "restart-miner", "reboot", "pause", "resume", "power-limit", "playbook"]


class Found(NamedTuple):
    """Something bad."""

    text: str
    """For people, with the numbers of the moment: `GPU 3 at 91 °C`."""
    value: float | None = None
    part: str = ""
    """What of the rig it is, where a rig has several: it is watched by itself."""


def part_name(text: str) -> str:
    """A part as it is watched and stored, whatever a rig calls it: short and visible."""
    return printable(text, "?", most=MAX_PART)


def _check_name(text: str, _: object) -> str:
    return clean_name(text, "A rule", "rigs in hall 2")


def check_search(text: str, _: object) -> str:
    """A search as in the index, or nothing."""
    text = clean_line(text, "q", "The search", MAX_SEARCH)
    try:
        parse(text)
    except SearchMistake as error:
        raise Invalid(str(error), field="q") from None
    return text


def _read_ids(text: str) -> list[int]:
    parts = text.replace(",", " ").split()
    if len(parts) > MAX_IDS or any(len(part) > 10 or not part.isdecimal() for part in parts):
        raise Invalid(f"Enter numbers between commas, at most {MAX_IDS}.")
    return [int(part) for part in parts]


def _check_ids(ids: list[int], _: object) -> list[int]:
    if len(ids) > MAX_IDS or any(not 0 < one <= MAX_NUMBER for one in ids):
        raise Invalid(f"Enter numbers between commas, at most {MAX_IDS}.")
    return list(dict.fromkeys(ids))


def _write_ids(ids: list[int]) -> str:
    return ", ".join(map(str, ids))


def number_field(
    title: str, low: float, high: float, unit: str, hint: str = "", *, group: str = "limits", optional: bool = False
) -> Meta:
    """A number that operators type; `optional`: it may be left empty."""
    return form_field(
        title,
        hint,
        group=group,
        check=within(low, high, unit, optional=optional),
        read=read_decimal,
        write=write_decimal,
        max_length=16,
    )


def _whole(title: str, most: int) -> Meta:
    """A whole number from 1, of an action."""
    inside = within(1, most, "")

    def check(value: object, form: object) -> float | None:
        found = inside(value, form)
        if found is not None and found != int(found):
            raise Invalid("Enter a whole number.")
        return found

    return form_field(title, group="action", check=check, read=read_decimal, write=write_decimal, max_length=5)


def _check_watts(value: object, form: RuleForm) -> float | None:
    found = within(1.0, MAX_WATTS, "W", optional=True)(value, form)
    if found is None and form.action == "power-limit":
        raise Invalid("Enter how many watts a rig may draw.")
    return found


def _write_playbook(playbook_id: int | None) -> str:
    return "" if playbook_id is None else str(playbook_id)


def _check_playbook(value: int | None, form: RuleForm) -> int | None:
    if value is None and form.action == "playbook":
        raise Invalid("Choose a playbook.")
    if value is not None and not 0 < value <= MAX_NUMBER:
        raise Invalid("This playbook does not exist.")
    return value


ID_LIST = {"read": _read_ids, "write": _write_ids, "check": _check_ids, "max_length": 4_000}


class RuleForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What operators set on any rule."""

    name: Annotated[
        str,
        form_field("Name", group="head", check=_check_name, required=True),
    ]
    on: Annotated[bool, form_field("On", group="head")] = True
    severity: Annotated[
        Severity,
        form_field(
            "Severity",
            group="head",
            choices={"info": "for information", "warning": "warning", "critical": "critical"},
        ),
    ] = "warning"
    minutes: Annotated[
        float,
        form_field(
            "For how long (minutes)",
            "How long it must last before the alert fires: 0 (at once) to 1440 (a day).",
            group="time",
            check=within(0.0, DAY_MINUTES, "minutes"),
            read=read_decimal,
            write=write_decimal,
            max_length=8,
        ),
    ] = 0.0
    well_minutes: Annotated[
        float,
        form_field(
            "Well for how long (minutes)",
            "How long all must be well again before the alert is resolved.",
            group="time",
            check=within(0.0, DAY_MINUTES, "minutes"),
            read=read_decimal,
            write=write_decimal,
            max_length=8,
        ),
    ] = 1.0
    kind: Annotated[
        Scope,
        form_field("Rigs", group="scope", choices={"": "all rigs", "cpu-gpu": "CPU/GPU rigs", "asic": "ASICs"}),
    ] = ""
    q: Annotated[
        str,
        form_field(
            "Only rigs that match",
            "As in the search of the index: words, or conditions such as coin:XMR. Rigs that match later are included.",
            group="scope",
            check=check_search,
            max_length=MAX_SEARCH,
        ),
    ] = ""
    rigs: Annotated[
        list[int], form_field("Only these rigs (numbers)", "Empty: all of the above.", group="scope", **ID_LIST)
    ] = []
    sends: Annotated[
        Sends,
        form_field(
            "Sent to",
            group="sends",
            choices={"all": "all channels", "chosen": "chosen channels", "none": "no channels: only shown here"},
        ),
    ] = "all"
    channels: Annotated[list[int], form_field("Chosen channels", group="chosen", **ID_LIST)] = []
    escalate_minutes: Annotated[
        float | None,
        form_field(
            "Escalate after (minutes)",
            "If it hasn't been acknowledged by then, it is sent to the channels for escalation. Empty: never.",
            group="sends",
            check=within(1.0, DAY_MINUTES, "minutes", optional=True),
            read=read_decimal,
            write=write_decimal,
            max_length=8,
        ),
    ] = None
    action: Annotated[
        RuleAction,
        form_field(
            "What the rule does by itself",
            group="action",
            choices={
                "": "nothing",
                "restart-miner": "restart the mining programs",
                "reboot": "reboot the rig; of an ASIC: restart it",
                "pause": "pause the ASIC",
                "resume": "resume the ASIC",
                "power-limit": "limit its power",
                "playbook": "apply a playbook",
            },
        ),
    ] = ""
    action_watts: Annotated[
        float | None,
        form_field(
            "Power limit (W)",
            group="action",
            check=_check_watts,
            read=read_decimal,
            write=write_decimal,
            max_length=8,
        ),
    ] = None
    action_playbook: Annotated[
        int | None,
        form_field(
            "Playbook",
            group="playbook",
            check=_check_playbook,
            read=asked_number,
            write=_write_playbook,
            max_length=10,
        ),
    ] = None
    action_minutes: Annotated[
        float, number_field("Acts after (minutes)", 1.0, DAY_MINUTES, "minutes", group="action")
    ] = 5.0
    action_rig_hour: Annotated[float, _whole("Most per rig and hour", 60)] = 1.0
    action_rig_day: Annotated[float, _whole("Most per rig and day", 500)] = 3.0
    action_hour: Annotated[float, _whole("Most per hour in all", 1000)] = 5.0
    action_rigs: Annotated[float, _whole("Most rigs in the alert", 500)] = 3.0


class Farm(Protocol):
    """What rules may ask of the rest of the Commander."""

    marks: Marks

    @property
    def now_ms(self) -> int:
        """UTC ms."""

    def playbook_states(self, rig_id: int) -> Iterable[tuple[str, str, str]]:
        """(name, state, detail) of the playbooks that the rig should run."""

    def not_as_assigned(self, rig: RigStats) -> Iterable[tuple[str, str]]:
        """(what, in words) of pools, wallets and workers that are not what the rig's playbooks say."""

    def as_assigned(self, rig: RigStats, what: str) -> bool:
        """Whether this is known to be what the rig's playbooks say, or none says anything of it."""

    def not_in_effect(self, rig_id: int) -> Iterable[tuple[str, str]]:
        """(what, in words) of commands and playbooks that had no effect on the rig, or were reverted."""

    def in_effect(self, rig_id: int, what: str) -> bool | None:
        """Whether the newest command of this sort took effect; None when none is being watched."""

    def troubles(self) -> Iterable[tuple[str, str]]:
        """(part, why) of what does not work in the Commander itself."""

    def circuits(self) -> Iterable[int]:
        """Ids of all circuits."""

    def circuit(self, circuit_id: int) -> tuple[Circuit, Draw] | None:
        """A circuit and what it draws; None when it does not exist."""

    def expected_offline(self, rig: RigStats) -> str:
        """Why a rig is away on purpose; empty when it should be there."""

    def updating(self, rig_id: int) -> bool:
        """Whether a playbook is being installed on it, or about to start."""


F = TypeVar("F", bound=RuleForm)


class Rule(Generic[F]):
    """One kind of trouble. A file in `rules/` makes one as `RULE`; its name is the rule's kind."""

    title: str
    """For people: `Too hot`."""
    about: str
    """One sentence for the page of rules."""
    form: type[F]
    defaults: tuple[F, ...] = ()
    """The rules of this kind that a new farm has."""
    kinds: tuple[KindName, ...] = ("cpu-gpu", "asic")
    """Of which rigs it can say anything."""
    when: Literal["up", "known", "farm", "circuit"] = "up"
    """`up`: only while the rig reports; `known`: whenever it has reported once; `farm`: it is about no rig; `circuit`:
    it is about circuits, each of which stands in the place of a rig (`model.circuit_in`)."""
    mining: bool = False
    """Whether it says nothing of a rig that an operator stopped, or whose programs are being installed."""
    last: bool = False
    """Whether it is asked after all others, and only about rigs on which they have found nothing."""

    @property
    def of_rigs(self) -> bool:
        """Whether it is about rigs."""
        return self.when in ("up", "known")

    def bad(self, rig: RigStats, form: F, farm: Farm) -> Iterable[Found]:
        """What is bad now. Called for every log: it returns an empty tuple as fast as it can."""
        raise NotImplementedError

    def well(self, rig: RigStats, form: F, farm: Farm, part: str) -> bool:
        """Whether what was bad is known to be well again: past its mark by some slack, and not merely unknown."""
        raise NotImplementedError

    def outdated(self, rig: RigStats, form: F, farm: Farm, part: str) -> str:
        """Why what was bad no longer matters, although it is not well; empty when it does."""
        return ""

    def excuse(self, rig: RigStats, farm: Farm) -> str:
        """Why it does not count at the moment although it is bad; empty when it does."""
        return ""


class ActiveRule(Struct, frozen=True):
    """A rule that is on: its kind, its settings, and whether a rig is in its scope."""

    id: int
    kind: str
    rule: Rule[RuleForm]
    form: RuleForm
    scope: Callable[[int], bool] | None
    """Whether a rig is one of those it is for; None: all of its kinds are."""

    def fits(self, rig_id: int) -> bool:
        """Whether it is for this rig."""
        return self.scope is None or self.scope(rig_id)
