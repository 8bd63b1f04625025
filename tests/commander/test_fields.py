"""A struct says once what its dialog, its API and its check are made of."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Struct

from rigfarm.commander.fields import changes_of, checked, columns_in, fields_of, form_field, from_form, revision_in
from rigfarm.commander.refusals import Invalid


def _upper(text: str, _: Thing) -> str:
    if not text.strip():
        raise Invalid("Say something.")
    return text.strip().upper()


class Thing(Struct, frozen=True):
    name: Annotated[str, form_field("Name", group="a", check=_upper, required=True)] = ""
    notes: Annotated[str, form_field("Notes", "For people.", group="b", rows=3, max_length=2_000)] = ""
    kind: Annotated[Literal["x", "y"], form_field("Kind", group="b", choices={"x": "X", "y": "Y"})] = "x"
    on: Annotated[bool, form_field("on")] = False
    hidden: int = 0


ThingChange = changes_of("ThingChange", Thing, "Some of it.", revision=int)


def test_a_dialog_has_what_the_struct_says() -> None:
    assert [(one.name, one.control) for one in fields_of(Thing)] == [
        ("name", "text"), ("notes", "textarea"), ("kind", "select"), ("on", "checkbox"),
    ]  # fmt: skip
    assert [one.name for one in columns_in(Thing, "b")] == ["notes", "kind"]


def test_what_was_typed_stays_as_it_was_until_it_is_checked() -> None:
    form = from_form(Thing, {"name": " a ", "kind": "z", "on": "1", "surplus": "?"})
    assert form == Thing(" a ", kind="z", on=True)  # type: ignore[arg-type]
    with pytest.raises(Invalid) as refusal:
        checked(msgspec.structs.replace(form, name=" "))
    assert refusal.value.fields == {"name": "Say something.", "kind": "Choose one of: X, Y."}
    assert checked(msgspec.structs.replace(form, kind="y")) == Thing("A", kind="y", on=True)


def test_a_box_that_is_not_ticked_is_off() -> None:
    assert not from_form(Thing, {"name": "a"}).on


@pytest.mark.parametrize(
    ("sent", "number"), [("7", 7), ("", None), ("7" * 5_000, 0), ("²", 0), (["7", "8"], 8), ([], None), ([7], None)]
)
def test_a_garbled_revision_is_none_that_there_is(sent: object, number: int | None) -> None:
    assert revision_in({"revision": sent}) == number


def test_changes_leave_the_rest_as_it_is_and_take_nothing_else() -> None:
    thing = Thing("a", "n", "y", True)
    change = msgspec.json.decode(b'{"notes": "m", "on": false, "revision": 3}', type=ThingChange)
    assert change.over(thing) == Thing("a", "m", "y", False)
    for wrong in (b'{"colour": "red"}', b'{"kind": "z"}', b'{"on": "yes"}'):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(wrong, type=ThingChange)


def test_a_text_without_a_check_of_its_own_has_its_length_checked() -> None:
    assert checked(Thing("a", notes="n" * 2_000)).notes == "n" * 2_000
    with pytest.raises(Invalid) as refusal:
        checked(Thing("a", notes="n" * 2_001))
    assert refusal.value.fields == {"notes": "Notes has at most 2\u202f000 characters."}
