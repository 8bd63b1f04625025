"""Most makes: through pyasic_rs, the Rust library that knows thirty of them.

Its traps, found with 0.8.6: a dead device still gives a reading (boards without values, a hashrate of 0, "is mining"),
and so do fields that were not asked for; it may panic on garbage, and a panic is no Exception; a number out of range
raises when the attribute is read; `restart` and `pause` may say yes although the device refused. A cancelled call lets
go of its connections and memory.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from msgspec import structs
from pyasic_rs import Miner, MinerFactory, Pool, PoolGroup
from pyasic_rs.data import BoardData, ChipData, HashRate, HashRateUnit, MinerData, TuningTarget
from pyasic_rs.data import PoolData as MinerPool

from rigfarm.sentry.asic import clean
from rigfarm.sentry.asic.answer import BoardAnswer, ChipAnswer, DeviceAnswer, Nature, PoolAnswer
from rigfarm.sentry.asic.lan_http import LanHttpError, ask
from rigfarm.sentry.asic.model import Login
from rigfarm.sentry.asic.readers import axeos, cgminer
from rigfarm.sentry.asic.readers.base import ReadingError, Refused, Scope
from rigfarm.sentry.asic.readers.plan import steps
from rigfarm.wire.commands import Command, Locate, Pause, PowerLimit, Restart, Resume, SetPools

__all__ = ["LibraryReader", "identify"]

_T = TypeVar("_T")
_AXE_S = 2.0
_CGMINER_S = 2.0

_FIRMWARES = (
    "AntMiner Stock",
    "Auradine Stock",
    "AvalonMiner Stock",
    "Bitaxe Stock",
    "Braiins",
    "Elphapex Stock",
    "ForgeOS Stock",
    "Goldshell Stock",
    "LuxOS",
    "Marathon",
    "Nerdaxe Stock",
    "Proto Stock",
    "SealMiner Stock",
    "UMC OS",
    "VNish",
    "VolcMiner Stock",
    "WhatsMiner Stock",
)
"""By these names the library takes a login for identifying; which of them it will be is not known before."""


async def identify(ip: str, login: Login | None) -> LibraryReader | None:
    """A reader for the device at `ip`, or None if the library does not know it, or does not get in.

    Every device has a factory of its own: a login given to one is never tried on another.
    """
    factory = MinerFactory()
    for firmware in _FIRMWARES if login else ():
        with suppress(ValueError):  # another version of the library may know fewer
            factory = factory.with_firmware_discovery_auth(firmware, login.username, login.password)  # type: ignore[union-attr]  # a login was given here
    miner = await _calm(factory.get_miner(ip))
    if miner is None:
        return None
    if login is not None:
        miner.set_auth(login.username, login.password)
    reader = LibraryReader(miner, ip)
    if miner.firmware in axeos.FIRMWARES:
        reader.know_axe(await _axe_info(ip))
    return reader


async def _axe_info(ip: str) -> axeos.AxeInfo | None:
    """What the device says of itself; None if it does not, or not in time."""
    try:
        return axeos.read_info((await ask("GET", f"http://{ip}{axeos.INFO}", timeout_s=_AXE_S)).body)
    except LanHttpError:
        return None


async def _calm(call: Awaitable[_T]) -> _T:
    """Await a call of the library; whatever it throws, a panic included, becomes a ReadingError."""
    try:
        return await call
    except Exception as error:
        raise ReadingError("unreachable", _reason(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ReadingError("unreachable", "It answers in a way that breaks its reader.") from error


def _reason(error: Exception) -> str:
    return clean.text(str(error), 200) or type(error).__name__


class LibraryReader:
    """One device known to pyasic_rs. The handle is kept: the first reading of a new one costs twenty times as much."""

    def __init__(self, miner: Miner, ip: str) -> None:
        self._miner = miner
        self._ip = ip
        self._kept = DeviceAnswer()
        self._chains: dict[int, cgminer.Chain] = {}
        """Of the last round: another connection costs half as much as a pulse."""
        self._serials: dict[int, str] = {}
        self._supply_fans_turn = False
        """A supply without a fan says that it stands still."""
        self.nature = Nature(
            make=miner.make,
            model=miner.model,
            firmware=miner.firmware,
            algorithm=str(miner.algo),
            supports=_supported(miner),
            boards_expected=miner.expected_hashboards,
            chips_expected=None if miner.firmware in axeos.FIRMWARES else miner.expected_chips,
            fans_expected=miner.expected_fans,
        )

    async def read(self, scope: Scope) -> DeviceAnswer:
        answer = DeviceAnswer(identified=scope in (Scope.WHOLE, Scope.CHIPS))
        asked: set[str] = set()
        for step in steps(self._miner.firmware, scope):
            asked.update(step.wanted)
            data = await _calm(self._miner.get_data(exclude=step.exclude))
            for field in step.wanted:
                _TAKE[field](answer, data)
            if answer.silent:
                return answer
        if self._miner.firmware in axeos.FIRMWARES:
            axeos.as_it_means_it(answer)
            if any((board.chips or 0) > 1 for board in answer.boards) and (info := await _axe_info(self._ip)):
                axeos.complete(answer, info)
        if self._miner.firmware in cgminer.FIRMWARES:
            await self._complete_boards(answer, scope)
        self._supply_fans_turn = self._supply_fans_turn or any(answer.supply_fans)
        if not self._supply_fans_turn:
            answer.supply_fans = []
        _remember(answer, self._kept, asked)
        self._kept = answer
        return answer

    async def _complete_boards(self, answer: DeviceAnswer, scope: Scope) -> None:
        if scope is not Scope.PULSE:
            self._chains = cgminer.chains(await cgminer.ask(self._ip, "stats", _CGMINER_S))
        cgminer.complete(answer.boards, self._chains)
        if self._miner.firmware in cgminer.SHUFFLED:
            if answer.identified:
                self._serials = cgminer.serials(await cgminer.ask(self._ip, "devs", _CGMINER_S))
            for board in answer.boards:
                board.serial = self._serials.get(board.index)

    def know_axe(self, info: axeos.AxeInfo | None) -> None:
        """The library knows a Bitaxe by its chip, which boards of one and of several have alike."""
        if info is not None and info.model is not None and self.nature.make == "Bitaxe":
            self.nature = structs.replace(self.nature, model=info.model)

    async def obey(self, command: Command) -> None:
        try:
            taken = await _calm(self._carry_out(command))
        except ReadingError as error:
            raise Refused(error.message) from error
        if not taken:
            raise Refused("The device did not accept it.")

    def _carry_out(self, command: Command) -> Awaitable[bool]:
        match command:
            case Restart():
                return self._miner.restart()
            case Pause():
                return self._miner.pause()
            case Resume():
                return self._miner.resume()
            case Locate(on=on):
                return self._miner.set_fault_light(on)
            case PowerLimit(watts=watts):
                return self._miner.set_power_limit(watts)
            case SetPools(pools=pools):
                wanted = [Pool(url=pool.url, username=pool.user, password=pool.password) for pool in pools]
                return self._miner.set_pools_config([PoolGroup(name="default", quota=1, pools=wanted)])
            case _:
                raise Refused("An ASIC cannot do that.")

    def close(self) -> None:
        """Nothing is kept but the handle."""


def _supported(miner: Miner) -> frozenset[str]:
    can = {
        "restart": miner.supports_restart,
        "pause": miner.supports_pause,
        "resume": miner.supports_resume,
        "locate": miner.supports_set_fault_light,
        "power-limit": miner.supports_set_power_limit,
        "set-pools": miner.supports_pools_config,
    }
    return frozenset(command for command, able in can.items() if able)


_KEPT = {
    "Mac": "mac",
    "SerialNumber": "serial",
    "Hostname": "hostname",
    "FirmwareVersion": "firmware_version",
    "ControlBoardVersion": "control_board",
    "ExpectedHashrate": "expected_hashrate",
    "Wattage": "power_w",
    "IsMining": "mining",
    "OperatingState": "state",
    "LightFlashing": "light",
    "Fans": "fans",
    "Pools": "pools",
    "PsuFans": "supply_fans",
    "Messages": "messages",
}
"""Field of the library -> where it is kept. What was asked for and not told is unknown, and not what it was."""


def _remember(answer: DeviceAnswer, kept: DeviceAnswer, asked: set[str]) -> None:
    """Fill in what this reading did not ask for."""
    for field, name in _KEPT.items():
        if field not in asked:
            setattr(answer, name, getattr(kept, name))
    if "Pools" not in asked:
        answer.accepted, answer.rejected = kept.accepted, kept.rejected
    if "TuningCapabilities" not in asked:
        answer.power_limit_min_w, answer.power_limit_max_w = kept.power_limit_min_w, kept.power_limit_max_w


def _told(read: Callable[[], _T]) -> _T | None:
    """An attribute, or None where its value is out of Python's range (an uptime of a billion years)."""
    try:
        return read()
    except (OverflowError, ValueError, RuntimeError):
        return None


