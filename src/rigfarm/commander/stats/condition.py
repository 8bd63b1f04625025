"""How a rig is: the one function that decides its state. Pure, and quick enough to run for every log.

Words: waiting (never reported) · online · degraded (a device missing, too hot, under its normal) · idle (up, mining
nothing) · stopped (by an operator) · offline · removed. Values past a *warn* mark are coloured where they stand and
make no rig sick; past a *bad* mark they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.stats.marks import MARKS, Mark
from rigfarm.common.intermittent import intermittent
from rigfarm.common.plausible import HOTTEST_C, is_possible, possible
from rigfarm.units import percent
from rigfarm.wire.log import DeviceKind, Devices, OperationalLog, Workload

__all__ = [
    "SILENT_INTERVALS",
    "STATES",
    "UP",
    "WAITING",
    "Condition",
    "State",
    "a_round_runs",
    "by_coin",
    "condition",
    "device_label",
    "in_rounds_by_workload",
    "mines_nothing",
    "reject_ratio",
]

State = Literal["waiting", "online", "degraded", "idle", "stopped", "offline", "removed"]

STATES = ("online", "degraded", "idle", "stopped", "offline", "waiting")
"""Those that a rig of the farm can be in."""
UP = frozenset({"online", "degraded", "idle", "stopped"})
"""It reports."""
SILENT_INTERVALS = 3
"""A rig not heard of for so many report intervals is offline."""
STARTING_S = 600.0
"""A mining program may take so long until it knows its hashrate (a DAG, a data set)."""
SLACK_C = 3.0
SLACK_RATIO = 0.05
"""What was past its mark must come back by so much to be well again: no flicker at the edge."""
MIN_SHARES = 20
MIN_REJECTED = 3


class Condition(Struct, frozen=True, gc=False):
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
    maintenance: bool = False
    """A person works on the rig: whatever its state, it needs no attention."""

    def maintained(self) -> Condition:
        """The same for a rig that a person works on."""
        return replace(self, severity=0, attention_rank=_MAINTAINED, maintenance=True)


WAITING = Condition("waiting", attention_rank=8)
_ONLINE = Condition("online")
_LINK_LOST = Condition("offline", "link lost", 2, 0, "link")
_TOKEN_DUE = Condition("offline", "waiting for its new token", 2, 0, "token")
_SILENT = Condition("offline", "connected, but sends nothing", 2, 0, "silent")

_HOT, _NOTHING, _LITTLE, _REJECTING, _MAINTAINED, _RESTING = 1, 2, 3, 4, 6, 7
_TROUBLES = {
    "unreachable": "no answer",
    "wrong-credentials": "wrong login",
    "unrecognised": "not recognised",
    "id-mismatch": "another device answers",
}
"""Kinds of `wire.frames.RigTrouble`."""
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
    in_rounds: Callable[[str], bool] = lambda _: False,
    token_due: bool = False,
    resting: str = "",
    off: str = "",
    trouble: tuple[str, str] = ("", ""),
) -> Condition:
    """A rig's condition from its latest log, its link and its age; `normal_hashrate` says H/s for a coin, and
    `in_rounds` whether the rig mines it now and then. `token_due`: it cannot connect before it has its new token;
    `resting`: why it mines nothing on purpose; `off`: why it is away on purpose; `trouble`: kind and sentence of its
    Sentry, where it has nothing to report of the rig.

    With `before`, what it was, a value at the edge of its mark does not make the state flicker.
    """
    if log is None:
        return WAITING if not trouble[0] else Condition("waiting", _words(*trouble), 0, 8, f"silent {trouble[0]}")
    if not link_up:
        if off:
            return Condition("offline", off, 0, _RESTING, "off", "stopped")
        return _TOKEN_DUE if token_due else _LINK_LOST
    if last_seen_age_s is None or last_seen_age_s > SILENT_INTERVALS * interval_s:
        return _SILENT if not trouble[0] else Condition("offline", _words(*trouble), 2, 0, f"silent {trouble[0]}")
    was = before.word if before is not None else ""
    rounds = in_rounds_by_workload(log.workloads, in_rounds)
    return (
        _too_hot(log.devices, SLACK_C if was == "hot" else 0.0)
        or (mines_nothing(log.workloads, rounds) if not resting else None)
        or _device_gone(log.devices)
        or (_rests(log.workloads, resting) if resting else None)
        or _mines_little(log.workloads, rounds, normal_hashrate, SLACK_RATIO if was == "slow" else 0.0)
        or _partly_down(log.workloads, rounds)
        or _rejecting(log.workloads)
        or _ONLINE
    )


def _words(kind: str, detail: str) -> str:
    """What its Sentry knows, in short and as a sentence."""
    label = _TROUBLES.get(kind, kind.replace("-", " "))
    if detail[: len(label)].casefold() == label:
        return label + detail[len(label) :]
    return ": ".join(part for part in (label, detail) if part)


def _too_hot(devices: Devices, slack: float) -> Condition | None:
    kinds = devices.kinds
    count = len(kinds)
    found: dict[int, tuple[float, str]] = {}
    for column, marks, part in (
        (devices.core_c, MARKS.core, ""),
        (devices.memory_c, MARKS.memory, " memory"),
        (devices.chip_c, MARKS.chip, " chip"),
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
    marks: Mapping[DeviceKind, Mark],
    slack: float,
    part: str,
    found: dict[int, tuple[float, str]],
) -> None:
    coolest = MARKS.coolest_bad - slack
    for row, celsius in enumerate(column):
        if celsius is None or celsius < coolest:
            continue
        mark = marks.get(kinds[row])
        if mark is None or not mark.bad - slack <= celsius < HOTTEST_C:
            continue
        if row not in found or celsius > found[row][0]:
            found[row] = (celsius, part)


def _rate(workload: Workload) -> float | None:
    return possible("hashrate", workload.hashrate)


def in_rounds_by_workload(workloads: Iterable[Workload], learned: Callable[[str], bool]) -> list[bool]:
    """Which of them are mined now and then, by their names or by what was `learned` of their coins."""
    return [_in_rounds(workload, learned) for workload in workloads]


def _in_rounds(workload: Workload, learned: Callable[[str], bool]) -> bool:
    known = intermittent(workload.coin, workload.algorithm, workload.pool)
    return known or learned(workload.coin or workload.algorithm or "?")


def a_round_runs(workloads: list[Workload], rounds: list[bool]) -> bool:
    """A coin that is mined now and then is being mined: the others are paused for it."""
    return any(in_rounds and _rate(workload) for workload, in_rounds in zip(workloads, rounds, strict=True))


def _program(workload: Workload) -> str:
    return workload.software or "the mining program"


def mines_nothing(workloads: list[Workload], rounds: list[bool]) -> Condition | None:
    """Nothing hashes, and nothing is about to; `rounds`: which workloads are mined now and then."""
    if not workloads:
        return Condition("idle", "no mining program is running", 2, _NOTHING, "no program")
    for workload in workloads:
        rate = _rate(workload)
        if rate or (rate is None and _may_come(workload)):
            return None
    if all(in_rounds and _rate(workload) == 0.0 for workload, in_rounds in zip(workloads, rounds, strict=True)):
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


def _rests(workloads: list[Workload], resting: str) -> Condition | None:
    """Nothing hashes, and nothing should: no trouble."""
    if any(_rate(workload) for workload in workloads):
        return None
    return Condition("stopped", resting, 0, _RESTING, "resting")


def _may_come(workload: Workload) -> bool:
    """A hashrate that is unknown, and may well become known."""
    if workload.state is None:
        return True  # the program answers, but not in a way that tells: a message says so
    if workload.state not in ("starting", "mining"):
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
    workloads: list[Workload], rounds: list[bool], normal_hashrate: Callable[[str], float | None], slack: float
) -> Condition | None:
    """A coin's hashrate is far under what is normal for the rig, or under what the device says it should make."""
    worst = MARKS.shortfall.bad - slack
    found: Condition | None = None
    if a_round_runs(workloads, rounds):
        return None
    always = (workload for workload, in_rounds in zip(workloads, rounds, strict=True) if not in_rounds)
    for coin, (rate, expected) in by_coin(always).items():
        normal = normal_hashrate(coin) or expected
        if not normal or rate is None:
            continue
        shortfall = 1.0 - rate / normal
        if shortfall >= worst:
            worst = shortfall
            reason = f"{coin} {percent(shortfall)} under its normal"
            found = Condition("degraded", reason, 1, _LITTLE, f"slow {coin}", "slow")
    return found


