"""Which time the charts of a page show, as its URL says, and the links to other times."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.asked import known_names, one_of
from rigfarm.commander.history import TimeRange, moment_of, time_range

__all__ = ["RANGE_PARAMS", "Asked", "Preset", "RangeView", "page_range", "range_view"]

_PRESETS = {"-1h": "1 h", "-6h": "6 h", "-24h": "24 h", "-7d": "7 d", "-30d": "30 d", "-1y": "1 y", "-2y": "2 y"}
_NONE: Mapping[str, str] = MappingProxyType({})
RANGE_PARAMS = ("from", "to", "devices", "before", "at")


class Asked(Struct, frozen=True):
    """What a page's charts should show."""

    span: TimeRange
    devices: bool = False
    """Each device by itself, too."""
    before: bool = False
    """The period before as well, to compare with."""
    at: str = ""
    """Another time, from which on it is counted back; empty: now."""

    @property
    def plain(self) -> bool:
        """Nothing but a range."""
        return not self.devices and not self.before


class Preset(Struct, frozen=True):
    """A link to another range."""

    label: str
    href: str
    current: bool


class RangeView(Struct, frozen=True):
    """The bar above the charts. `reset` is where they show what they show first; empty when they do."""

    presets: tuple[Preset, ...]
    more: tuple[Preset, ...]
    """Switches: what else is shown."""
    csv: str
    reset: str


def page_range(params: Mapping[str, str], default: str, now_ms: int) -> Asked:
    """The range that a page's parameters name. NotUnderstood for what means nothing."""
    known_names(params, RANGE_PARAMS)
    at = params.get("at", "")
    at_ms = moment_of("at", at, now_ms) if at else now_ms
    begin, end = params.get("from", "") or default, params.get("to", "") or "now"
    span = time_range(begin, end, at_ms)
    if at:  # a range that ends then does not move on
        span = replace(span, end=str(at_ms) if end == "now" else end)
    return Asked(span, _switch(params, "devices"), _switch(params, "before"), at)


def _switch(params: Mapping[str, str], name: str) -> bool:
    return one_of(name, params.get(name, ""), ("", "1")) == "1"


def range_view(
    asked: Asked,
    default: str,
    here: str,
    csv: Mapping[str, object],
    switches: Mapping[str, str] = _NONE,
    *,
    fixed: Mapping[str, str] = _NONE,
    export: str = "/api/history.csv",
) -> RangeView:
    """`here` is the page without parameters; `csv` says of what the export is; `switches` are those that the page has,
    by their parameter; `fixed` are parameters that every link keeps, `export` is where the CSV is."""
    span = asked.span
    moving = span.ends_now or bool(asked.at)
    preset = span.begin if moving else ""
    on = {name: "1" for name in switches if getattr(asked, name)}
    range_ = {"from": span.begin} if moving else {"from": span.begin, "to": span.end}
    range_ = {} if range_ == {"from": default} else range_

    def href(params: Mapping[str, str]) -> str:
        params = {**fixed, **params, **({"at": asked.at} if asked.at else {})}
        return f"{here}?{urlencode(params)}" if params else here

    more = []
    for name, label in switches.items():
        others = {key: value for key, value in on.items() if key != name}
        wanted = others if name in on else {**others, name: "1"}
        more.append(Preset(label, href({**range_, **wanted}), name in on))
    detail = {"detail": "devices"} if "devices" in on else {}
    exported = {**csv, **detail, "from": str(span.from_ms) if asked.at else span.begin, "to": span.end}
    return RangeView(
        presets=tuple(
            Preset(label, href({**({} if begin == default else {"from": begin}), **on}), begin == preset)
            for begin, label in _PRESETS.items()
        ),
        more=tuple(more),
        csv=f"{export}?{urlencode(exported)}",
        reset="" if preset in _PRESETS else href({}),
    )
