"""One thing the doctor found, and how all of them are written down."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from rigfarm.common.text import printable

__all__ = ["Finding", "exit_code", "render"]

_WIDTH = 100
_MARKS = {"ok": "ok", "absent": "-", "problem": "PROBLEM"}


class Finding(Struct, frozen=True):
    """`absent` is something that this machine does not have, which is normal; a `problem` has a fix."""

    state: Literal["ok", "absent", "problem"]
    what: str
    detail: str
    fix: str = ""


def exit_code(findings: Iterable[Finding]) -> int:
    """1 if there is a problem."""
    return int(any(finding.state == "problem" for finding in findings))


def render(findings: Iterable[Finding]) -> str:
    """For a terminal: a line for each, its fix below it, and a line that sums up."""
    findings = list(findings)
    problems = sum(finding.state == "problem" for finding in findings)
    last = f"{problems} problem{'s' if problems > 1 else ''} to fix." if problems else "No problems found."
    return "\n".join([*(_lines(finding) for finding in findings), "", last])


def _lines(finding: Finding) -> str:
    lines = _wrapped(_MARKS[finding.state], f"{finding.what}: {finding.detail}")
    return "\n".join([*lines, *(_wrapped("", f"Fix: {finding.fix}") if finding.fix else [])])


def _wrapped(mark: str, text: str) -> list[str]:
    clean = printable(text, "?")
    return textwrap.wrap(clean, _WIDTH, initial_indent=f"{mark:<9}", subsequent_indent=" " * 9, break_on_hyphens=False)
