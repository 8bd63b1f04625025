"""What can be asked of a rig in the search box: fields by name, what each reads, and what its values mean."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from rigfarm import units
from rigfarm.commander.refusals import NotUnderstood
from rigfarm.commander.rigs.listing.sorting import chips, hashrate, heard_ms, hottest_c, rejects, uptime
from rigfarm.commander.rigs.model import Rig, within
from rigfarm.commander.stats import RigStats
from rigfarm.commander.stats.condition import STATES

__all__ = ["FIELDS", "Check", "Field", "TextField", "hottest_c", "of_normal"]

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}

_NO_SEPARATORS = str.maketrans("", "", ":-.")
KEPT_TEXTS = 256
"""Texts of which a condition remembers whether they fit: most rigs of a farm say the same."""
Holds: TypeAlias = Callable[[Any], bool]
"""Whether a condition holds for what was read of a rig; for None, which is unknown, too."""
_Texts = Callable[[Rig, RigStats], Sequence[str | None]]
_Value = Callable[[Rig, RigStats], float | None]


class Check(NamedTuple):
    """A condition: what it reads of a rig, and whether it holds for that."""

    read: Callable[[Rig, RigStats], object]
    holds: Holds
    ages: bool = False
    """Whether what is read is a time (UTC ms), and what it holds for is how long ago that is (s)."""

    def at(self, now_ms: int) -> Holds:
        """Whether it holds at a time for what was read."""
        holds = self.holds
        if not self.ages:
            return holds
        return lambda t_ms: holds(None if t_ms is None else max(now_ms - t_ms, 0) / 1000)

    def fits(self, rig: Rig, stats: RigStats) -> bool:
        """Whether it holds for a rig."""
        return self.at(rig.now_ms)(self.read(rig, stats))

    def turned(self) -> Check:
        """The opposite."""
        holds = self.holds
        return self._replace(holds=lambda read: not holds(read))


class TextField(NamedTuple):
    """Something that is known of a rig as texts. `whole`: a value is compared with the whole of it, else it is looked
    for in it."""

    about: str
    example: str
    of: _Texts
    whole: bool = True
    known: tuple[str, ...] = ()
    """All there can be."""
    sign: str = ":"
    """The usual one."""
    read: Callable[[str], str] = str
    """A value as it is compared."""
    brief: bool = False
    """Whether it is known without the rig's log and specs."""

    def check(self, sign: str, value: str) -> Check:
        """The condition. NotUnderstood."""
        return Check(self.of, self._holds(sign, value))

    def _holds(self, sign: str, value: str) -> Holds:
        if sign in _COMPARE:
            raise NotUnderstood("this field is text: use :, = or !=")
        values = [read for one in value.replace('"', "").split(",") if (read := self.read(one.strip()))]
        if not values:
            raise NotUnderstood(f"a value is missing, for example {self.example}")
        for one in values if self.known else ():
            if "*" not in one and one.casefold() not in self.known:
                raise NotUnderstood(f"the value must be one of {', '.join(self.known)}")
        fits = _Matches(_matcher(values, whole=self.whole or sign != ":"))
        if sign == "!=":
            return lambda texts: any(texts or ()) and not any(map(fits.__getitem__, texts))

        def holds(texts: Sequence[str | None] | None) -> bool:
            for text in texts or ():  # noqa: SIM110 - any() makes this half as fast
                if fits[text]:
                    return True
            return False

        return holds


