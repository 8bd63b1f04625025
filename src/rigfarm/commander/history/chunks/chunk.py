"""Ten minutes of one rig's logs as a chunk: what stays the same from log to log once, what is measured as columns.

A log is split into its *form* (names, versions, pools, states, messages: all that is not a number) and its numbers.
Logs of the same form share it, and a table of columns. Measurements are kept as codes (`codes`), counters exactly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter, gt, itemgetter

import msgspec

from rigfarm.commander.history.chunks.codes import UNKNOWN, codes, values
from rigfarm.commander.history.chunks.columns import Columns, DamagedError, Key, pack
from rigfarm.wire.log import Devices, OperationalLog, Pool, Workload

__all__ = ["COUNTED", "Chunk", "Part", "last_log", "parts_of"]

COUNTED = ("accepted", "rejected", "stale", "invalid", "uptime_s")
"""What is counted of each workload; the uptime in tenths of a second."""

_MEASURES = (
    "core_c",
    "memory_c",
    "chip_c",
    "core_mhz",
    "memory_mhz",
    "fan_percent",
    "fan_rpm",
    "power_w",
    "power_limit_w",
)
_measures = attrgetter(*_MEASURES)
_TENTHS = 10
"""Uptimes are kept to a tenth of a second."""
_LONGEST = 1e12


# A new field of a log, or a measure of its devices, is lost here without an error until `_form_of`, `_measured` (or
# `_counted`) and `_join` have it, or `_MEASURES` at its end. Stored chunks must still be readable.
class _Form(msgspec.Struct, array_like=True):
    """A log without its numbers, and which of its columns there are."""

    log: OperationalLog
    measures: list[bool]
    rates: list[bool]
    chips: list[bool]
    fans: int


class _Chunk(msgspec.Struct, array_like=True):
    forms: list[bytes]
    tables: list[bytes]


_form = msgspec.msgpack.Decoder(_Form)
_chunk = msgspec.msgpack.Decoder(_Chunk)


class Part:
    """The logs of one form: `form`, and columns of what is counted and what is measured, in order of time.

    Columns of `counted`: t, the rig's uptime, five of each workload (COUNTED), two of each pool, working and expected
    chips of each device. Columns of `measured`: power, hashrate and expected hashrate of each workload, each measure
    and hashrate of each device, fans.
    """

    def __init__(self, form: _Form, counted: list[list[int]], coded: list[list[int]]) -> None:
        self.form = form.log
        self.counted = counted
        self._form = form
        self._coded = coded
        self._measured: list[list[float | None]] | None = None

    @property
    def times(self) -> list[int]:
        """UTC ms, rising."""
        return self.counted[0]

    @property
    def measured(self) -> list[list[float | None]]:
        """What is stored of the measurements: what is made from it does not depend on when its logs came."""
        if self._measured is None:
            self._measured = [values(column) for column in self._coded]
        return self._measured

    @property
    def measures(self) -> list[str]:
        """Which measures of devices there are, in the order of their columns."""
        return [name for name, there in zip(_MEASURES, self._form.measures, strict=False) if there]

    @property
    def rated(self) -> list[int]:
        """Workloads of which devices have hashrates."""
        return [n for n, there in enumerate(self._form.rates) if there]

    @property
    def chips(self) -> list[str]:
        """Which counts of chips there are."""
        return [name for name, there in zip(("chips", "chips_expected"), self._form.chips, strict=False) if there]

    def only(self, row: int) -> Part:
        """A part of one log."""
        return Part(self._form, [[column[row]] for column in self.counted], [[column[row]] for column in self._coded])

    def log(self, row: int) -> OperationalLog:
        """One log as it is stored."""
        return self.made([column[row] for column in self.counted], [column[row] for column in self.measured])

    def made(self, counted: Sequence[int], measured: Sequence[float | None]) -> OperationalLog:
        """A log of this form with other numbers."""
        return _join(self._form, iter(counted), iter(measured))

    def add(self, logs: Sequence[OperationalLog]) -> None:
        """Add logs of this form."""
        counted = zip(*(_counted(log, self._form) for log in logs), strict=True)
        for column, more in zip(self.counted, counted, strict=True):
            column += more
        measured = zip(*(_measured(log, self._form) for log in logs), strict=True)
        for column, found in zip(self._coded, measured, strict=True):
            column += codes(found)
        self._measured = None
        times = self.times
        if any(map(gt, times, times[1:])):
            order = sorted(range(len(times)), key=times.__getitem__)
            self.counted = [[column[n] for n in order] for column in self.counted]
            self._coded = [[column[n] for n in order] for column in self._coded]

    def packed(self) -> bytes:
        """Its columns as bytes."""
        columns: dict[Key, Sequence[int]] = {}
        columns |= {("", "", f"{n:05}"): column for n, column in enumerate(self.counted)}
        columns |= {("f", "", f"{n:05}"): column for n, column in enumerate(self._coded)}
        return pack(len(self.times), columns)


class Chunk:
    """A set of logs by their time."""

    def __init__(self) -> None:
        self.parts: dict[bytes, Part] = {}
        """By their form."""
        self._times: set[int] = set()
        self._order: list[tuple[int, Part, int]] | None = None

    @classmethod
    def unpack(cls, data: bytes) -> Chunk:
        """Inverse of `pack`; DamagedError."""
        found = cls()
        try:
            stored = _chunk.decode(data)
            for form, table in zip(stored.forms, stored.tables, strict=True):
                columns = Columns(table).all()
                counted = [column for key, column in columns.items() if key[0] == ""]
                part = Part(_form.decode(form), counted, [one for key, one in columns.items() if key[0] == "f"])
                part.log(0)
                found.parts[form] = part
                found._times.update(part.times)
        except (msgspec.DecodeError, LookupError, ValueError, StopIteration, RuntimeError) as error:
            raise DamagedError(str(error)) from None
        return found

    def pack(self) -> bytes:
        """As bytes: the same for the same logs."""
        parts = sorted(self.parts.items(), key=lambda one: one[1].times[0])
        return msgspec.msgpack.encode(_Chunk([form for form, _ in parts], [part.packed() for _, part in parts]))

    def add(self, logs: Iterable[OperationalLog]) -> list[int]:
        """Add logs, each time once: what is there stays. Returns the times that are new."""
        forms: dict[bytes, tuple[_Form, list[OperationalLog]]] = {}
        new = []
        for log in logs:
            if log.t not in self._times:
                self._times.add(log.t)
                new.append(log.t)
                form = _form_of(log)
                forms.setdefault(msgspec.msgpack.encode(form), (form, []))[1].append(log)
        for key, (form, some) in forms.items():
            part = self.parts.get(key)
            if part is None:
                count = len(_counted(some[0], form)), len(_measured(some[0], form))
                part = self.parts[key] = Part(form, [[] for _ in range(count[0])], [[] for _ in range(count[1])])
            part.add(some)
        if new:
            self._order = None
        return new

    def order(self) -> list[tuple[int, Part, int]]:
        """Every log in order of time: (t, its part, its row)."""
        if self._order is None:
            found = [(t, part, row) for part in self.parts.values() for row, t in enumerate(part.times)]
            self._order = found if len(self.parts) == 1 else sorted(found, key=itemgetter(0))
        return self._order

    def logs(self) -> Iterator[OperationalLog]:
        """Every log in order of time."""
        for _, part, row in self.order():
            yield part.log(row)

    def __len__(self) -> int:
        return len(self._times)


def parts_of(data: bytes) -> Iterator[tuple[OperationalLog, list[int], Callable[[Sequence[int]], list[list[int]]]]]:
    """Of each part of a packed chunk its form, its times, and what decodes columns of what is counted (0 and up) and of
    the codes of what is measured (-1 is the first of them, -2 the next); nothing else is decoded. DamagedError."""
    try:
        stored = _chunk.decode(data)
        for form, table in zip(stored.forms, stored.tables, strict=True):
            columns = Columns(table)
            keys = list(columns.keys)
            counted = sum(key[0] == "" for key in keys)

            def some(
                wanted: Sequence[int], columns: Columns = columns, keys: list[Key] = keys, counted: int = counted
            ) -> list[list[int]]:
                return [columns.get(keys[one if one >= 0 else counted - 1 - one]) or [] for one in wanted]

            yield _form.decode(form).log, some([0])[0], some
    except (msgspec.DecodeError, LookupError, ValueError) as error:
        raise DamagedError(str(error)) from None


def last_log(data: bytes, t_ms: int) -> OperationalLog | None:
    """The last log of a packed chunk that isn't later; DamagedError. Nothing else of the chunk is decoded."""
    try:
        stored = _chunk.decode(data)
        best: tuple[int, int, Columns, bytes] | None = None
        for form, table in zip(stored.forms, stored.tables, strict=True):
            columns = Columns(table)
            times = columns.get(next(iter(columns.keys))) or []
            row = bisect_right(times, t_ms) - 1
            if row >= 0 and (best is None or times[row] > best[0]):
                best = times[row], row, columns, form
        if best is None:
            return None
        _, row, columns, form = best
        numbers = list(columns.row(row).values())
        counted = sum(key[0] == "" for key in columns.keys)
        return _join(_form.decode(form), iter(numbers[:counted]), iter(values(numbers[counted:])))
    except (msgspec.DecodeError, LookupError, ValueError, StopIteration, RuntimeError, ArithmeticError) as error:
        raise DamagedError(str(error)) from None


