"""The process in which pyasic lives: `python -m rigfarm.sentry.asic.readers.pyasic_worker`, one JSON object a line.

pyasic knows makes that no other library knows, but it hangs on a frozen device, keeps passwords for the whole process,
and costs 70 MB: so it gets a process of its own that can be killed, and every call a deadline. It ends when its stdin
does, and with its Sentry even while it hangs.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import Any

import msgspec

from rigfarm.sentry.asic.answer import BoardAnswer, DeviceAnswer, Nature, PoolAnswer
from rigfarm.sentry.asic.model import Login
from rigfarm.sentry.asic.readers.pyasic_wire import MAX_LINE_BYTES, NOT_INSTALLED, Answer, Request
from rigfarm.sentry.processes.shim import PR_SET_PDEATHSIG, prctl
from rigfarm.wire.commands import Command, Locate, Pause, PowerLimit, Restart, Resume

__all__ = ["main"]

_MEMORY_BYTES = 1 << 30
_LEFT_OUT = ("config", "wattage_limit")
"""One bad field loses the whole reading, and this one is the worst."""

# pyasic is untyped to us: what comes out of it is Any until it is put into a DeviceAnswer.
_Miner = Any


def main() -> None:
    """Serve until stdin ends."""
    with suppress(OSError):
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        import pyasic  # noqa: F401 - only to know that it is there
    except ImportError:
        sys.exit(NOT_INSTALLED)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    os.nice(5)
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever the library prints must not get between the lines
    asyncio.run(_Worker(out.write).run())


class _Worker:
    def __init__(self, write: Any) -> None:
        self._write = write
        self._miners: dict[str, _Miner] = {}
        self._identifying = asyncio.Lock()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        lines = asyncio.StreamReader(limit=MAX_LINE_BYTES)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        async with asyncio.TaskGroup() as tasks:
            while line := await lines.readline():
                tasks.create_task(self._serve(msgspec.json.decode(line, type=Request)))
        self._miners.clear()

    async def _serve(self, request: Request) -> None:
        answer = Answer(id=request.id)
        try:
            async with asyncio.timeout(request.timeout_s):
                await self._do(request, answer)
        except TimeoutError:
            answer.trouble = "It did not answer in time."
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - the library raises anything; it is told, with its name
            answer.trouble = f"It could not be read: {type(error).__name__}."
        self._write(msgspec.json.encode(answer) + b"\n")

    async def _do(self, request: Request, answer: Answer) -> None:
        match request.do:
            case "identify":
                miner = await self._identify(request.ip, request.login)
                if miner is None:
                    answer.trouble, answer.state = "pyasic does not know it either.", "unrecognised"
                else:
                    self._miners[request.ip] = miner
                    answer.nature = _nature(miner)
            case "read":
                miner = self._miners[request.ip]
                answer.reading = _reading(await miner.get_data(exclude=_left_out(miner)))
            case "obey" if request.command is not None:
                if not await _obey(self._miners[request.ip], request.command):
                    answer.trouble = "The device did not accept it."
            case _:
                self._miners.pop(request.ip, None)

    async def _identify(self, ip: str, login: Login | None) -> _Miner:
        """One at a time: while a device is identified, its password is that of the whole process."""
        import pyasic
        from pyasic import settings

        async with self._identifying:
            before = {name: settings.get(name) for name in _password_settings(settings)}
            try:
                for name in before if login else ():
                    settings.update(name, login.password)  # type: ignore[union-attr]  # pyasic's settings have no types
                miner = await pyasic.get_miner(ip)
            finally:
                for name, value in before.items():
                    settings.update(name, value)
        for api in (getattr(miner, kind, None) for kind in ("web", "rpc")):
            if api is not None and login is not None:
                api.username, api.pwd = login.username, login.password
        return miner


def _password_settings(settings: Any) -> list[str]:
    known = getattr(settings, "_settings", None)
    names = getattr(type(known), "model_fields", {}) if known is not None else {}
    return [name for name in names if name.endswith("_password")]


def _left_out(miner: _Miner) -> list[str]:
    """IceRiver KS5L loses the whole reading over its pools."""
    return [*_LEFT_OUT, "pools"] if "iceriver" in str(miner.make).lower() else list(_LEFT_OUT)


def _nature(miner: _Miner) -> Nature:
    boards, chips = miner.expected_hashboards, miner.expected_chips
    return Nature(
        make=str(miner.make),
        model=str(miner.raw_model or miner.model),
        firmware=f"{miner.make} {miner.firmware}",
        algorithm=str(getattr(miner.algo, "name", miner.algo)),
        supports=_supports(miner),
        boards_expected=boards,
        chips_expected=boards * chips if boards and chips else None,
        fans_expected=miner.expected_fans,
    )


def _supports(miner: _Miner) -> frozenset[str]:
    """What its class does more than the base of all, which refuses everything."""
    base = next((kind for kind in type(miner).__mro__ if kind.__name__ == "MinerProtocol"), object)
    methods = {"restart": "reboot", "pause": "stop_mining", "resume": "resume_mining", "locate": "fault_light_on"}
    methods["power-limit"] = "set_power_limit"
    return frozenset(
        command
        for command, name in methods.items()
        if getattr(type(miner), name, None) is not getattr(base, name, None)
    )


async def _obey(miner: _Miner, command: Command) -> bool:
    match command:
        case Restart():
            return bool(await miner.reboot())
        case Pause():
            return bool(await miner.stop_mining())
        case Resume():
            return bool(await miner.resume_mining())
        case Locate(on=on):
            return bool(await (miner.fault_light_on() if on else miner.fault_light_off()))
        case PowerLimit(watts=watts):
            return bool(await miner.set_power_limit(round(watts)))
    return False


def _per_second(rate: Any) -> float | None:
    return float(rate.rate) * float(rate.unit.value) if rate is not None else None


def _reading(data: Any) -> DeviceAnswer:
    return DeviceAnswer(
        identified=True,
        mac=data.mac,
        serial=data.serial_number,
        hostname=data.hostname,
        firmware_version=data.fw_ver,
        hashrate=_per_second(data.hashrate),
        expected_hashrate=_per_second(data.expected_hashrate),
        power_w=data.wattage,
        uptime_s=data.uptime,
        mining=data.is_mining,
        light=data.fault_light,
        fans=[fan.speed for fan in data.fans],
        boards=[_board(board) for board in data.hashboards],
        pools=[_pool(pool) for pool in data.pools or []],
        messages=[str(getattr(error, "error_message", error)) for error in data.errors or []],
    )


def _board(board: Any) -> BoardAnswer:
    return BoardAnswer(
        index=board.slot,
        serial=board.serial_number,
        active=False if board.missing else None,
        hashrate=_per_second(board.hashrate),
        board_c=board.temp,
        inlet_c=board.inlet_temp,
        outlet_c=board.outlet_temp,
        chip_c=board.chip_temp,
        chips=board.chips,
        chips_expected=board.expected_chips,
        voltage_v=board.voltage,
    )


def _pool(pool: Any) -> PoolAnswer:
    return PoolAnswer(
        url=str(pool.url) if pool.url is not None else None,
        user=pool.user,
        alive=pool.alive,
        active=pool.active,
        accepted=pool.accepted,
        rejected=pool.rejected,
    )


if __name__ == "__main__":
    main()