class NumberField(NamedTuple):
    """Something that is measured of a rig. `read` understands what people write; `exact`: it is counted."""

    about: str
    example: str
    of: _Value
    read: Callable[..., float]
    exact: bool = False
    of_ratio: _Value | None = None
    """What a percentage is compared with."""
    brief: bool = False
    """Whether it is known without the rig's log and specs; the percentage is not."""

    @property
    def sign(self) -> str:
        """The usual one."""
        return next(char for char in self.example if char in ":<>")

    ages: bool = False
    """As in a `Check`."""

    def check(self, sign: str, value: str) -> Check:
        """The condition. NotUnderstood."""
        value = value.replace('"', "").strip()
        if not value:
            raise NotUnderstood(f"a number is missing, for example {self.example}")
        of, read = self.of, self.read
        if self.of_ratio is not None and value.endswith("%"):
            of, read = self.of_ratio, units.parse_percent
        if value == "*" and sign == ":":
            return Check(of, lambda known: known is not None, self.ages)
        try:
            if compare := _COMPARE.get(sign):
                mark = read(value)
                return Check(of, lambda known: known is not None and compare(known, mark), self.ages)
            first, dots, last = value.partition("..")
            if not dots and not self.exact:
                raise NotUnderstood(f"write > or <, or a range, for example {self.example}")
            low, high = read(first), read(last if dots else first)
        except ValueError as error:
            raise NotUnderstood(str(error)) from None
        if low > high:
            raise NotUnderstood(f"a range begins with the smaller number: {last}..{first}")
        negative = sign == "!="
        return Check(of, lambda known: known is not None and (low <= known <= high) is not negative, self.ages)


class _Matches(dict[str | None, bool]):
    """Whether texts match, as far as is known: most rigs of a farm say the same. What is absent or empty doesn't."""

    def __init__(self, match: Callable[[str], bool]) -> None:
        super().__init__({None: False, "": False})
        self._match = match

    def __missing__(self, text: str) -> bool:
        found = self._match(text.casefold())
        if len(self) < KEPT_TEXTS:
            self[text] = found
        return found


def _matcher(values: Sequence[str], *, whole: bool) -> Callable[[str], bool]:
    """Whether a casefolded text is like one of these."""
    matches = [_like_one(value.casefold(), whole=whole) for value in values]
    return matches[0] if len(matches) == 1 else lambda text: any(match(text) for match in matches)


def _like_one(value: str, *, whole: bool) -> Callable[[str], bool]:
    if "*" in value:
        return lambda text: _like(value, text)
    return (lambda text: text == value) if whole else (lambda text: value in text)


def _like(pattern: str, text: str) -> bool:
    """Whether a text is like a pattern in which * stands for anything; in one pass over it."""
    first, *parts = pattern.split("*")
    last = parts.pop()
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in parts:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _workloads(name: str) -> _Texts:
    read = attrgetter(name)
    return lambda _, stats: tuple([read(one) for one in stats.log.workloads]) if stats.log is not None else ()


def _specs(name: str) -> _Texts:
    return lambda rig, _: (getattr(rig.specs, name),) if rig.specs is not None else ()


def _states(_: Rig, stats: RigStats) -> Sequence[str]:
    condition = stats.condition
    return (
        condition.state,
        "attention" if condition.severity else "",
        "maintenance" if condition.maintenance else "",
    )


def _models(rig: Rig, _: RigStats) -> Sequence[str]:
    specs = rig.specs
    return (
        () if specs is None else (_joined(specs.make, specs.model, specs.variant), _joined(specs.model, specs.variant))
    )


def _firmwares(rig: Rig, _: RigStats) -> Sequence[str | None]:
    specs = rig.specs
    if specs is None:
        return ()
    return specs.firmware, specs.firmware_version, _joined(specs.firmware, specs.firmware_version)


def _joined(*parts: str | None) -> str:
    return " ".join([part for part in parts if part])


def _bare(mac: str) -> str:
    """A MAC address, or a part of it, without what stands between its digits."""
    return mac.translate(_NO_SEPARATORS)


def _macs(rig: Rig, _: RigStats) -> Sequence[str]:
    return (_bare(rig.specs.mac),) if rig.specs is not None and rig.specs.mac else ()


def _gpus(rig: Rig, _: RigStats) -> Sequence[str | None]:
    return tuple([gpu.name for gpu in rig.specs.gpus]) if rig.specs is not None else ()


def _watts(_: Rig, stats: RigStats) -> float | None:
    milliwatts = stats.contribution.milliwatts
    return None if milliwatts is None else milliwatts / 1000


def of_normal(_: Rig, stats: RigStats) -> float | None:
    """The worst coin's hashrate against its normal."""
    known = [
        share.millihashes / 1000 / normal
        for share in stats.contribution.coins
        if (normal := stats.expected(share.coin))
    ]
    return min(known, default=None)


