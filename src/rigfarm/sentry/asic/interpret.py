"""From a device's answer to what is reported of it: cleaned, in the shape every rig has."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from rigfarm import __version__
from rigfarm.common.plausible import OVER_LIMIT, Measure, is_possible, says_nothing
from rigfarm.sentry.asic import clean
from rigfarm.sentry.asic.answer import BoardAnswer, ChipAnswer, DeviceAnswer, Nature, PoolAnswer
from rigfarm.sentry.asic.model import Device, Identity
from rigfarm.wire.log import Device as Board
from rigfarm.wire.log import Devices, OperationalLog, Pool, Workload, WorkloadState
from rigfarm.wire.specs import BoardDetail, Specs

__all__ = ["COINS", "AsicReading", "identity_of", "interpret"]

COINS = {
    "sha256": "BTC",
    "scrypt": "LTC",
    "kheavyhash": "KAS",
    "x11": "DASH",
    "equihash": "ZEC",
    "ethash": "ETC",
    "blake256r14": "DCR",
    "blake2b": "SC",
    "eaglesong": "CKB",
    "handshake": "HNS",
    "kadena": "KDA",
    "blake3": "ALPH",
    "sha512256d": "RXD",
    "zksnark": "ALEO",
}
"""The coin people mine with an algorithm's ASICs, where the operator has not said otherwise."""
_MAX_BOARDS = 32
_MAX_CHIPS = 1_000
_MAX_FANS = 16
_MAX_POOLS = 8
_MAX_MESSAGES = 20
_STARTING = {"initializing", "starting", "restarting", "tuning"}
_STOPPED = {"paused", "stopped", "stopping", "suspended", "restricted"}


class AsicReading(Struct):
    """One reading, ready to be reported."""

    identity: Identity
    workload: Workload
    boards: list[Board]
    fans: list[float | None]
    pools: list[Pool]
    messages: list[str]
    specs: Specs | None = None
    """Only when the reading asked who it is."""
    details: list[BoardDetail] = []
    """Chip by chip; empty unless the reading asked for it."""
    power_w: float | None = None
    uptime_s: float | None = None

    def log(self, t: int, lan_ip: str, more_messages: Iterable[str] = ()) -> OperationalLog:
        """As the log of the rig at `t` (UTC ms)."""
        return OperationalLog(
            t=t,
            uptime_s=self.uptime_s,
            power_w=self.power_w,
            lan_ip=lan_ip,
            workloads=[self.workload],
            devices=Devices.from_rows(self.boards),
            fans=self.fans,
            pools=self.pools,
            messages=[*more_messages, *self.messages][:_MAX_MESSAGES],
        )

    @property
    def hottest_c(self) -> float | None:
        """°C, of all boards and chips."""
        return max((b.hottest_c for b in self.boards if b.hottest_c is not None), default=None)


def identity_of(answer: DeviceAnswer) -> Identity:
    """Who answered."""
    return Identity(mac=clean.mac(answer.mac), serial=clean.text(answer.serial, 64))


def interpret(answer: DeviceAnswer, nature: Nature, device: Device) -> AsicReading:
    """Make sense of an answer. Never raises: what makes no sense is unknown."""
    pools = [pool for pool in map(_pool, answer.pools[:_MAX_POOLS]) if pool is not None]
    workload = _workload(answer, nature, device, pools)
    return AsicReading(
        identity=identity_of(answer),
        specs=_specs(answer, nature) if answer.identified else None,
        workload=workload,
        boards=_boards(answer.boards, nature, hashing=bool(workload.hashrate)),
        fans=_fans([*answer.fans, *answer.supply_fans]),
        pools=pools,
        messages=_messages([*_impossible(answer), *answer.messages]),
        details=[_detail(board) for board in answer.boards[:_MAX_BOARDS] if _chips_told(board)],
        power_w=_power(answer),
        uptime_s=clean.uptime(answer.uptime_s),
    )