def by_coin(workloads: Iterable[Workload]) -> dict[str, tuple[float | None, float]]:
    """(H/s, expected H/s) by coin; a rate is unknown when one of its parts is."""
    coins: dict[str, tuple[float | None, float]] = {}
    for workload in workloads:
        coin = workload.coin or workload.algorithm or "?"
        rate, expected = _rate(workload), workload.expected_hashrate
        if expected is None or not is_possible("hashrate", expected):
            expected = 0.0
        if coin in coins:
            sum_rate, sum_expected = coins[coin]
            rate = None if rate is None or sum_rate is None else rate + sum_rate
            expected += sum_expected
        coins[coin] = (rate, expected)
    return coins


def _partly_down(workloads: list[Workload], rounds: list[bool]) -> Condition | None:
    if len(workloads) < 2:
        return None
    round_runs = a_round_runs(workloads, rounds)
    for workload, in_rounds in zip(workloads, rounds, strict=True):
        pausing = round_runs or in_rounds
        if workload.state in ("failed", "stopped", "unreachable") or (_rate(workload) == 0.0 and not pausing):
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
    if ratio is None or ratio < MARKS.rejects.bad or sum(w.rejected or 0 for w in workloads) < MIN_REJECTED:
        return None
    return Condition("degraded", f"{percent(ratio)} of shares rejected", 1, _REJECTING, "rejecting", "rejecting")