# The parts of a log


def _form_of(log: OperationalLog) -> _Form:
    devices, count = log.devices, len(log.devices)
    return _Form(
        OperationalLog(
            t=0,
            lan_ip=log.lan_ip,
            wan_ip=log.wan_ip,
            workloads=[
                Workload(
                    one.software,
                    one.version,
                    one.coin,
                    one.algorithm,
                    pool=one.pool,
                    wallet=one.wallet,
                    worker=one.worker,
                    state=one.state,
                    playbook=one.playbook,
                )
                for one in log.workloads
            ],
            devices=Devices(
                kinds=devices.kinds,
                indexes=devices.indexes,
                ids=devices.ids,
                names=devices.names,
                missing=devices.missing,
            ),
            pools=[Pool(one.url, one.user, one.alive, one.active) for one in log.pools],
            messages=log.messages,
        ),
        [len(column) == count for column in _measures(devices)] if count else [],
        [len(column) == count for column in devices.hashrates] if count else [],
        [len(column) == count for column in (devices.chips, devices.chips_expected)] if count else [],
        len(log.fans),
    )


def _counted(log: OperationalLog, form: _Form) -> list[int]:
    found: list[int | None] = [log.t, _tenths(log.uptime_s)]
    for one in log.workloads:
        found += (one.accepted, one.rejected, one.stale, one.invalid, _tenths(one.uptime_s))
    for pool in log.pools:
        found += (pool.accepted, pool.rejected)
    devices = log.devices
    for column, there in zip((devices.chips, devices.chips_expected), form.chips, strict=False):
        if there:
            found += column
    return [UNKNOWN if one is None or one < 0 else one for one in found]