def _workload(answer: DeviceAnswer, nature: Nature, device: Device, pools: list[Pool]) -> Workload:
    current = next((pool for pool in pools if pool.active), None) or next((p for p in pools if p.alive), None)
    wallet, worker = _who(current.user if current else None)
    algorithm = (clean.text(nature.algorithm, 40) or "").lower()
    algorithm = "" if algorithm == "unknown" else algorithm
    hashrate = clean.hashrate(answer.hashrate)
    return Workload(
        software=clean.text(nature.firmware, 60),
        version=clean.text(answer.firmware_version, 64),
        coin=clean.text(device.coin, 12) or COINS.get(algorithm),
        algorithm=algorithm or None,
        hashrate=hashrate,
        accepted=_shares(answer.accepted, [pool.accepted for pool in pools]),
        rejected=_shares(answer.rejected, [pool.rejected for pool in pools]),
        pool=current.url if current else None,
        wallet=wallet,
        worker=worker,
        state=_state(answer, hashrate),
        uptime_s=clean.uptime(answer.uptime_s),
        expected_hashrate=clean.hashrate(answer.expected_hashrate) or None,
    )


def _who(user: str | None) -> tuple[str | None, str | None]:
    """The pool login "wallet.worker" as its two halves."""
    if user is None:
        return None, None
    wallet, dot, worker = user.partition(".")
    return (wallet, worker) if dot and worker else (user, None)


def _shares(of_the_device: float | None, of_its_pools: list[int | None]) -> int | None:
    return clean.count(of_the_device) if of_the_device is not None else _total(of_its_pools)


