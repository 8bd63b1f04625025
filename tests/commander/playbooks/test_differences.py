"""What a revision changed, in few words."""

from __future__ import annotations

import sys

import pytest
from msgspec.structs import replace

from rigfarm.commander.playbooks.content.diff import Difference, differences
from rigfarm.commander.playbooks.model import PlaybookContent, SoftwareRef, WorkloadPlan
from rigfarm.wire.playbooks import Archive

CONTENT = PlaybookContent(
    "XMR",
    "-o $CPU_POOL\n-u $CPU_WALLET -t 4",
    software=SoftwareRef(1, "XMRig", "6.22.2", "xmrig", ""),
    workloads=[WorkloadPlan("cpu", "XMR")],
)
ARCHIVE = Archive("XMRig", "6.22.2", "", 9, "archives/1", "tar.gz", "xmrig")


def test_a_first_revision_changed_nothing() -> None:
    assert differences(None, CONTENT) == []
    assert differences(CONTENT, CONTENT) == []


def test_what_changed_is_named() -> None:
    after = replace(CONTENT, name="Monero", nice=5, devices=["0000:01:00.0"])
    assert differences(CONTENT, after) == [
        Difference("Name", "XMR", "Monero"),
        Difference("GPUs", "all", "0000:01:00.0"),
        Difference("Niceness", "", "5"),
    ]


@pytest.mark.parametrize(
    ("template", "gone", "come"),
    [
        ("-o $CPU_POOL -u $CPU_WALLET -t 4 --donate-level 1", "", "--donate-level 1"),
        ("-o $CPU_POOL -u $CPU_WALLET", "-t 4", ""),
        ("-o $CPU_POOL -u $CPU_WALLET -t 8", "-t 4", "-t 8"),
        ("-u $CPU_WALLET -t 4", "-o $CPU_POOL", ""),
        ("run -o $CPU_POOL -u $CPU_WALLET -t 4", "", "run"),
    ],
)
def test_of_a_template_only_what_is_otherwise(template: str, gone: str, come: str) -> None:
    assert differences(CONTENT, replace(CONTENT, template=template)) == [Difference("Template", gone, come)]


def test_long_templates_are_compared_in_a_time_as_long_as_they_are() -> None:
    """All pages would stand still for minutes whenever somebody looks at such a revision. Counted, not timed: how
    often words are compared."""
    before = replace(CONTENT, template='$CPU_POOL "' + " ".join(["a"] * 16_000) + '"')
    after = replace(CONTENT, template='$CPU_POOL "b ' + " ".join(["a", "c"] * 8_000) + '"')
    lines = 0

    def count(*_: object) -> object:
        nonlocal lines
        lines += 1
        if lines > 1_000_000:
            raise AssertionError("it takes too long")
        return count

    tracing = sys.gettrace()
    sys.settrace(count)  # of every line of Python that is run
    try:
        found = differences(before, after)
    finally:
        sys.settrace(tracing)
    assert [one.what for one in found] == ["Template"]


def test_other_line_breaks_are_no_difference() -> None:
    assert differences(CONTENT, replace(CONTENT, template=CONTENT.template.replace("\n", " "))) == []


def test_another_archive_under_the_same_version_is_named() -> None:
    """Rigs will download and run another program: an operator who compares revisions must see that."""
    old, new = (replace(CONTENT.software, archive=replace(ARCHIVE, sha256=digit * 64)) for digit in "ab")
    before, after = replace(CONTENT, software=old), replace(CONTENT, software=new)
    assert differences(before, after) == [Difference("File", "a" * 64, "b" * 64)]
    assert differences(CONTENT, after) == [Difference("File", "not pinned", "b" * 64)]
