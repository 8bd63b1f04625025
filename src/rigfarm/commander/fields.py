"""One struct is the truth of a thing that operators write: its form, its changes by API and its check follow from it.

What is not a Python type is said where the field is, by `msgspec.Meta`: `title` and `description` are the form's label
and hint (and the API's documentation), `extra` is made by `form_field`. A new field is one line of the struct; it has
its place in the dialog by its `group`.
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

__all__ = [
    "Changes",
    "Control",
    "Field",
    "changes_of",
    "checked",
    "columns_in",
    "fields_of",
    "form_field",
    "from_form",
    "judged",
    "read_texts",
    "revision_in",
    "texts_of",
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
        """The value as the dialog and comparisons show it."""
        return str(value) if self.write is None else self.write(value)


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


def read_texts(struct: type[Struct], texts: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """Values by field as far as the texts of a dialog mean something, and what is wrong with the others."""
    values: dict[str, object] = {}
    wrong: dict[str, str] = {}
    for field in fields_of(struct):
        text = texts.get(field.name, "")
        try:
            values[field.name] = text if field.read is None else field.read(text)
        except Invalid as error:
            wrong |= error.fields or {field.name: str(error)}
    return values, wrong


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
        except Invalid as error:
            wrong |= error.fields or {field.name: str(error)}
    return values, wrong


def revision_in(data: Mapping[str, object]) -> int | None:
    """Which revision of the thing its dialog was opened with; None when it does not say."""
    sent = data.get("revision")
    return asked_number(sent) if isinstance(sent, str) else None


def checked(form: T) -> T:
    """The form as it is kept, or Invalid with a text for each field that cannot be right."""
    values, wrong = judged(form)
    if wrong:
        raise Invalid.of(wrong)
    return replace(form, **values)


class Changes(Struct, forbid_unknown_fields=True):
    """Some fields of a thing, as the API takes them: what is left out stays. Made by `changes_of`."""

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