def _total(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return clean.count(sum(known)) if known else None


def _state(answer: DeviceAnswer, hashrate: float | None) -> WorkloadState | None:
    said = (answer.state or "").lower()
    if said in _STARTING:
        return "starting"
    if said in _STOPPED or (answer.mining is False and not hashrate):
        return "stopped"
    if hashrate is None:
        return None
    return "mining" if hashrate > 0 else "idle"


def _boards(answers: list[BoardAnswer], nature: Nature, hashing: bool) -> list[Board]:
    boards: dict[int, Board] = {}
    for answer in answers[:_MAX_BOARDS]:
        if 0 <= answer.index < _MAX_BOARDS:
            boards.setdefault(answer.index, _board(answer, hashing))
    expected = min(nature.boards_expected or 0, _MAX_BOARDS)
    first = 1 if boards and min(boards) >= 1 and max(boards) == expected else 0
    for index in range(first, first + expected) if len(boards) < expected else ():
        boards.setdefault(index, Board(kind="hashboard", index=index, missing=True))
    return [boards[index] for index in sorted(boards)]


def _board(answer: BoardAnswer, hashing: bool) -> Board:
    chips = clean.chips(answer.chips)
    rate = clean.hashrate(answer.hashrate)
    told = [chip.temperature_c for chip in answer.chip_details[:_MAX_CHIPS]]
    inner = [answer.inlet_c, answer.outlet_c, answer.chip_c, *told]
    board_c = clean.temperature(answer.board_c)
    lifeless = not chips and not rate
    return Board(
        kind="hashboard",
        index=answer.index,
        id=clean.text(answer.serial, 64),
        missing=hashing and (answer.active is False or lifeless) and not rate,
        hashrates=[rate],
        core_c=board_c,
        chip_c=max((t for t in map(clean.temperature, inner) if t is not None), default=None),
        core_mhz=clean.frequency(answer.frequency_mhz),
        chips=chips,
        chips_expected=clean.chips(answer.chips_expected) or None,
    )


def _detail(board: BoardAnswer) -> BoardDetail:
    told = sorted(_chips_told(board), key=lambda chip: chip.index)
    return BoardDetail(
        index=board.index,
        chip_temperatures_c=_column([clean.temperature(chip.temperature_c) for chip in told]),
        chip_hashrates=_column([clean.hashrate(chip.hashrate) for chip in told]),
        chips_dead=[place for place, chip in enumerate(told) if chip.working is False],
        inlet_c=clean.temperature(board.inlet_c),
        outlet_c=clean.temperature(board.outlet_c),
        voltage_v=clean.voltage(board.voltage_v),
        frequency_mhz=clean.frequency(board.frequency_mhz),
    )


def _chips_told(board: BoardAnswer) -> list[ChipAnswer]:
    """The chips one by one. A single one for a board of several is the whole board once more."""
    told = board.chip_details[:_MAX_CHIPS]
    return [] if len(told) == 1 and (clean.chips(board.chips) or 1) > 1 else told


def _column(cells: list[float | None]) -> list[float | None]:
    return cells if any(cell is not None for cell in cells) else []


def _fans(fans: list[float | None]) -> list[float | None]:
    speeds = [clean.rpm(fan) for fan in fans[:_MAX_FANS]]
    return speeds if any(speed is not None for speed in speeds) else []


_NOWHERE = re.compile(r"(?:[a-z0-9+.-]+://)?/*(?::\d*)?/*|(?:[a-z0-9+.-]+://)?[^/:]*:0/*", re.IGNORECASE)
"""The URL of a pool that was not entered: without a host, or at port 0."""


def _pool(answer: PoolAnswer) -> Pool | None:
    url = clean.text(answer.url, 200)
    if url is None or _NOWHERE.fullmatch(url):
        return None
    return Pool(
        url=url,
        user=clean.text(answer.user, 120),
        alive=answer.alive,
        active=answer.active,
        accepted=clean.count(answer.accepted),
        rejected=clean.count(answer.rejected),
    )


def _power(answer: DeviceAnswer) -> float | None:
    """W; no device draws half as much again as the highest limit it takes."""
    watts, most = clean.power(answer.power_w), clean.power(answer.power_limit_max_w)
    return watts if watts is None or not most or watts <= most * OVER_LIMIT else None


def _impossible(answer: DeviceAnswer) -> list[str]:
    """What it tells and cannot be, in words; what a device without the sensor tells (0, 255, 511, …) is none of it."""
    found = []
    over_limit = _power(answer) is None and clean.power(answer.power_w) is not None
    if over_limit or _beyond("machine_w", answer.power_w):
        found.append("It reports an impossible power; it counts as unknown.")
    if _beyond("hashrate", answer.hashrate):
        found.append("It reports an impossible hashrate; it counts as unknown.")
    if _beyond("rpm", *[*answer.fans, *answer.supply_fans][:_MAX_FANS]):
        found.append("It reports an impossible fan speed; it counts as unknown.")
    for board in answer.boards[:_MAX_BOARDS]:
        checks: list[tuple[str, Measure, list[float | None]]] = [
            ("temperature", "celsius", [board.board_c, board.inlet_c, board.outlet_c, board.chip_c]),
            ("hashrate", "hashrate", [board.hashrate]),
            ("frequency", "mhz", [board.frequency_mhz]),
        ]
        found += [
            f"Board {board.index} reports an impossible {what}; it counts as unknown."
            for what, measure, said in checks
            if _beyond(measure, *said)
        ]
    return found


def _beyond(measure: Measure, *told: float | None) -> bool:
    """Whether one of these says something that cannot be."""
    return any(one is not None and not says_nothing(measure, one) and not is_possible(measure, one) for one in told)


def _messages(said: list[str]) -> list[str]:
    lines = dict.fromkeys(line for line in (clean.text(m, 200) for m in said[: 5 * _MAX_MESSAGES]) if line)
    return list(lines)[:_MAX_MESSAGES]


_WHATSMINER = re.compile(r"(M\d+S?\+*)(V[A-Z].*)")


def _model(nature: Nature) -> tuple[str | None, str | None]:
    """Model and variant: a Whatsminer "M50SVH20" is an M50S, variant VH20."""
    name = clean.text(nature.model)
    parts = _WHATSMINER.fullmatch(name or "")
    return (parts[1], parts[2]) if parts else (name, None)


def _specs(answer: DeviceAnswer, nature: Nature) -> Specs:
    identity = identity_of(answer)
    model, variant = _model(nature)
    chips = nature.chips_expected or sum(
        clean.chips(board.chips_expected) or 0 for board in answer.boards[:_MAX_BOARDS]
    )
    return Specs(
        sentry_version=__version__,
        hostname=clean.text(answer.hostname),
        make=clean.text(nature.make),
        model=model,
        variant=variant,
        firmware=clean.text(nature.firmware),
        firmware_version=clean.text(answer.firmware_version),
        control_board=clean.text(answer.control_board),
        mac=identity.mac,
        serial=identity.serial,
        hashboards_expected=nature.boards_expected,
        chips_expected=chips or None,
        fans_expected=nature.fans_expected,
        expected_hashrate=clean.hashrate(answer.expected_hashrate) or None,
        power_limit_min_w=clean.power(answer.power_limit_min_w),
        power_limit_max_w=clean.power(answer.power_limit_max_w),
        supports=sorted(nature.supports),
    )
