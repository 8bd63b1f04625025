"""Whatsminer M50S, API v2 of MicroBT: cgminer's port, orders sealed with the password (`btminer_seal`).

`devdetails` and `get_token` are ours in the shape of that API; the rest is recorded.
"""

from __future__ import annotations

import msgspec

from rigfarm.simulate.asic.makes.base import RPC_PORT, Make, error, success
from rigfarm.simulate.asic.makes.btminer_seal import md5crypt, seal, unseal
from rigfarm.simulate.asic.nodes import node, nodes, scale
from rigfarm.simulate.asic.recorded import Json, recorded
from rigfarm.simulate.asic.state import FakeAsic, FakePool

__all__ = ["Whatsminer"]

_FOLDER = "whatsminer-v2"
_MODEL = "M50S_VH20"  # 135 chips a board and 126 TH/s are what the recorded device has
_TIME, _SALT, _NEW_SALT = "5626", "BQ5hoXV9", "jbzkfQls"


class Whatsminer(Make):
    name = "whatsminer"
    what = "Whatsminer M50S, API v2"
    ports = {RPC_PORT: "rpc"}  # noqa: RUF012 - never changed
    login = ("admin", "admin")
    rate = 124500000.0e6

    def rpc(self, asic: FakeAsic, command: str, request: dict[str, Json]) -> Json:
        if request.get("enc") == 1:
            return self._sealed(asic, str(request.get("data")))
        if command == "get_token":
            return _told({"time": _TIME, "salt": _SALT, "newsalt": _NEW_SALT})
        if command == "devdetails":
            device: Json = {"DEVDETAILS": 0, "ID": 0, "Name": "SM", "Driver": "bitmicro", "Kernel": "", "Model": _MODEL}
            return success("Device Details", 69, DEVDETAILS=[device])
        answer = recorded(_FOLDER, command)
        if command in _SAYS:
            _SAYS[command](asic, answer)
        return answer

    def _sealed(self, asic: FakeAsic, data: str) -> Json:
        user, password = self.credentials(asic)
        secret = md5crypt(password, _SALT)
        try:
            order = msgspec.json.decode(unseal(secret, data), type=dict[str, str | int | bool])
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            asic.traffic.logins.add((user, "?"))
            return error("enc json load err", 23)
        asic.traffic.logins.add((user, password))
        if order.get("token") != md5crypt(secret + _TIME, _NEW_SALT):
            return error("token error", 135)
        answer = _told("API command OK") if _obey(asic, order) else error()
        return {"enc": seal(secret, msgspec.json.encode(answer).decode())}


def _told(message: Json) -> Json:
    return {"STATUS": "S", "When": 1773871985, "Code": 131, "Msg": message, "Description": ""}


def _obey(asic: FakeAsic, order: dict[str, str | int | bool]) -> bool:
    match order.get("command") or order.get("cmd"):
        case "reboot" | "restart_btminer":
            asic.restart()
        case "power_off":
            asic.pause()
        case "power_on":
            asic.resume()
        case "set_led":
            asic.locate(order.get("param") != "auto" and "color" in order)
        case "adjust_power_limit":
            asic.limit_power(float(order.get("power_limit", 0)))
        case "update_pools":
            numbered = [(order.get(f"pool{i}"), order.get(f"worker{i}"), order.get(f"passwd{i}")) for i in (1, 2, 3)]
            asic.set_pools([FakePool(str(url), str(user), str(word)) for url, user, word in numbered if url])
        case _:
            return False
    return True


def _summary(asic: FakeAsic, answer: Json) -> None:
    summary = node(answer, "SUMMARY", 0)
    scale(summary, asic.rate * (3 - len(asic.dead_boards)) / 3, "HS RT", "MHS av")
    scale(summary, 0.05 if asic.paused else asic.rate, "Power")
    for sensor in ("Chip Temp Avg", "Chip Temp Max", "Chip Temp Min"):
        degrees = summary[sensor]
        assert isinstance(degrees, (int, float))
        summary[sensor] = degrees + asic.warmer_c
    summary["MAC"] = (asic.mac or str(summary["MAC"])).upper()
    summary["Elapsed"] = asic.seconds(25000)
    summary["Uptime"] = asic.seconds(25500)
    summary["Accepted"] = asic.shares(5412)
    if asic.power_limit_w is not None:
        summary["Power Limit"] = round(asic.power_limit_w)


def _devs(asic: FakeAsic, answer: Json) -> None:
    for board in nodes(answer, "DEVS"):
        dead = board["ASC"] in asic.dead_boards
        scale(board, 0.0 if dead else asic.rate, "MHS av")
        for sensor in ("Temperature", "Chip Temp Avg", "Chip Temp Max", "Chip Temp Min"):
            degrees = board[sensor]
            assert isinstance(degrees, (int, float))
            board[sensor] = 0.0 if dead else degrees + asic.warmer_c
        if dead:
            board |= {"Effective Chips": 0, "Status": "Dead"}
        elif not asic.steady:
            board["PCB SN"] = f"{asic.serial}B{board['ASC']}"


def _info(asic: FakeAsic, answer: Json) -> None:
    info = node(answer, "Msg")
    info["mac"] = (asic.mac or str(info["mac"])).upper()
    info["ledstat"] = "red" if asic.blinking else "auto"
    if not asic.steady:
        info["hostname"] = f"WhatsMiner-{asic.number}"


def _status(asic: FakeAsic, answer: Json) -> None:
    node(answer, "Msg")["mineroff"] = "true" if asic.paused else "false"


def _pools(asic: FakeAsic, answer: Json) -> None:
    assert isinstance(answer, dict)
    pools = nodes(answer, "POOLS")
    pools[0]["Accepted"] = asic.shares(5412)
    if asic.pools is not None:
        answer["POOLS"] = [
            {**pools[min(i, len(pools) - 1)], "URL": p.url, "User": p.user} for i, p in enumerate(asic.pools)
        ]


def _version(asic: FakeAsic, answer: Json) -> None:
    if asic.firmware is not None:
        node(answer, "Msg")["fw_ver"] = asic.firmware


_SAYS = {
    "summary": _summary,
    "devs": _devs,
    "get_miner_info": _info,
    "status": _status,
    "pools": _pools,
    "get_version": _version,
}