def _fan(_: Rig, stats: RigStats) -> float | None:
    """The slowest."""
    if stats.log is None:
        return None
    return min(
        (rpm for rpm in (*stats.log.fans, *stats.log.devices.fan_rpm) if rpm is not None and rpm >= 0), default=None
    )


def _gpu_count(rig: Rig, _: RigStats) -> float | None:
    return None if rig.specs is None else len(rig.specs.gpus)


_STATES = (*STATES, "attention", "maintenance")
Field = TextField | NumberField
FIELDS: Mapping[str, Field] = {
    "name": TextField("its name in Rigfarm", "name:rig-1*", lambda rig, _: (rig.name,), whole=False, brief=True),
    "state": TextField(
        "online, degraded, offline, attention, maintenance …", "state:offline", _states, known=_STATES, brief=True
    ),
    "tag": TextField("a tag that it has", "tag:solar", lambda rig, _: rig.tags, brief=True),
    "place": TextField(
        "everything in this place", "place:hall-2/rack-3", lambda rig, _: tuple(within(rig.place)), brief=True
    ),
    "circuit": TextField("the circuit that feeds it", "circuit:PDU-3", lambda _, stats: (stats.circuit,), brief=True),
    "reason": TextField(
        "why it is in this state", "reason:pool", lambda _, stats: (stats.condition.reason,), whole=False
    ),
    "coin": TextField("the coin it mines", "coin:XMR,KAS", _workloads("coin")),
    "algorithm": TextField("the algorithm", "algorithm:kawpow", _workloads("algorithm")),
    "software": TextField("its mining software", "software:xmrig", _workloads("software")),
    "pool": TextField("its pool", "pool:example.com", _workloads("pool"), whole=False),
    "wallet": TextField("its wallet", "wallet:48ed*", _workloads("wallet"), whole=False),
    "worker": TextField("its worker name at the pool", "worker:rig-1", _workloads("worker"), whole=False),
    "gpu": TextField("a graphics card", 'gpu:"RTX 3070"', _gpus, whole=False),
    "cpu": TextField("the processor", "cpu:ryzen", _specs("cpu"), whole=False),
    "model": TextField("an ASIC's make and model", 'model:"S19*"', _models, whole=False),
    "firmware": TextField("an ASIC's firmware, and its version", "firmware!=braiins", _firmwares, whole=False),
    "hostname": TextField("its hostname", "hostname:rig-1", _specs("hostname"), whole=False),
    "mac": TextField("its MAC address, with or without : and -", "mac:02:aa:*", _macs, read=_bare),
    "serial": TextField("its serial number", "serial:AB12*", _specs("serial")),
    "sentry": TextField("the version of its Sentry", "sentry!=0.2.0", _specs("sentry_version")),
    "ip": TextField(
        "its address on the LAN", "ip:10.0.3.*", lambda _, stats: (stats.log.lan_ip if stats.log else None,)
    ),
    "message": TextField(
        "a message in its log", "message:xid", lambda _, stats: tuple(stats.log.messages) if stats.log else (),
        whole=False,
    ),
    "temp": NumberField("its hottest part, °C", "temp>80", hottest_c, units.parse_temperature),
    "power": NumberField("its power", "power>1.2kW", _watts, units.parse_power, brief=True),
    "hashrate": NumberField(
        "its hashrate, or the share of its normal one", "hashrate<90%", hashrate, units.parse_hashrate,
        of_ratio=of_normal, brief=True,
    ),
    "rejects": NumberField("rejected shares", "rejects>2%", rejects, units.parse_percent, brief=True),
    "fan": NumberField("its slowest fan, rpm", "fan<1000", _fan, units.parse_count),
    "uptime": NumberField("time since it started", "uptime<1h", uptime, units.parse_duration),
    "seen": NumberField(
        "time since its last report", "seen>10m", heard_ms, units.parse_duration, ages=True, brief=True
    ),
    "chips": NumberField("share of chips that work", "chips<99%", chips, units.parse_percent),
    "gpus": NumberField("how many graphics cards", "gpus:6", _gpu_count, units.parse_count, exact=True),
    "messages": NumberField(
        "how many messages", "messages>0", lambda _, stats: len(stats.log.messages) if stats.log else None,
        units.parse_count, exact=True,
    ),
}  # fmt: skip
"""By name; what an error and the help beside the search box list."""
