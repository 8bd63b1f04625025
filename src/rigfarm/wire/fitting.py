"""Cut a value to what its type allows: a Sentry sends nothing that its Commander would refuse, whatever the devices and
programs of its rig say. Texts and lists are shortened; a number out of its range is unknown where it may be."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar, cast

from msgspec import inspect

__all__ = ["fitted"]

_T = TypeVar("_T")
_Fit = Callable[[Any], Any]


def fitted(value: _T) -> _T:
    """A copy within the limits of its type. What cannot be made to fit (a time that is none) is left as it is."""
    return cast(_T, _struct(cast("Hashable", type(value)))(value))


@cache
def _struct(kind: type) -> _Fit:
    fields = {field.encode_name: (field, _of(field.type)) for field in _fields(kind)}

    def fit(value: Any) -> Any:
        return kind(**{name: cut(getattr(value, name)) for name, (_, cut) in fields.items()})

    return fit


def _fields(kind: type) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info.fields


def _of(info: inspect.Type) -> _Fit:
    """How a value of this type is cut."""
    if isinstance(info, inspect.UnionType):
        return _optional(info)
    if isinstance(info, inspect.StructType):
        return _struct(info.cls)
    if isinstance(info, inspect.StrType):
        return lambda text: text[: info.max_length]
    if isinstance(info, inspect.ListType):
        one = _of(info.item_type)
        return lambda items: [one(item) for item in items[: info.max_length]]
    return lambda value: value


def _optional(info: inspect.UnionType) -> _Fit:
    """`None` where a number is out of its range; unions of structs are as they are."""
    kinds = [one for one in info.types if not isinstance(one, inspect.NoneType)]
    if len(kinds) != 1 or not info.includes_none:
        return lambda value: value
    kind = kinds[0]
    cut = _of(kind)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        least, most = kind.ge, kind.le
        return lambda number: number if number is None or _within(number, least, most) else None
    return lambda value: None if value is None else cut(value)


def _within(number: float, least: float | None, most: float | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)
