"""A text of a playbook is one line of its struct: its form, its API, and how it is kept and compared follow from it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from rigfarm.commander.fields import Field, fields_of
from rigfarm.commander.playbooks.content.diff import differences
from rigfarm.commander.playbooks.content.form import PlaybookForm, form_of
from rigfarm.commander.playbooks.content.typed import typed_of
from rigfarm.commander.playbooks.model import PlaybookContent, PlaybookFields, SoftwareRef, WorkloadPlan

SOURCE = Path(__file__).parents[3] / "src" / "rigfarm"
CONTENT = PlaybookContent(
    "XMR", "-t 4", software=SoftwareRef(1, "XMRig", "6.22.2", "xmrig", ""), workloads=[WorkloadPlan("cpu", "XMR")]
)
TEXTS = [field for field in fields_of(PlaybookFields) if isinstance(getattr(CONTENT, field.name), str)]


@pytest.mark.parametrize("field", TEXTS, ids=lambda field: field.name)
def test_a_text_is_typed_kept_compared_and_in_the_api_by_its_line_in_the_struct(field: Field) -> None:
    name = field.name
    changed = replace(CONTENT, **{name: "something-else"})
    assert typed_of(form_of(changed)).fields[name] == "something-else"
    assert msgspec.json.decode(msgspec.json.encode(changed), type=PlaybookContent) == changed
    (difference,) = differences(CONTENT, changed)
    assert (difference.what, difference.after) == (field.title, "something-else")
    assert name in msgspec.json.schema_components([PlaybookForm])[1]["PlaybookForm"]["properties"]


def _spelled(name: str) -> list[str]:
    paths = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.html")]
    return [str(path.relative_to(SOURCE)) for path in paths if re.search(rf"\b{name}\b", path.read_text())]


def test_one_that_a_rig_is_sent_is_spelled_in_few_files() -> None:
    """From the struct to the process on the rig."""
    assert "commander/playbooks/model.py" in _spelled("run_as")
    assert len(_spelled("run_as")) <= 6
