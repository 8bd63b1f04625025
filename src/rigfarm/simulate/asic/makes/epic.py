"""Antminer S19 XP with ePIC's UMC OS: HTTP on port 4028, orders carry the password."""

from __future__ import annotations

from rigfarm.simulate.asic.http import HttpAnswer, HttpRequest
from rigfarm.simulate.asic.makes.base import RPC_PORT, Make
from rigfarm.simulate.asic.nodes import node, nodes, scale
from rigfarm.simulate.asic.recorded import Json, recorded
from rigfarm.simulate.asic.state import FakeAsic, FakePool

__all__ = ["Epic"]

_FOLDER = "epic"
_PAGES = {
    "/summary": "summary",
    "/network": "network",
    "/temps": "temps",
    "/capabilities": "capabilities",
    "/clocks": "chip_clocks",
    "/hashrate": "chip_hashrates",
    "/voltages": "chip_voltages",
    "/temps/chip": "chip_temps",
}


class Epic(Make):
    name = "epic"
    what = "Antminer S19 XP, ePIC UMC OS"
    ports = {80: "http", RPC_PORT: "http"}  # noqa: RUF012 - never changed
    login = ("root", "letmein")
    rate = (49440724.0 + 49925124.0) * 1e6

    def http(self, asic: FakeAsic, request: HttpRequest) -> HttpAnswer:
        if request.method == "POST":
            return self._order(asic, request)
        if request.path == "/":
            return HttpAnswer(body=b"<!doctype html><html><head><title>Miner Web Dashboard</title></head></html>")
        if request.path not in _PAGES:
            return HttpAnswer(404, b"not found")
        answer = recorded(_FOLDER, _PAGES[request.path])
        if request.path in _SAYS:
            _SAYS[request.path](asic, answer)
        return HttpAnswer(body=answer)

    def _order(self, asic: FakeAsic, request: HttpRequest) -> HttpAnswer:
        sent = request.json()
        user, password = self.credentials(asic)
        asic.traffic.logins.add((user, str(sent.get("password"))))
        if sent.get("password") != password:
            return HttpAnswer(body={"result": False, "error": "Incorrect password"})
        match request.path, sent.get("param"):
            case "/reboot", _:
                asic.restart()
            case "/miner", "Stop":
                asic.pause()
            case "/miner", _:
                asic.resume()
            case "/identify", on:
                asic.locate(bool(on))
            case "/coin", dict() as coin:
                pools = nodes(coin, "stratum_configs")
                asic.set_pools([FakePool(str(p["pool"]), str(p["login"]), str(p.get("password"))) for p in pools])
            case "/hashratesplit/enable", _:
                pass
            case _:
                return HttpAnswer(404, b"not found")
        return HttpAnswer(body={"result": True, "error": None})


def _summary(asic: FakeAsic, answer: Json) -> None:
    summary = node(answer)
    for board in nodes(summary, "HBs"):
        rates = board["Hashrate"]
        assert isinstance(rates, list)
        first = rates[0]
        assert isinstance(first, (int, float))
        dead = board["Index"] in asic.dead_boards
        rates[0] = 0.0 if dead else round(first * asic.rate, 1)
        warm = board["Temperature"]
        assert isinstance(warm, (int, float))
        board["Temperature"] = 0.0 if dead else warm + asic.warmer_c
    session = node(summary, "Session")
    scale(session, asic.rate, "Average MHs")
    session["Uptime"] = asic.seconds(23170)
    session["Accepted"] = asic.shares(1862)
    scale(node(summary, "Power Supply Stats"), 0.05 if asic.paused else asic.rate, "Input Power")
    node(summary, "Misc")["Locate Miner State"] = asic.blinking
    node(summary, "Status")["Operating State"] = "Idling" if asic.paused else "Mining"
    summary["Software"] = asic.firmware or summary["Software"]
    if not asic.steady:
        summary["Hostname"] = f"cminer{asic.number}"
    if asic.pools is not None:
        summary["StratumConfigs"] = [{"login": p.user, "password": p.password, "pool": p.url} for p in asic.pools]
        node(summary, "Stratum").update(
            {"Current Pool": asic.pools[0].url.split("://")[-1], "Current User": asic.pools[0].user}
        )


def _network(asic: FakeAsic, answer: Json) -> None:
    dhcp = node(answer, "dhcp")
    dhcp |= {"mac_address": (asic.mac or str(dhcp["mac_address"])).upper(), "address": asic.ip}


def _capabilities(asic: FakeAsic, answer: Json) -> None:
    board = node(answer, "Control Board Version")
    board["cpuSerial"] = asic.serial or board["cpuSerial"]


def _temps(asic: FakeAsic, answer: Json) -> None:
    for board in nodes(answer):
        data = board["Data"]
        assert isinstance(data, list)
        board["Data"] = [round(t + asic.warmer_c, 3) for t in data if isinstance(t, float)]


_SAYS = {"/summary": _summary, "/network": _network, "/capabilities": _capabilities, "/temps": _temps}
