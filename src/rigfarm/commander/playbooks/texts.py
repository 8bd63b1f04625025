"""Values of a playbook as an operator types them, and back."""

from __future__ import annotations

from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import Invalid

__all__ = [
    "read_cpus",
    "read_lines",
    "read_number",
    "read_template",
    "read_variables",
    "write_cpus",
    "write_lines",
    "write_number",
    "write_variables",
]

MAX_CPUS = 1024


def read_template(text: str) -> str:
    """Line ends as they are kept."""
    return text.replace("\r\n", "\n")


def read_lines(text: str) -> list[str]:
    """One a line, or between commas."""
    return text.replace(",", "\n").split()


def write_lines(values: list[str]) -> str:
    """One a line."""
    return "\n".join(values)


def read_number(text: str) -> int | None:
    """A whole number; None when nothing was typed."""
    text = text.strip()
    if not text:
        return None
    if len(text) > 8 or not text.removeprefix("-").isdecimal():
        raise Invalid("Expected a whole number.")
    return int(text)


def write_number(value: int | None) -> str:
    """Empty when there is none."""
    return "" if value is None else str(value)


def read_cpus(text: str) -> list[int]:
    """`0-3,8` -> 0, 1, 2, 3, 8."""
    cpus: set[int] = set()
    for part in text.replace(" ", ",").split(","):
        if not part:
            continue
        first, dash, last = part.partition("-")
        lowest, highest = number(first), number(last if dash else first)
        if lowest is None or highest is None or highest >= MAX_CPUS:
            raise Invalid("Expected CPU numbers, for example 0-3,8.")
        cpus.update(range(lowest, highest + 1))
    return sorted(cpus)


def write_cpus(values: list[int]) -> str:
    """Between commas."""
    return ",".join(str(cpu) for cpu in values)


def read_variables(text: str) -> dict[str, str]:
    """`NAME=value`, one a line."""
    variables: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if not line.strip():
            continue
        if name.strip() in variables:
            raise Invalid(f"{name.strip()[:40]} is there twice.")
        variables[name.strip()] = value.strip()
    return variables


def write_variables(values: dict[str, str]) -> str:
    """One a line."""
    return "\n".join(f"{name}={value}" for name, value in values.items())
