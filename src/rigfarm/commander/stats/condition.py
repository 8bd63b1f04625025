"""How a rig is: the one function that decides its state. Pure, and quick enough to run for every log.

Words: waiting (never reported) · online · degraded (a device missing, too hot, under its normal) · idle (up, mining
nothing) · offline · removed. Values past a *warn* mark are coloured where they stand and make no rig sick; past a
*bad* mark they do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from rigfarm.commander.stats.marks import CHIP, CORE, HOTTEST_C, MEMORY, REJECTS, SHORTFALL, Mark
from rigfarm.units import percent
from rigfarm.wire.log import DeviceKind, Devices, OperationalLog, Workload

__all__ = ["SILENT_INTERVALS", "WAITING", "Condition", "State", "condition", "device_label", "reject_ratio"]

State = Literal["waiting", "online", "degraded", "idle", "offline", "removed"]

SILENT_INTERVALS = 3
"""A rig not heard of for so many report intervals is offline."""
STARTING_S = 600.0
"""A mining program may take so long until it knows its hashrate (a DAG, a data set)."""
SLACK_C = 3.0
SLACK_RATIO = 0.05
"""What was past its mark must come back by so much to be well again: no flicker at the edge."""
MIN_SHARES = 20
MIN_REJECTED = 3
MAX_HASHRATE = 1e24


class Condition(Struct, frozen=True):
    """How a rig is, and why."""

    state: State
    reason: str = ""
    """For people, with the numbers of the moment; empty when all is well."""
    severity: int = 0
    """0 well, 1 needs attention, 2 needs it now."""
    attention_rank: int = 9
    """Place in the order by attention: 0 first."""
    cause: str = ""
    """The reason without its numbers: changes only when something else is wrong than before."""
    word: str = ""
    """What the state badge says instead of the state, for example `hot`."""


WAITING = Condition("waiting", attention_rank=8)
_ONLINE = Condition("online")
_LINK_LOST = Condition("offline", "link lost", 2, 0, "link")
_SILENT = Condition("offline", "connected, but sends nothing", 2, 0, "silent")

_HOT, _NOTHING, _LITTLE, _REJECTING = 1, 2, 3, 4
_NAMES: dict[DeviceKind, str] = {"cpu": "CPU", "gpu": "GPU", "hashboard": "board"}


def device_label(kind: DeviceKind, index: int) -> str:
    """`GPU 3`, `board 1`; a rig's only CPU is `CPU`."""
    return "CPU" if kind == "cpu" and not index else f"{_NAMES[kind]} {index}"


def condition(
    log: OperationalLog | None,
    *,
    link_up: bool,
    last_seen_age_s: float | None,
    interval_s: float,
    normal_hashrate: Callable[[str], float | None],
    before: Condition | None = None,
) -> Condition:
    """A rig's condition from its latest log, its link and its age; `normal_hashrate` says H/s for a coin.

    With `before`, what it was, a value at the edge of its mark does not make the state flicker.
    """
    if log is None:
        return WAITING
    if not link_up:
        return _LINK_LOST
    if last_seen_age_s is None or last_seen_age_s > SILENT_INTERVALS * interval_s:
        return _SILENT
    was = before.word if before is not None else ""
    return (
        _too_hot(log.devices, SLACK_C if was == "hot" else 0.0)
        or _mines_nothing(log.workloads)
        or _device_gone(log.devices)
        or _mines_little(log.workloads, normal_hashrate, SLACK_RATIO if was == "slow" else 0.0)
        or _partly_down(log.workloads)
        or _rejecting(log.workloads)
        or _ONLINE
    )


def _too_hot(devices: Devices, slack: float) -> Condition | None:
    kinds = devices.kinds
    count = len(kinds)
    found: dict[int, tuple[float, str]] = {}
    for column, marks, part in (
        (devices.core_c, CORE, ""),
        (devices.memory_c, MEMORY, " memory"),
        (devices.chip_c, CHIP, " chip"),
    ):
        if len(column) == count:
            _past_bad(column, kinds, marks, slack, part, found)
    if not found:
        return None
    row, (celsius, part) = max(found.items(), key=lambda item: item[1][0])
    index = devices.indexes[row] if len(devices.indexes) == count else row
    name = device_label(kinds[row], index)
    others = f", {len(found) - 1} more" if len(found) > 1 else ""
    return Condition("degraded", f"{name}{part} at {celsius:.0f} °C{others}", 2, _HOT, f"hot {name}{part}", "hot")


def _past_bad(
    column: list[float | None],
    kinds: list[DeviceKind],
    marks: dict[DeviceKind, Mark],
    slack: float,
    part: str,
    found: dict[int, tuple[float, str]],
) -> None:
    for row, celsius in enumerate(column):
        if celsius is None or celsius < 70.0:
            continue
        mark = marks.get(kinds[row])
        if mark is None or not mark.bad - slack <= celsius < HOTTEST_C:
            continue
        if row not in found or celsius > found[row][0]:
            found[row] = (celsius, part)


def _rate(workload: Workload) -> float | None:
    rate = workload.hashrate
    return rate if rate is not None and 0.0 <= rate < MAX_HASHRATE else None