def _tenths(seconds: float | None) -> int | None:
    return round(seconds * _TENTHS) if seconds is not None and 0.0 <= seconds < _LONGEST else None


def _measured(log: OperationalLog, form: _Form) -> list[float | None]:
    found = [log.power_w]
    for one in log.workloads:
        found += (one.hashrate, one.expected_hashrate)
    for column, there in zip(_measures(log.devices), form.measures, strict=False):
        if there:
            found += column
    for column, there in zip(log.devices.hashrates, form.rates, strict=False):
        if there:
            found += column
    return found + log.fans


def _join(form: _Form, ints: Iterator[int], floats: Iterator[float | None]) -> OperationalLog:
    count = len(form.log.devices)

    def whole() -> int | None:
        number = next(ints)
        return None if number == UNKNOWN else number

    def seconds() -> float | None:
        number = whole()
        return None if number is None else number / _TENTHS

    t, uptime_s = next(ints), seconds()
    power_w = next(floats)
    workloads = []
    for one in form.log.workloads:
        accepted, rejected, stale, invalid, since = whole(), whole(), whole(), whole(), seconds()
        rate, expected = next(floats), next(floats)
        workloads.append(
            msgspec.structs.replace(
                one,
                hashrate=rate,
                accepted=accepted,
                rejected=rejected,
                stale=stale,
                invalid=invalid,
                uptime_s=since,
                expected_hashrate=expected,
            )
        )
    pools = [msgspec.structs.replace(one, accepted=whole(), rejected=whole()) for one in form.log.pools]
    chips = [[whole() for _ in range(count)] if there else [] for there in form.chips] or [[], []]
    measures = [list(islice(floats, count)) if there else [] for there in form.measures]
    rates = [list(islice(floats, count)) if there else [] for there in form.rates]
    devices = msgspec.structs.replace(
        form.log.devices,
        **dict(zip(_MEASURES, measures, strict=False)),
        hashrates=rates,
        chips=chips[0],
        chips_expected=chips[1],
    )
    return msgspec.structs.replace(
        form.log,
        t=t,
        uptime_s=uptime_s,
        power_w=power_w,
        workloads=workloads,
        devices=devices,
        fans=list(islice(floats, form.fans)),
        pools=pools,
    )
