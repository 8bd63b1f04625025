"""Values of a playbook: as an operator types them, as text again, and which can be right."""

from __future__ import annotations

import re

from rigfarm.commander.names import clean_line, clean_name
from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import Invalid

__all__ = [
    "check_affinity",
    "check_devices",
    "check_name",
    "check_nice",
    "check_template",
    "check_user",
    "check_variables",
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
MAX_VARIABLES = 50
MAX_VALUE = 500
MAX_DEVICES = 64
_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


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
            raise Invalid(f"{name.strip()[:40]} is listed twice.")
        variables[name.strip()] = value.strip()
    return variables


def write_variables(values: dict[str, str]) -> str:
    """One a line."""
    return "\n".join(f"{name}={value}" for name, value in values.items())


def check_name(text: str, _: object) -> str:
    """As people may call it."""
    return clean_name(text, "A playbook", "XMR on all CPUs")


def check_template(text: str, _: object) -> str:
    """Without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def check_devices(lines: list[str], _: object) -> list[str]:
    """PCI addresses, each once."""
    devices = list(dict.fromkeys(line.strip().lower() for line in lines if line.strip()))
    bad = next((one for one in devices if not _PCI.fullmatch(one)), None)
    if bad is not None:
        raise Invalid(f"{bad[:40]!r} is not a PCI address, for example 0000:01:00.0.")
    if len(devices) > MAX_DEVICES:
        raise Invalid(f"At most {MAX_DEVICES} devices.")
    return devices


def check_variables(given: dict[str, str], _: object) -> dict[str, str]:
    """Names in capitals, each with one line."""
    variables: dict[str, str] = {}
    for name, value in given.items():
        name = name.strip().removeprefix("$").upper()
        if not _VARIABLE.fullmatch(name):
            raise Invalid(f"{name[:40]!r} is not a valid variable name: capitals, digits and _, for example $THREADS.")
        variables[name] = clean_line(value, "variables", f"The value of ${name}", MAX_VALUE)
    if len(variables) > MAX_VARIABLES:
        raise Invalid(f"At most {MAX_VARIABLES} variables.")
    return variables


def check_affinity(cpus: list[int], _: object) -> list[int]:
    """Numbers of CPUs, each once."""
    if any(not 0 <= cpu < MAX_CPUS for cpu in cpus):
        raise Invalid(f"CPUs are numbered from 0 to {MAX_CPUS - 1}.")
    return sorted(set(cpus))


def check_nice(nice: int | None, _: object) -> int | None:
    """From -20 to 19."""
    if nice is not None and not -20 <= nice <= 19:
        raise Invalid("Niceness is from -20 (first) to 19 (last).")
    return nice


def check_user(text: str, _: object) -> str:
    """A user's name on a rig, or none."""
    user = text.strip()
    if user and not _USER.fullmatch(user):
        raise Invalid("Enter a user's name on the rig, for example miner.")
    return user
