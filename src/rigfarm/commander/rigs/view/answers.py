"""What the JSON API says of rigs. Times are RFC 3339 in UTC; unknown values are left out."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from rigfarm.commander.kinds import KindName
from rigfarm.commander.rigs.boards.chips import ChipReading
from rigfarm.commander.rigs.model import Maintenance, Rig
from rigfarm.commander.stats import OperationalStats, RigStats, Totals
from rigfarm.wire.log import Device, OperationalLog
from rigfarm.wire.specs import BoardDetail, Specs

__all__ = ["CreatedRig", "FarmAnswer", "PastAnswer", "RigAnswer", "RigDetail", "farm", "rig_answer", "rig_detail"]


class CreatedRig(Struct):
    """A rig that was just made, with its token: it is shown this once."""

    id: int
    name: str
    kind: KindName
    token: str


class MaintenanceAnswer(Struct, omit_defaults=True):
    """A person works on the rig: it needs no attention, and no alert is sent about it."""

    since: datetime
    by: str = ""
    reason: str = ""
    until: datetime | UnsetType = UNSET


class PastAnswer(Struct, omit_defaults=True):
    """That a rig is shown as it was at another time, and how well that is known."""

    at: datetime
    resolution_s: float
    """60: the figures are means of that minute. Otherwise they are those of the rig's last log before `at`, and it
    reported so often."""
    notes: tuple[str, ...] = ()
    """What else is uncertain, in words."""


class RigAnswer(Struct, omit_defaults=True):
    """A rig in a list."""

    id: int
    name: str
    kind: KindName
    state: str
    reason: str
    created_at: datetime
    first_seen_at: datetime | UnsetType = UNSET
    last_seen_at: datetime | UnsetType = UNSET
    state_since: datetime | UnsetType = UNSET
    hashrates: dict[str, float] = {}
    """H/s by coin"""
    power_w: float | UnsetType = UNSET
    maintenance: MaintenanceAnswer | UnsetType = UNSET
    place: str = ""
    """Levels between slashes, the largest first"""
    tags: tuple[str, ...] = ()
    revision: int = 0
    """Counts its changes"""
    past: PastAnswer | UnsetType = UNSET
    """Absent: it is shown as it is now."""


class LogAnswer(Struct, omit_defaults=True):
    """An operational log as objects: units as in the field names, hashrates in H/s."""

    t: datetime
    uptime_s: float | UnsetType = UNSET
    power_w: float | UnsetType = UNSET
    lan_ip: str | UnsetType = UNSET
    wan_ip: str | UnsetType = UNSET
    workloads: list[dict[str, str | float | int]] = []
    devices: list[Device] = []
    fans: list[float | None] = []
    """rpm"""
    pools: list[dict[str, str | int | bool]] = []
    messages: list[str] = []


class BoardAnswer(Struct, omit_defaults=True):
    """A hashboard chip by chip, as an ASIC's Sentry said last. What a chip does not tell is null."""

    index: int
    at: datetime
    chip_temperatures_c: list[float | None] = []
    chip_hashrates: list[float | None] = []
    """H/s"""
    chips_dead: list[int] = []
    inlet_c: float | UnsetType = UNSET
    outlet_c: float | UnsetType = UNSET
    voltage_v: float | UnsetType = UNSET
    frequency_mhz: float | UnsetType = UNSET


class RigDetail(RigAnswer, omit_defaults=True):
    """One rig with everything."""

    log: LogAnswer | UnsetType = UNSET
    specs: Specs | UnsetType = UNSET
    boards: list[BoardAnswer] = []
    logs_dropped: int = 0
    """By the rig's Sentry, whose spool was full"""
    logs_not_kept: int = 0
    """By the Commander: of an impossible time, or beyond the rig's share of the journal"""


class CoinAnswer(Struct, omit_defaults=True):
    """Totals of a coin over the rigs that are up."""

    coin: str
    rigs: int
    hashrate: float
    """H/s"""
    power_w: float | UnsetType = UNSET
    efficiency: float | UnsetType = UNSET
    """H/J"""
    reject_ratio: float | UnsetType = UNSET


class KindAnswer(Struct, omit_defaults=True):
    """Totals of one kind of rig."""

    rigs: int
    alive: int
    states: dict[str, int]
    coins: list[CoinAnswer]
    attention: int = 0
    """Rigs that need attention"""
    maintenance: int = 0
    """Rigs in maintenance, whatever their state"""
    power_w: float | UnsetType = UNSET


