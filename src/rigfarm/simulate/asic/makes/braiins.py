"""Antminer S21 Pro with Braiins OS 26.04: REST behind a login, model and version by GraphQL without one.

The GraphQL answers, the login and the tuner's limits are ours in the shape of that API; the rest is recorded.
"""

from __future__ import annotations

from rigfarm.simulate.asic.http import HttpAnswer, HttpRequest
from rigfarm.simulate.asic.makes.base import Make
from rigfarm.simulate.asic.nodes import node, nodes, scale
from rigfarm.simulate.asic.recorded import Json, recorded
from rigfarm.simulate.asic.state import FakeAsic, FakePool

__all__ = ["Braiins"]

_FOLDER = "braiins-26.04"
_MODEL = "Antminer S21 Pro"
_PAGES = {
    "miner/details": "miner_details",
    "miner/stats": "miner_stats",
    "miner/hw/hashboards": "miner_hw_hashboards",
    "miner/errors": "miner_errors",
    "cooling/state": "cooling_state",
    "configuration/miner": "configuration_miner",
    "performance/tuner-state": "performance_tuner_state",
    "pools": "pools",
    "version": "version",
    "network": "network",
}
_GHS = "gigahash_per_second"


class Braiins(Make):
    name = "braiins"
    what = "Antminer S21 Pro, Braiins OS 26.04"
    ports = {80: "http"}  # noqa: RUF012 - never changed
    rate = 248186.67720002498e9

    def http(self, asic: FakeAsic, request: HttpRequest) -> HttpAnswer:
        match request.method, request.path:
            case "GET", "/":
                return HttpAnswer(body=b"<!doctype html><html><head><title>Braiins OS</title></head></html>")
            case "POST", "/graphql":
                return _graphql(asic, str(request.json().get("query")))
            case "POST", "/api/v1/auth/login":
                return self._log_in(asic, request.json())
        if request.headers.get("authorization") != self._token(asic):
            return HttpAnswer(401, b"")
        path = request.path.removeprefix("/api/v1/").rstrip("/")
        return _order(asic, path, request) if request.method in ("PUT", "PATCH") else _page(asic, path)

    def _token(self, asic: FakeAsic) -> str:
        return f"token-{asic.number}-{len(self.credentials(asic)[1])}"

    def _log_in(self, asic: FakeAsic, sent: dict[str, Json]) -> HttpAnswer:
        tried = (str(sent.get("username")), str(sent.get("password")))
        asic.traffic.logins.add(tried)
        if tried != self.credentials(asic):
            return HttpAnswer(401, {"message": "Invalid username or password"})
        return HttpAnswer(body={"token": self._token(asic), "timeout_s": 3600})


def _graphql(asic: FakeAsic, query: str) -> HttpAnswer:
    if "modelName" in query:
        return HttpAnswer(body={"data": {"bosminer": {"info": {"modelName": _MODEL}}}})
    if "version" in query:
        version = asic.firmware or "2026-04-14-0-912d084c-26.04-plus"
        return HttpAnswer(body={"data": {"bos": {"info": {"version": {"full": version}}}}})
    return HttpAnswer(404, {"errors": [{"message": "not here"}]})


def _order(asic: FakeAsic, path: str, request: HttpRequest) -> HttpAnswer:
    match path:
        case "actions/reboot":
            asic.restart()
        case "actions/pause":
            asic.pause()
            return HttpAnswer(body=False)
        case "actions/resume":
            asic.resume()
            return HttpAnswer(body=True)
        case "actions/locate":
            asic.locate(request.body.strip() == b"true")
            return HttpAnswer(body=asic.blinking)
        case "performance/power-target":
            watts = request.json().get("watt")
            if not isinstance(watts, int) or not 954 <= watts <= 4500:
                return HttpAnswer(400, {"message": "power target out of range"})
            asic.limit_power(watts)
            return HttpAnswer(body={"watt": watts})
        case "pools/batch":
            return _set_pools(asic, request.body)
        case _:
            return HttpAnswer(404, {"message": "not found"})
    return HttpAnswer(204, b"")


