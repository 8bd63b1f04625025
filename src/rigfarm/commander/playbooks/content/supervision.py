"""The numbers of a playbook's automatic recovery: how they are typed, which can be right, and how they read."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.numbers import read_decimal
from rigfarm.commander.refusals import Invalid
from rigfarm.wire.playbooks import Supervision

__all__ = ["NUMBERS", "Number", "check", "describe", "read", "texts"]


class Number(Struct, frozen=True):
    """One of them, and what may stand there."""

    name: str
    title: str
    least: float
    most: float
    whole: bool = False
    hint: str = ""

    @property
    def default(self) -> str:
        """What counts when nothing is typed."""
        return f"{getattr(Supervision(), self.name):g}"


NUMBERS = (
    Number("stall_s", "Restart after so many seconds without hashrate", 30, 86_400),
    Number("low_fraction", "… or under this share of its normal", 0, 0.99),
    Number("restarts_per_hour", "Restarts an hour at most", 1, 600, whole=True),
    Number("backoff_first_s", "First pause, s", 0.1, 3_600),
    Number("backoff_max_s", "Longest pause, s", 1, 86_400),
    Number(
        "reboot_after_failures", "Reboot the rig after so many stalls in a row", 0, 100, whole=True, hint="0: never."
    ),
    Number("reboots_per_day", "Reboots a day at most", 0, 72, whole=True),
)


def read(given: Mapping[str, str]) -> tuple[Supervision, dict[str, str]]:
    """What was typed as far as it means something, and what is wrong with the rest. Nothing typed: the default."""
    wrong: dict[str, str] = {}
    values: dict[str, float] = {}
    for number in NUMBERS:
        try:
            value = read_decimal(given.get(number.name, ""))
        except Invalid as error:
            wrong[number.name] = str(error)
            continue
        if value is not None and number.whole and not value.is_integer():
            wrong[number.name] = "Expected a whole number."
        elif value is not None:
            values[number.name] = int(value) if number.whole else value
    return replace(Supervision(), **values), wrong


def texts(supervision: Supervision) -> dict[str, str]:
    """As they stand in the form: empty where it is the default."""
    written = {number.name: f"{getattr(supervision, number.name):g}" for number in NUMBERS}
    return {number.name: "" if written[number.name] == number.default else written[number.name] for number in NUMBERS}


def check(supervision: Supervision) -> dict[str, str]:
    """What cannot be right, by name."""
    wrong = {
        number.name: f"Expected {number.least} to {number.most}."
        for number in NUMBERS
        if not number.least <= getattr(supervision, number.name) <= number.most
    }
    if supervision.reboot_after_failures and not supervision.reboots_per_day:
        wrong["reboots_per_day"] = "How many reboots a day are allowed? 0 means none."
    return wrong


def describe(supervision: Supervision) -> str:
    """All of them in one line."""
    return ", ".join(f"{number.name} {getattr(supervision, number.name):g}" for number in NUMBERS)
