"""One struct defines a thing that operators write: its form, its changes by API and its validation follow from it.

What a Python type can't express is in the field's `msgspec.Meta`: `title` and `description` are the form's
label and hint (and the API's documentation), `extra` is made by `form_field`. A new field is one line of the struct; it
has its place in the dialog by its `group`, which the dialog's template has to show: a field that it doesn't show is
saved with its default. A `check` also has to limit a text's length: without one, `max_length` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct
from msgspec.structs import asdict, replace

from rigfarm.commander.numbers import asked_number
from rigfarm.commander.refusals import Invalid
from rigfarm.units import count

__all__ = [
    "Changes",
    "Control",
    "Difference",
    "Field",
    "changes_of",
    "checked",
    "columns_in",
    "differences",
    "fields_of",
    "form_field",
    "from_form",
    "judged",
    "read_form",
    "read_texts",
    "revision_in",
    "texts_of",
    "typed_texts",
    "words_of",
]

Control = Literal["text", "textarea", "lines", "select", "checkbox"]
Check = Callable[[Any, Any], object]
"""Takes a field's value as typed and the whole form; returns it as it is kept, or raises Invalid for the field."""
Read = Callable[[str], object]
"""What a text means; raises Invalid when it means nothing."""
Write = Callable[[Any], str]
"""A value as text: what `Read` would read again."""
T = TypeVar("T", bound=Struct)


def form_field(
    title: str,
    hint: str = "",
    *,
    group: str = "",
    check: Check | None = None,
    read: Read | None = None,
    write: Write | None = None,
    required: bool = False,
    max_length: int = 64,
    placeholder: str = "",
    rows: int = 0,
    choices: Mapping[str, str] | None = None,
) -> Meta:
    """What a dialog and the API's documentation say of a field.

    `read` and `write` go between its value and what is typed, where these differ; `rows` makes it a text area of so
    many lines; `choices` has the label of each value of a Literal.
    """
    extra = {
        "group": group,
        "check": check,
        "read": read,
        "write": write,
        "required": required,
        "max_length": max_length,
        "placeholder": placeholder,
        "rows": rows,
        "choices": dict(choices or {}),
    }
    return Meta(title=title, description=hint or None, extra=extra)


class Field(Struct, frozen=True):
    """One field of a struct, for a dialog."""

    name: str
    control: Control
    title: str
    hint: str
    group: str
    required: bool
    max_length: int
    placeholder: str
    rows: int
    choices: dict[str, str]
    check: Check | None
    read: Read | None
    write: Write | None

    def text(self, value: object) -> str:
        """The value as the dialog and comparisons show it; of a box, whether it is ticked."""
        if self.control == "checkbox":
            return "1" if value else ""
        return str(value) if self.write is None else self.write(value)

    def words(self, value: object) -> str:
        """The value on one line, for people who compare."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if self.control == "lines" and self.write is None and isinstance(value, list):
            return ", ".join(value)
        return self.choices.get(str(value)) or self.text(value)


@cache
def fields_of(kind: type[Struct]) -> tuple[Field, ...]:
    """The fields of a struct that have a `form_field`, in its order."""
    return tuple(
        _field(info.name, *parts) for info in msgspec.structs.fields(kind) if (parts := _parts(info.type)) is not None
    )


def columns_in(kind: type[Struct], group: str) -> tuple[Field, ...]:
    """The fields of one group of a dialog."""
    return tuple(field for field in fields_of(kind) if field.group == group)


def from_form(struct: type[T], data: Mapping[str, object], **given: object) -> T:
    """What a dialog sent, as its struct: a box that is not ticked is off, and every text is as it was typed, for
    `checked` to judge and for the dialog to show again. `given`: fields that no dialog shows."""
    values = dict(given)
    for field in fields_of(struct):
        sent = data.get(field.name)
        if field.control == "checkbox":
            values[field.name] = bool(sent)
        elif isinstance(sent, str):
            values[field.name] = sent.splitlines() if field.control == "lines" else sent
        elif field.required and field.control != "lines":
            values[field.name] = ""
    return struct(**values)


def texts_of(form: Struct) -> dict[str, str]:
    """What a dialog's fields contain."""
    return {field.name: field.text(getattr(form, field.name)) for field in fields_of(type(form))}


class Difference(Struct, frozen=True):
    """One thing that differs; empty: it was not there, or is gone."""

    what: str
    before: str
    after: str