def _uptime(answer: DeviceAnswer, data: MinerData) -> None:
    uptime = _told(lambda: data.uptime)
    answer.uptime_s = uptime.total_seconds() if uptime is not None else None


def _limits(answer: DeviceAnswer, data: MinerData) -> None:
    power = data.tuning_capabilities.power if data.tuning_capabilities else None
    if power is not None:
        answer.power_limit_min_w = _watts(power.minimum)
        answer.power_limit_max_w = _watts(power.maximum)


def _control_board(answer: DeviceAnswer, data: MinerData) -> None:
    board = data.control_board_version
    answer.control_board = board.name if board is not None else None


def _state(answer: DeviceAnswer, data: MinerData) -> None:
    answer.state = str(data.operating_state) if data.operating_state is not None else None


def _pools(answer: DeviceAnswer, data: MinerData) -> None:
    answer.pools = [_pool(pool) for group in data.pools for pool in group.pools]


def _keep(name: str, take: Callable[[MinerData], object]) -> Callable[[DeviceAnswer, MinerData], None]:
    def into(answer: DeviceAnswer, data: MinerData) -> None:
        setattr(answer, name, take(data))

    return into


_TAKE: dict[str, Callable[[DeviceAnswer, MinerData], None]] = {
    "Chips": lambda answer, data: None,  # they come with their boards
    "ControlBoardVersion": _control_board,
    "ExpectedHashrate": _keep("expected_hashrate", lambda data: _per_second(data.expected_hashrate)),
    "Fans": _keep("fans", lambda data: [fan.rpm for fan in data.fans]),
    "FirmwareVersion": _keep("firmware_version", lambda data: data.firmware_version),
    "Hashboards": _keep("boards", lambda data: [_board(board) for board in data.hashboards]),
    "Hashrate": _keep("hashrate", lambda data: _per_second(data.hashrate)),
    "Hostname": _keep("hostname", lambda data: data.hostname),
    "IsMining": _keep("mining", lambda data: data.is_mining),
    "LightFlashing": _keep("light", lambda data: data.light_flashing),
    "Mac": _keep("mac", lambda data: data.mac),
    "Messages": _keep("messages", lambda data: [message.message for message in data.messages]),
    "OperatingState": _state,
    "Pools": _pools,
    "PsuFans": _keep("supply_fans", lambda data: [fan.rpm for fan in data.psu_fans]),
    "SerialNumber": _keep("serial", lambda data: data.serial_number),
    "TuningCapabilities": _limits,
    "Uptime": _uptime,
    "Wattage": _keep("power_w", lambda data: data.wattage),
}