def _program(workload: Workload) -> str:
    return workload.software or "the mining program"


def _mines_nothing(workloads: list[Workload]) -> Condition | None:
    """Nothing hashes, and nothing is about to."""
    if not workloads:
        return Condition("idle", "no mining program runs", 2, _NOTHING, "no program")
    for workload in workloads:
        rate = _rate(workload)
        if rate or (rate is None and _may_come(workload)):
            return None
    first = workloads[0]
    name, state = _program(first), first.state
    if any(workload.state == "unreachable" for workload in workloads):
        return Condition("degraded", f"{name} does not answer", 2, _NOTHING, "no answer", "no answer")
    if state == "failed":
        return Condition("idle", f"{name} failed", 2, _NOTHING, "failed")
    if state == "stopped":
        return Condition("idle", f"{name} is stopped", 2, _NOTHING, "stopped")
    if _rate(first) is None:
        return Condition("idle", f"{name} runs without a hashrate", 2, _NOTHING, "no hashrate")
    return Condition("idle", f"{name} mines nothing", 2, _NOTHING, "mines nothing")


def _may_come(workload: Workload) -> bool:
    """A hashrate that is unknown, and may well become known."""
    if workload.state not in ("starting", "mining", None):
        return False
    return workload.uptime_s is None or not workload.uptime_s > STARTING_S


def _device_gone(devices: Devices) -> Condition | None:
    count = len(devices)
    if len(devices.missing) == count and True in devices.missing:
        gone = [row for row, missing in enumerate(devices.missing) if missing]
        kind = devices.kinds[gone[0]]
        index = devices.indexes[gone[0]] if len(devices.indexes) == count else gone[0]
        name = device_label(kind, index)
        what = "fell off the bus" if kind == "gpu" else "is missing"
        others = f", {len(gone) - 1} more" if len(gone) > 1 else ""
        return Condition("degraded", f"{name} {what}{others}", 1, _LITTLE, f"missing {name}{others}")
    if count and len(devices.chips) == count == len(devices.chips_expected):
        for row, (chips, expected) in enumerate(zip(devices.chips, devices.chips_expected, strict=True)):
            if chips is not None and expected is not None and 0 <= chips < expected:
                index = devices.indexes[row] if len(devices.indexes) == count else row
                name = device_label(devices.kinds[row], index)
                return Condition("degraded", f"{name}: {chips} of {expected} chips", 1, _LITTLE, f"chips {name}")
    return None


def _mines_little(
    workloads: list[Workload], normal_hashrate: Callable[[str], float | None], slack: float
) -> Condition | None:
    """A coin's hashrate is far under what is normal for the rig, or under what the device says it should make."""
    worst = SHORTFALL.bad - slack
    found: Condition | None = None
    for coin, (rate, expected) in _by_coin(workloads).items():
        normal = normal_hashrate(coin) or expected
        if not normal or rate is None:
            continue
        shortfall = 1.0 - rate / normal
        if shortfall >= worst:
            worst = shortfall
            reason = f"{coin} {percent(shortfall)} under its normal"
            found = Condition("degraded", reason, 1, _LITTLE, f"slow {coin}", "slow")
    return found


def _by_coin(workloads: list[Workload]) -> dict[str, tuple[float | None, float]]:
    """(H/s, expected H/s) by coin; a rate is unknown when one of its parts is."""
    coins: dict[str, tuple[float | None, float]] = {}
    for workload in workloads:
        coin = workload.coin or workload.algorithm or "?"
        rate, expected = _rate(workload), workload.expected_hashrate
        if expected is None or not 0.0 < expected < MAX_HASHRATE:
            expected = 0.0
        if coin in coins:
            sum_rate, sum_expected = coins[coin]
            rate = None if rate is None or sum_rate is None else rate + sum_rate
            expected += sum_expected
        coins[coin] = (rate, expected)
    return coins


def _partly_down(workloads: list[Workload]) -> Condition | None:
    if len(workloads) < 2:
        return None
    for workload in workloads:
        if workload.state in ("failed", "stopped", "unreachable") or _rate(workload) == 0.0:
            says = {"failed": "failed", "stopped": "is stopped", "unreachable": "does not answer"}
            coin = workload.coin or workload.algorithm or "one coin"
            what = f"{coin}: {_program(workload)} {says.get(workload.state or '', 'mines nothing')}"
            return Condition("degraded", what, 1, _LITTLE, f"down {coin}")
    return None


def reject_ratio(workloads: list[Workload]) -> float | None:
    """Rejected of all decided shares; unknown while there are too few to say."""
    accepted = rejected = 0
    for workload in workloads:
        accepted += max(workload.accepted or 0, 0)
        rejected += max(workload.rejected or 0, 0)
    return rejected / (accepted + rejected) if accepted + rejected >= MIN_SHARES else None


def _rejecting(workloads: list[Workload]) -> Condition | None:
    ratio = reject_ratio(workloads)
    if ratio is None or ratio < REJECTS.bad or sum(w.rejected or 0 for w in workloads) < MIN_REJECTED:
        return None
    return Condition("degraded", f"{percent(ratio)} of shares rejected", 1, _REJECTING, "rejecting", "rejecting")