def words_of(form: Struct) -> dict[str, str]:
    """A form's values for people, by the titles of its fields."""
    return {field.title: field.words(getattr(form, field.name)) for field in fields_of(type(form))}


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """What differs between two things in words (`words_of`), in their order."""
    return [
        Difference(what, before.get(what, ""), after.get(what, ""))
        for what in dict.fromkeys([*before, *after])
        if before.get(what, "") != after.get(what, "")
    ]


def read_texts(struct: type[Struct], texts: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """Values by field as far as the texts of a dialog mean something, and what is wrong with the others."""
    values: dict[str, object] = {}
    wrong: dict[str, str] = {}
    for field in fields_of(struct):
        text = texts.get(field.name, "")
        try:
            if field.control == "checkbox":
                values[field.name] = bool(text)
            else:
                values[field.name] = text if field.read is None else field.read(text)
        except Invalid as error:
            wrong |= error.fields or {field.name: str(error)}
    return values, wrong


def typed_texts(struct: type[Struct], data: Mapping[str, object]) -> dict[str, str]:
    """What was typed in a dialog's fields, to be shown again."""
    return {field.name: sent if isinstance(sent := data.get(field.name), str) else "" for field in fields_of(struct)}


def read_form(struct: type[T], data: Mapping[str, object]) -> T:
    """What a dialog sent, as its struct; Invalid has a text for each field that means nothing. Whether the values can
    be right is for `checked` to judge."""
    values, wrong = read_texts(struct, typed_texts(struct, data))
    if wrong:
        raise Invalid.of(wrong)
    return struct(**values)


def judged(form: Struct) -> tuple[dict[str, object], dict[str, str]]:
    """Values by field as they are kept, and what is wrong with the others."""
    values: dict[str, object] = {}
    wrong: dict[str, str] = {}
    for field in fields_of(type(form)):
        value = values[field.name] = getattr(form, field.name)
        try:
            if field.choices and value not in field.choices:
                raise Invalid(f"Choose one of: {', '.join(field.choices.values())}.")
            if field.check is not None:
                values[field.name] = field.check(value, form)
            elif isinstance(value, str) and not field.choices and len(value) > field.max_length:
                raise Invalid(f"{field.title} has at most {count(field.max_length)} characters.")
        except Invalid as error:
            wrong |= error.fields or {field.name: str(error)}
    return values, wrong


def revision_in(data: Mapping[str, object]) -> int | None:
    """Which revision of the thing its dialog was opened with, or, after a conflict, the one to save over; None when it
    does not say."""
    sent = data.get("revision")
    sent = sent[-1] if isinstance(sent, list) and sent else sent
    return asked_number(sent) if isinstance(sent, str) else None


def checked(form: T) -> T:
    """The form as it is kept, or Invalid with a text for each field that cannot be right."""
    values, wrong = judged(form)
    if wrong:
        raise Invalid.of(wrong)
    return replace(form, **values)


class Changes(Struct, forbid_unknown_fields=True):
    """Some fields of a thing, as the API takes them: those left out don't change. Made by `changes_of`."""

    def over(self, form: T) -> T:
        """The form with these fields."""
        given = {name: value for name, value in asdict(self).items() if value is not UNSET}
        return replace(form, **{name: value for name, value in given.items() if name in form.__struct_fields__})


def changes_of(name: str, kind: type[Struct], doc: str, **more: type) -> type[Changes]:
    """A struct with every field of `kind`, and `more`, each of which may be left out."""
    fields = [(info.name, info.type | UnsetType, UNSET) for info in msgspec.structs.fields(kind)]
    fields += [(one, kind_of | UnsetType, UNSET) for one, kind_of in more.items()]
    made = defstruct(name, fields, bases=(Changes,), forbid_unknown_fields=True, module=kind.__module__)
    assert issubclass(made, Changes)
    made.__doc__ = doc
    return made


def _parts(annotation: Any) -> tuple[Any, Meta] | None:
    """The type and the Meta of an annotated field; None for one that no dialog shows."""
    if get_origin(annotation) is not Annotated:
        return None
    kind, *metas = get_args(annotation)
    meta = next((meta for meta in metas if isinstance(meta, Meta) and meta.extra is not None), None)
    return None if meta is None else (kind, meta)


def _field(name: str, kind: Any, meta: Meta) -> Field:
    extra: dict[str, Any] = dict(meta.extra or {})
    control: Control = "text"
    if kind is bool:
        control = "checkbox"
    elif get_origin(kind) is Literal:
        control = "select"
    elif extra["rows"]:
        control = "lines" if get_origin(kind) is list else "textarea"
    return Field(name=name, control=control, title=meta.title or name, hint=meta.description or "", **extra)