def _set_pools(asic: FakeAsic, body: bytes) -> HttpAnswer:
    groups = HttpRequest("PUT", "", {}, {}, b'{"groups":' + body + b"}").json()
    pools = [pool for group in nodes(groups, "groups") for pool in nodes(group, "pools")]
    asic.set_pools([FakePool(str(p.get("url")), str(p.get("user")), str(p.get("password"))) for p in pools])
    return HttpAnswer(body=_pools(asic, recorded(_FOLDER, "pools")))


def _page(asic: FakeAsic, path: str) -> HttpAnswer:
    if path == "actions/locate":
        return HttpAnswer(body=asic.blinking)
    if path == "configuration/constraints":
        return HttpAnswer(body=_constraints())
    if path not in _PAGES:
        return HttpAnswer(404, {"message": "not found"})
    answer = recorded(_FOLDER, _PAGES[path])
    match path:
        case "miner/details":
            _details(asic, node(answer))
        case "miner/stats":
            _stats(asic, node(answer))
        case "miner/hw/hashboards":
            for board in nodes(answer, "hashboards"):
                _board(asic, board)
        case "network":
            node(answer)["mac_address"] = asic.mac or node(answer)["mac_address"]
        case "pools":
            answer = _pools(asic, answer)
        case "configuration/miner" if asic.power_limit_w is not None:
            node(answer, "tuner", "power_target")["watt"] = int(asic.power_limit_w)
        case "miner/errors" if not asic.steady and asic.number % 7:
            answer = {"errors": []}
    return HttpAnswer(body=answer)


def _details(asic: FakeAsic, details: dict[str, Json]) -> None:
    details["mac_address"] = asic.mac or details["mac_address"]
    details["serial_number"] = asic.serial or details["serial_number"]
    details["status"] = 3 if asic.paused else 2
    details["bosminer_uptime_s"] = asic.seconds(7039)
    details["system_uptime_s"] = details["system_uptime"] = asic.seconds(7206)
    if asic.firmware is not None:
        node(details, "bos_version")["current"] = asic.firmware
    if not asic.steady:
        details["hostname"] = f"braiins-{asic.number}"


def _stats(asic: FakeAsic, stats: dict[str, Json]) -> None:
    alive = (3 - len(asic.dead_boards)) / 3
    for window in node(stats, "miner_stats", "real_hashrate").values():
        if isinstance(window, dict):
            scale(window, asic.rate * alive, _GHS)
    scale(node(stats, "power_stats", "approximated_consumption"), 0.05 if asic.paused else asic.rate * alive, "watt")
    if asic.power_limit_w is not None and not asic.paused:
        node(stats, "power_stats", "approximated_consumption")["watt"] = round(asic.power_limit_w * 0.99)
    node(stats, "pool_stats")["accepted_shares"] = asic.shares(848)


def _board(asic: FakeAsic, board: dict[str, Json]) -> None:
    dead = int(str(board["id"])) - 1 in asic.dead_boards
    for window in node(board, "stats", "real_hashrate").values():
        if isinstance(window, dict):
            scale(window, 0.0 if dead else asic.rate, _GHS)
    for where in (("board_temp",), ("highest_chip_temp", "temperature"), ("highest_outlet_temp",)):
        reading = node(board, *where)
        degrees = reading["degree_c"]
        assert isinstance(degrees, (int, float))
        reading["degree_c"] = degrees + asic.warmer_c
    if dead:
        board |= {"enabled": False, "chips_count": 0, "board_temp": None, "highest_chip_temp": None}


def _pools(asic: FakeAsic, answer: Json) -> Json:
    group = node(answer, 0)
    pools = nodes(group, "pools")
    if asic.pools is not None:
        pools = [{**pools[min(i, len(pools) - 1)], "url": p.url, "user": p.user} for i, p in enumerate(asic.pools)]
        group["pools"] = list(pools)
    node(pools[0], "stats")["accepted_shares"] = asic.shares(848)
    return answer


def _constraints() -> Json:
    def watts(low: int, usual: int, high: int) -> Json:
        return {"min": {"watt": low}, "default": {"watt": usual}, "max": {"watt": high}}

    return {"tuner_constraints": {"power_target": watts(954, 3510, 4500), "default_mode": 1}}