class FarmAnswer(Struct, rename={"cpu_gpu": "cpu-gpu"}):
    """The operational stats of the farm."""

    cpu_gpu: KindAnswer
    asic: KindAnswer


def _time(ms: int | None) -> datetime | UnsetType:
    return UNSET if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def _known(value: float | None) -> float | UnsetType:
    return UNSET if value is None else value


def rig_answer(rig: Rig, stats: RigStats, past: PastAnswer | UnsetType = UNSET) -> RigAnswer:
    """One line of the list."""
    return RigAnswer(**_summary(rig, stats), past=past)  # type: ignore[arg-type]  # a dict of fields of many types


def rig_detail(
    rig: Rig, stats: RigStats, chips: ChipReading | None = None, past: PastAnswer | UnsetType = UNSET
) -> RigDetail:
    """Everything about one rig."""
    return RigDetail(
        **_summary(rig, stats),  # type: ignore[arg-type]  # a dict of fields of many types
        past=past,
        log=UNSET if stats.log is None else _log(stats.log),
        specs=UNSET if rig.specs is None else rig.specs,
        boards=[] if chips is None else [_board(board, chips.heard_ms) for board in chips.boards],
        logs_dropped=stats.dropped,
        logs_not_kept=stats.untimely + stats.over_quota,
    )


def _board(board: BoardDetail, heard_ms: int) -> BoardAnswer:
    return BoardAnswer(
        index=board.index,
        at=datetime.fromtimestamp(heard_ms / 1000, UTC),
        chip_temperatures_c=board.chip_temperatures_c,
        chip_hashrates=board.chip_hashrates,
        chips_dead=board.chips_dead,
        inlet_c=_known(board.inlet_c),
        outlet_c=_known(board.outlet_c),
        voltage_v=_known(board.voltage_v),
        frequency_mhz=_known(board.frequency_mhz),
    )


def _summary(rig: Rig, stats: RigStats) -> dict[str, object]:
    contribution = stats.contribution
    return {
        "id": rig.id,
        "name": rig.name,
        "kind": rig.kind,
        "state": stats.condition.state,
        "reason": stats.condition.reason,
        "created_at": _time(rig.created_at),
        "first_seen_at": _time(rig.first_seen_at),
        "last_seen_at": _time(stats.heard_ms),
        "state_since": _time(stats.since_ms),
        "hashrates": {share.coin: share.millihashes / 1000 for share in contribution.coins},
        "power_w": UNSET if contribution.milliwatts is None else contribution.milliwatts / 1000,
        "place": rig.place,
        "tags": rig.tags,
        "revision": rig.revision,
        "maintenance": UNSET if rig.maintenance is None else _maintenance(rig.maintenance),
    }


def _maintenance(said: Maintenance) -> MaintenanceAnswer:
    since = datetime.fromtimestamp(said.since / 1000, UTC)
    return MaintenanceAnswer(since, said.by, said.reason, _time(said.until))


def _log(log: OperationalLog) -> LogAnswer:
    return LogAnswer(
        t=datetime.fromtimestamp(log.t / 1000, UTC),
        uptime_s=_known(log.uptime_s),
        power_w=_known(log.power_w),
        lan_ip=log.lan_ip or UNSET,
        wan_ip=log.wan_ip or UNSET,
        workloads=[{k: v for k, v in asdict(w).items() if v is not None} for w in log.workloads],
        devices=list(log.devices),
        fans=log.fans,
        pools=[{k: v for k, v in asdict(pool).items() if v is not None} for pool in log.pools],
        messages=log.messages,
    )


def farm(stats: OperationalStats) -> FarmAnswer:
    """The totals of both kinds."""
    return FarmAnswer(cpu_gpu=_kind(stats.totals["cpu-gpu"]), asic=_kind(stats.totals["asic"]))


def _kind(totals: Totals) -> KindAnswer:
    return KindAnswer(
        rigs=totals.rigs,
        alive=totals.alive,
        states={state: count for state, count in totals.states.items() if count},
        coins=[
            CoinAnswer(
                coin=name,
                rigs=coin.rigs,
                hashrate=coin.hashrate,
                power_w=_known(coin.power_w),
                efficiency=_known(coin.efficiency),
                reject_ratio=_known(coin.reject_ratio),
            )
            for name, coin in sorted(totals.coins.items())
        ],
        attention=totals.sick.total(),
        maintenance=totals.maintained,
        power_w=_known(totals.power_w),
    )
