"""JSON of a mining program into a typed Struct, field by field: what is missing, null or of a wrong type costs itself.

msgspec decodes a whole answer or nothing. Here one GPU whose temperature is "N/A", whose hashrate is a bare `nan` as
C prints it, or which is null altogether, keeps its place and its other values, and its neighbours theirs. A Struct
read this way gives every field a default that means "unknown".
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping
from functools import cache
from itertools import islice
from typing import TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from rigfarm.sentry.miners.damaged import Salvaged, salvage

__all__ = ["decode", "examine", "read", "read_list", "shape"]

S = TypeVar("S", bound=Struct)

_WRITTEN_NUMBER = re.compile(r"\s*([+-]?)0*(\d+(?:\.\d*)?|\.\d+)\s*")
"""`004`, ` 61`, `.5`: numbers to a person, not to JSON."""


class _Absent:
    """A value of no use: the field keeps its default."""


_ABSENT = _Absent()
_MAX_ITEMS = 1024
"""Of one list or object: more devices or threads than any rig has, so that no answer costs more than a moment."""
_Converter = Callable[[object], object]


def decode(data: bytes) -> object:
    """The JSON value in `data`, as far as it is whole, or None for garbage. A NUL at the end (the cgminer protocol),
    bytes that are no UTF-8 and numbers such as `-nan` and 1e999 are put up with, and so is all that `damaged` mends."""
    return examine(data).tree


def examine(data: bytes) -> Salvaged:
    """The same, and in which way `data` is not the JSON it should be."""
    data = data.strip(b"\0 \r\n\t")
    try:
        tree: object = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return salvage(data)
    return Salvaged(tree, "")


def read(data: bytes | None, form: type[S]) -> S | None:
    """`data` as a `form`, or None where it is no JSON object."""
    tree = decode(data) if data else None
    return shape(tree, form) if isinstance(tree, dict) else None


def read_list(data: bytes | None, form: type[S]) -> list[S] | None:
    """`data` as a list of `form`, or None where it is no JSON array. An item of a wrong type keeps its place."""
    tree = decode(data) if data else None
    return [_item(item, form) for item in tree[:_MAX_ITEMS]] if isinstance(tree, list) else None


def shape(tree: Mapping[str, object], form: type[S]) -> S:
    """A `form` with whatever of `tree` fits it."""
    values: dict[str, object] = {}
    for name, key, convert in _plan(form):
        value = tree.get(key)
        if value is not None and (fitting := convert(value)) is not _ABSENT:
            values[name] = fitting
    return form(**values)


def _item(tree: object, form: type[S]) -> S:
    return shape(tree, form) if isinstance(tree, dict) else form()


@cache
def _plan(form: type[Struct]) -> tuple[tuple[str, str, _Converter], ...]:
    fields = msgspec.structs.fields(form)
    return tuple((field.name, field.encode_name, _converter(field.type)) for field in fields)


def _converter(kind: object) -> _Converter:
    """How to make a value of this annotation out of anything JSON can hold."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        options = [option for option in arguments if option is not types.NoneType]
        return _converter(options[0]) if len(options) == 1 else _to_scalar(kind)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _to_struct(kind)
    if origin is list:
        return _to_list(arguments[0])
    if origin is dict:
        return _to_dict(arguments[1])
    return _to_scalar(kind)


def _to_struct(form: type[Struct]) -> _Converter:
    return lambda value: shape(value, form) if isinstance(value, dict) else _ABSENT


def _to_list(kind: object) -> _Converter:
    convert = _converter(kind)

    def to_list(value: object) -> object:
        if not isinstance(value, list):
            return _ABSENT
        items = (_ABSENT if item is None else convert(item) for item in value[:_MAX_ITEMS])
        return [_unknown(kind) if item is _ABSENT else item for item in items]

    return to_list


def _unknown(kind: object) -> object:
    """What stands in a list for an item of no use."""
    origin = get_origin(kind)
    if origin in (list, dict):
        return origin()
    return kind() if isinstance(kind, type) and issubclass(kind, Struct) else None


def _to_dict(kind: object) -> _Converter:
    convert = _converter(kind)

    def to_dict(value: object) -> object:
        if not isinstance(value, dict):
            return _ABSENT
        known = islice(((key, item) for key, item in value.items() if item is not None), _MAX_ITEMS)
        converted = ((str(key), convert(item)) for key, item in known)
        return {key: item for key, item in converted if item is not _ABSENT}

    return to_dict


def _to_scalar(kind: object) -> _Converter:
    wants_text = str in get_args(kind) or kind is str

    def to_scalar(value: object) -> object:
        try:
            return msgspec.convert(value, kind, strict=False)
        except (msgspec.ValidationError, OverflowError, UnicodeError):  # the last: half of a surrogate pair
            pass
        if isinstance(value, str):
            return _written_number(value)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if wants_text and is_number else _ABSENT

    def _written_number(text: str) -> object:
        found = _WRITTEN_NUMBER.fullmatch(text[:64])
        try:
            return msgspec.convert(float(found[1] + found[2]), kind, strict=False) if found else _ABSENT
        except (msgspec.ValidationError, OverflowError):
            return _ABSENT

    return to_scalar
