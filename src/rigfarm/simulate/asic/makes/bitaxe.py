"""Bitaxe Supra, AxeOS: one JSON page over HTTP, no login."""

from __future__ import annotations

from rigfarm.simulate.asic.http import HttpAnswer, HttpRequest
from rigfarm.simulate.asic.makes.base import Make
from rigfarm.simulate.asic.nodes import node, number, scale
from rigfarm.simulate.asic.recorded import Json, recorded
from rigfarm.simulate.asic.state import FakeAsic, FakePool

__all__ = ["Bitaxe"]


class Bitaxe(Make):
    name = "bitaxe"
    what = "Bitaxe Supra, AxeOS"
    ports = {80: "http"}  # noqa: RUF012 - never changed
    rate = 1000e9

    def http(self, asic: FakeAsic, request: HttpRequest) -> HttpAnswer:
        match request.method, request.path:
            case "GET", "/":
                return HttpAnswer(body=b"<!doctype html><html><head><title>AxeOS</title></head><body></body></html>")
            case "GET", "/api/system/info":
                return HttpAnswer(body=_info(asic))
            case "POST", "/api/system/restart":
                asic.restart()
                return HttpAnswer(body=b"System will restart shortly.")
            case "PATCH", "/api/system":
                _configure(asic, request.json())
                return HttpAnswer()
        return HttpAnswer(404, b"not found")


def _info(asic: FakeAsic) -> dict[str, Json]:
    info = node(recorded("bitaxe-2.0.0", "system_info"))
    scale(info, asic.rate, "hashRate")
    for sensor in ("temp", "vrTemp"):
        info[sensor] = number(info[sensor]) + asic.warmer_c
    info["macAddr"] = (asic.mac or str(info["macAddr"])).upper()
    info["version"] = asic.firmware or info["version"]
    info["uptimeSeconds"] = asic.seconds(4)
    info["sharesAccepted"] = asic.shares(0)
    if not asic.steady:
        info["hostname"] = f"bitaxe-{asic.number}"
    if asic.pools:
        host, _, port = asic.pools[0].url.split("://")[-1].partition(":")
        info |= {"stratumURL": host, "stratumPort": int(port or 3333), "stratumUser": asic.pools[0].user}
    if asic.dead_boards:
        info |= {"hashRate": 0, "asicCount": 0}
    return info


def _configure(asic: FakeAsic, sent: dict[str, Json]) -> None:
    if "stratumURL" in sent:
        asic.set_pools(
            [FakePool(f"{sent['stratumURL']}:{sent.get('stratumPort', 3333)}", str(sent.get("stratumUser")))]
        )
