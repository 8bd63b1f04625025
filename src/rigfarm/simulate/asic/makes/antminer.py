"""Antminer S19 Pro with Bitmain's own firmware: cgminer on 4028, digest login on its web interface.

`stats`, `summary`, `pools`, `version` and `get_system_info` are recorded; `miner_type`, `get_miner_conf`,
`get_blink_status` and the web `summary` are ours, in the shape of that firmware's web interface.
"""

from __future__ import annotations

from rigfarm.simulate.asic.http import HttpAnswer, HttpRequest, digest_challenge, digest_user
from rigfarm.simulate.asic.makes.base import RPC_PORT, Make
from rigfarm.simulate.asic.nodes import node, nodes, scale, scale_text
from rigfarm.simulate.asic.recorded import Json, recorded
from rigfarm.simulate.asic.state import FakeAsic, FakePool

__all__ = ["AntminerStock"]

_FOLDER = "antminer-stock-2020"
_REALM = "antMiner Configuration"
_MODEL = "Antminer S19 Pro"
_STOCK_MAC = "02:55:97:22:3A:72"  # the recorded one is no address: "3M"
_BUILT = "Tue Dec  6 16:12:30 CST 2022"


class AntminerStock(Make):
    name = "antminer-stock"
    what = "Antminer S19 Pro, Bitmain firmware"
    ports = {RPC_PORT: "rpc", 80: "http"}  # noqa: RUF012 - never changed
    rate = 110566.89e9

    def rpc(self, asic: FakeAsic, command: str, request: dict[str, Json]) -> Json:
        if command not in ("stats", "summary", "pools", "version", "devs"):
            raise KeyError(command)
        answer = recorded(_FOLDER, command)
        match command:
            case "stats":
                _stats(asic, node(answer, "STATS", 1))
            case "summary":
                summary = node(answer, "SUMMARY", 0)
                scale(summary, asic.rate, "GHS 5s", "GHS av", "GHS 30m")
                summary["Elapsed"] = asic.seconds(50474)
                summary["Accepted"] = asic.shares(4057)
            case "pools":
                _pools(asic, answer)
        return answer

    def http(self, asic: FakeAsic, request: HttpRequest) -> HttpAnswer:
        user, password = self.credentials(asic)
        tried, good = digest_user(request, _REALM, user, password)
        if tried is not None:
            asic.traffic.logins.add((tried, password if good else "?"))
        if not good:
            return digest_challenge(_REALM)
        page = request.path.removeprefix("/cgi-bin/").removesuffix(".cgi")
        try:
            return HttpAnswer(body=_page(asic, page, request.json()))
        except KeyError:
            return HttpAnswer(404, b"not found")


def _page(asic: FakeAsic, page: str, sent: dict[str, Json]) -> Json:
    match page:
        case "get_system_info":
            info = node(recorded(_FOLDER, "system_info"))
            info |= {"minertype": _MODEL, "macaddr": asic.mac or _STOCK_MAC, "ipaddress": asic.ip}
            info["serinum"] = asic.serial or info["serinum"]
            if asic.firmware is not None:
                info["system_filesystem_version"] = asic.firmware
            return info
        case "miner_type":
            return {"miner_type": _MODEL, "subtype": "AMLCtrl_BHB42XXX", "fw_version": asic.firmware or _BUILT}
        case "summary":
            return _web_summary(asic)
        case "get_blink_status":
            return {"blink": asic.blinking}
        case "get_miner_conf":
            return _conf(asic)
        case "blink":
            asic.locate(str(sent.get("blink")).lower() == "true")
            return {"code": "B000" if asic.blinking else "B100"}
        case "reboot":
            asic.restart()
            return {"stats": "success", "code": "R000", "msg": "OK!"}
        case "set_miner_conf":
            return _configure(asic, sent)
    raise KeyError(page)


def _stats(asic: FakeAsic, stats: dict[str, Json]) -> None:
    scale(stats, asic.rate, "GHS 5s", "GHS av", "rate_30m", "total rate")
    stats["Elapsed"] = asic.seconds(50474)
    for board in (1, 2, 3):
        scale_text(stats, asic.rate, f"chain_rate{board}")
        for kind in ("temp_chip", "temp_pcb", "temp_pic"):
            stats[f"{kind}{board}"] = _warmer(str(stats[f"{kind}{board}"]), asic.warmer_c)
        if board - 1 in asic.dead_boards:
            stats |= {f"chain_acn{board}": 0, f"chain_acs{board}": "", f"chain_rate{board}": "", f"freq{board}": 0}
            stats |= {f"temp_chip{board}": "0-0-0-0", f"temp_pcb{board}": "0-0-0-0", f"temp_pic{board}": "0-0-0-0"}
    alive = 3 - len(asic.dead_boards)
    scale(stats, alive / 3, "GHS 5s", "GHS av", "rate_30m", "total rate")
    stats |= {"miner_count": alive, "total_acn": 114 * alive}


def _warmer(temperatures: str, by: float) -> str:
    return "-".join(str(round(float(part) + by)) for part in temperatures.split("-"))


def _pools(asic: FakeAsic, answer: Json) -> None:
    pools = nodes(answer, "POOLS")
    for pool, wanted in zip(pools, asic.pools or [], strict=False):
        pool |= {"URL": wanted.url, "User": wanted.user, "Stratum URL": wanted.url.split("://")[-1].split(":")[0]}
    pools[0]["Accepted"] = asic.shares(4057)


def _web_summary(asic: FakeAsic) -> Json:
    status: Json = [{"type": kind, "status": "s", "code": 0, "msg": ""} for kind in ("rate", "network", "fans", "temp")]
    rate = round(110566.89 * asic.rate, 2)
    return {
        "STATUS": {"STATUS": "S", "when": 1755615295, "Msg": "summary", "api_version": "1.0.0"},
        "INFO": {"miner_version": "49.0.1.3", "CompileTime": _BUILT, "type": _MODEL},
        "SUMMARY": [{"elapsed": asic.seconds(50474), "rate_5s": rate, "rate_unit": "GH/s", "status": status}],
    }


def _conf(asic: FakeAsic) -> dict[str, Json]:
    pools = asic.pools or [FakePool("stratum+tcp://btc.global.luxor.tech:700", "satokierepair.H04YK", "123")]
    return {
        "pools": [{"url": pool.url, "user": pool.user, "pass": pool.password} for pool in pools],
        "api-listen": True,
        "api-network": True,
        "api-allow": "A:0/0,W:*" if asic.write_open else "A:0/0",
        "bitmain-fan-ctrl": False,
        "bitmain-fan-pwm": "100",
        "bitmain-work-mode": "1" if asic.paused else "0",
        "bitmain-freq-level": "100",
    }


def _configure(asic: FakeAsic, sent: dict[str, Json]) -> Json:
    mode = str(sent.get("miner-mode", sent.get("bitmain-work-mode", "0")))
    if (mode == "1") != asic.paused:
        (asic.pause if mode == "1" else asic.resume)()
    wanted = [
        FakePool(str(pool.get("url")), str(pool.get("user")), str(pool.get("pass"))) for pool in nodes(sent, "pools")
    ]
    wanted = [pool for pool in wanted if pool.url]
    if wanted != [FakePool(str(p["url"]), str(p["user"]), str(p["pass"])) for p in nodes(_conf(asic), "pools")]:
        asic.set_pools(wanted)
    return {"stats": "success", "code": "M000", "msg": "OK!"}
