"""Antminer S19K Pro with LuxOS: everything over cgminer's port, orders under a session that anyone may open."""

from __future__ import annotations

from rigfarm.simulate.asic.makes.base import RPC_PORT, Make, error, success
from rigfarm.simulate.asic.nodes import node, nodes, scale, scale_text
from rigfarm.simulate.asic.recorded import Json, recorded
from rigfarm.simulate.asic.state import FakeAsic, FakePool

__all__ = ["LuxOs"]

_FOLDER = "luxminer"
_SESSION = "8cQ2hW1z"
_BOARDS = 3


class LuxOs(Make):
    name = "luxos"
    what = "Antminer S19K Pro, LuxOS"
    ports = {RPC_PORT: "rpc"}  # noqa: RUF012 - never changed
    rate = 59756.06e9

    def rpc(self, asic: FakeAsic, command: str, request: dict[str, Json]) -> Json:
        parameter = str(request.get("parameter", ""))
        if command in ("session", "logon"):
            return success("Session", 316, SESSION=[{"SessionID": _SESSION if command == "logon" else ""}])
        if command in ("rebootdevice", "curtail", "ledset"):
            session, _, rest = parameter.partition(",")
            return _order(asic, command, rest) if session == _SESSION else error("Session required", 402)
        if command in ("addpool", "removepool", "groups", "addgroup", "removegroup"):
            return _pool_order(asic, command, parameter)
        if command in ("healthchipget", "voltageget"):
            return recorded(_FOLDER, f"{command}_{int(parameter.split(',')[0] or 0)}")
        answer = recorded(_FOLDER, command)
        if command in _SAYS:
            _SAYS[command](asic, answer)
        return answer


def _order(asic: FakeAsic, command: str, rest: str) -> Json:
    match command, rest.split(","):
        case "rebootdevice", _:
            asic.restart()
        case "curtail", ["sleep", *_]:
            asic.pause()
        case "curtail", ["wakeup", *_]:
            asic.resume()
        case "ledset", [_, state]:
            asic.locate(state == "blink")
        case _:
            return error("Invalid parameter", 15)
    return success()


def _pool_order(asic: FakeAsic, command: str, parameter: str) -> Json:
    pools = _pools_of(asic)
    match command, parameter.split(","):
        case "addpool", [url, user, password, *_]:
            asic.set_pools([*pools, FakePool(url, user, password)])
        case "removepool", [position, *_] if int(position) < len(pools):
            asic.set_pools([pool for index, pool in enumerate(pools) if index != int(position)])
        case "groups", _:
            return success("Groups", 340, GROUPS=[{"GROUP": 0, "Name": "default", "Quota": 1}])
        case "addgroup", [name, *_]:
            return success("Added", 341, GROUPS=[{"GROUP": 1, "Name": name, "Quota": 1}])
        case "removegroup", _:
            asic.set_pools([])
        case _:
            return error("Invalid parameter", 15)
    return success()


def _pools_of(asic: FakeAsic) -> list[FakePool]:
    if asic.pools is not None:
        return asic.pools
    return [FakePool(str(pool["URL"]), str(pool["User"])) for pool in nodes(recorded(_FOLDER, "pools"), "POOLS")]


def _config(asic: FakeAsic, answer: Json) -> None:
    config = node(answer, "CONFIG", 0)
    config["MACAddr"] = asic.mac or config["MACAddr"]
    config["SerialNumber"] = asic.serial or config["SerialNumber"]
    config["IPAddr"] = asic.ip
    config["RedLed"] = "blink" if asic.blinking else "auto"
    config["CurtailMode"] = "Sleep" if asic.paused else "None"
    if not asic.steady:
        config["Hostname"] = f"lux-{asic.number}"


def _stats(asic: FakeAsic, answer: Json) -> None:
    stats = node(answer, "STATS", 1)
    alive = (_BOARDS - len(asic.dead_boards)) / _BOARDS
    scale(stats, asic.rate * alive, "GHS 5s", "GHS av", "rate_30m")
    stats["Elapsed"] = asic.seconds(3453)
    for board in range(1, _BOARDS + 1):
        scale_text(stats, asic.rate, f"chain_rate{board}")
        if board - 1 in asic.dead_boards:
            stats |= {f"chain_acn{board}": 0, f"chain_acs{board}": "", f"chain_rate{board}": "0"}


def _summary(asic: FakeAsic, answer: Json) -> None:
    summary = node(answer, "SUMMARY", 0)
    scale(summary, asic.rate * (_BOARDS - len(asic.dead_boards)) / _BOARDS, "GHS 5s", "GHS av", "GHS 1m", "GHS 5m")
    summary["Elapsed"] = asic.seconds(3453)


def _devs(asic: FakeAsic, answer: Json) -> None:
    for board in nodes(answer, "DEVS"):
        scale(board, 0 if board["ID"] in asic.dead_boards else asic.rate, "MHS 5s", "MHS av", "MHS 1m", "MHS 5m")
        if board["ID"] in asic.dead_boards:
            board |= {"Status": "Dead", "Enabled": "N", "Temperature": 0.0}
        elif not asic.steady:
            board["SerialNumber"] = f"{asic.serial}B{board['ID']}"


def _temps(asic: FakeAsic, answer: Json) -> None:
    for board in nodes(answer, "TEMPS"):
        for corner in ("TopLeft", "TopRight", "BottomLeft", "BottomRight"):
            value = board[corner]
            dead = board["ID"] in asic.dead_boards
            board[corner] = 0.0 if dead else value + asic.warmer_c if isinstance(value, (int, float)) else value


def _pools(asic: FakeAsic, answer: Json) -> None:
    assert isinstance(answer, dict)
    recorded_pools = nodes(answer, "POOLS")
    recorded_pools[0]["Accepted"] = asic.shares(724)
    if asic.pools is not None:
        changed = [{**recorded_pools[min(i, len(recorded_pools) - 1)], "POOL": i} for i in range(len(asic.pools))]
        for pool, wanted in zip(changed, asic.pools, strict=True):
            pool |= {"URL": wanted.url, "User": wanted.user, "Stratum URL": wanted.url.split("://")[-1]}
        answer["POOLS"] = list(changed)


def _version(asic: FakeAsic, answer: Json) -> None:
    if asic.firmware is not None:
        node(answer, "VERSION", 0)["Miner"] = asic.firmware


def _power(asic: FakeAsic, answer: Json) -> None:
    scale(node(answer, "POWER", 0), 0.05 if asic.paused else asic.rate, "Watts")


def _events(asic: FakeAsic, answer: Json) -> None:
    if not asic.steady and isinstance(answer, dict) and asic.number % 7:
        answer["EVENTS"] = []


_SAYS = {
    "config": _config,
    "stats": _stats,
    "summary": _summary,
    "devs": _devs,
    "temps": _temps,
    "pools": _pools,
    "version": _version,
    "power": _power,
    "events": _events,
}