def _watts(target: TuningTarget | None) -> float | None:
    return target.watts if target is not None else None


def _per_second(rate: HashRate | None) -> float | None:
    return rate.as_unit(HashRateUnit.Hash).value if rate is not None else None


def _pool(pool: MinerPool) -> PoolAnswer:
    return PoolAnswer(
        url=str(pool.url) if pool.url is not None else None,
        user=pool.user,
        alive=pool.alive,
        active=pool.active,
        accepted=pool.accepted_shares,
        rejected=pool.rejected_shares,
    )


def _board(board: BoardData) -> BoardAnswer:
    return BoardAnswer(
        index=board.position,
        serial=board.serial_number,
        active=board.active,
        hashrate=_per_second(board.hashrate),
        expected_hashrate=_per_second(board.expected_hashrate),
        board_c=board.board_temperature,
        inlet_c=board.inlet_chip_temperature,
        outlet_c=board.outlet_chip_temperature,
        chips=board.working_chips,
        chips_expected=board.expected_chips,
        voltage_v=board.voltage,
        frequency_mhz=board.frequency,
        chip_details=[_chip(chip) for chip in board.chips],
    )


def _chip(chip: ChipData) -> ChipAnswer:
    return ChipAnswer(chip.position, chip.temperature, _per_second(chip.hashrate), chip.working)
