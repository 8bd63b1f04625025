"""IceRiver KS5L: one JSON page behind a form login.

Nothing of it is recorded: the answer of `POST /user/userpanel` with `post=4` is ours, in the shape that its readers
(pyasic 0.79, asic-rs) expect: hashrates as text with their unit, `runtime` as days:hours:minutes:seconds, boards
counted from 1.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from rigfarm.simulate.asic.http import HttpAnswer, HttpRequest
from rigfarm.simulate.asic.makes.base import Make
from rigfarm.simulate.asic.recorded import Json
from rigfarm.simulate.asic.state import FakeAsic, FakePool

__all__ = ["IceRiver"]

_BOARD_GHS = 4021.37
_CHIPS = 18
_MAC = "70-b3-d5-4a-10-c2"
_POOLS = [
    FakePool("stratum+tcp://kas.pool.example:5555", "kaspa:qz0000.ks5l"),
    FakePool("stratum+tcp://kas2.pool.example:5555", "kaspa:qz0000.ks5l"),
]


class IceRiver(Make):
    name = "iceriver"
    what = "IceRiver KS5L"
    ports = {80: "http"}  # noqa: RUF012 - never changed
    login = ("admin", "12345678")
    rate = 3 * _BOARD_GHS * 1e9

    def http(self, asic: FakeAsic, request: HttpRequest) -> HttpAnswer:
        form = request.query | {key: values[0] for key, values in parse_qs(request.body.decode("latin-1")).items()}
        match request.method, request.path, form.get("post"):
            case "GET", "/", _:
                page = "<!DOCTYPE html><HTML><HEAD><TITLE>用户界面</TITLE></HEAD><BODY></BODY></HTML>"
                return HttpAnswer(body=page.encode())
            case "POST", "/user/loginpost", _:
                return self._log_in(asic, form)
            case "POST", "/user/userpanel", _ if not self._logged_in(asic, request):
                return HttpAnswer(body={"error": 10, "data": None, "message": "login"})
            case "POST", "/user/userpanel", "4":
                return HttpAnswer(body={"error": 0, "data": _panel(asic), "message": ""})
            case "POST", "/user/userpanel", "5" if "locate" in form:
                asic.locate(form["locate"] == "1")
                return HttpAnswer(body={"error": 0, "data": None, "message": ""})
        return HttpAnswer(404, b"not found")

    def _log_in(self, asic: FakeAsic, form: dict[str, str]) -> HttpAnswer:
        tried = (form.get("user", ""), form.get("pwd", ""))
        asic.traffic.logins.add(tried)
        if tried != self.credentials(asic):
            return HttpAnswer(body={"error": 1, "data": None, "message": "user or password error"})
        return HttpAnswer(
            body={"error": 0, "data": None, "message": ""}, headers={"Set-Cookie": self._cookie(asic) + "; path=/"}
        )

    def _logged_in(self, asic: FakeAsic, request: HttpRequest) -> bool:
        """As shipped it shows its panel to everybody; with a password of its own it wants the login first."""
        return asic.password is None or self._cookie(asic) in request.headers.get("cookie", "")

    def _cookie(self, asic: FakeAsic) -> str:
        return f"session=ks{asic.number}-{len(self.credentials(asic)[1])}"


def _panel(asic: FakeAsic) -> Json:
    boards = [_board(asic, index) for index in range(3)]
    alive = 3 - len(asic.dead_boards)
    total = _BOARD_GHS * alive * asic.rate
    seconds = asic.seconds(183725)  # 2 d 3 h 2 min 5 s
    return {
        "model": "none",
        "algo": "none",
        "online": True,
        "firmver1": "BOOT_2_1",
        "firmver2": "image_1.0",
        "softver1": asic.firmware or "20240302_ks5lminer",
        "softver2": "none",
        "firmtype": "NULL",
        "nic": "eth0",
        "mac": asic.mac.replace(":", "-") if asic.mac else _MAC,
        "ip": asic.ip,
        "host": "KS5L" if asic.steady else f"KS5L-{asic.number}",
        "dhcp": True,
        "locate": asic.blinking,
        "rtpow": f"{total:.2f}G",
        "avgpow": f"{total * 0.998:.2f}G",
        "reject": 0.31,
        "runtime": f"{seconds // 86400:02}:{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}",
        "unit": "G",
        "powstate": not asic.paused,
        "netstate": True,
        "fanstate": True,
        "tempstate": True,
        "fans": [3090, 3120, 3060, 3150],
        "pools": [_pool(asic, index, pool) for index, pool in enumerate(asic.pools or _POOLS)],
        "boards": [board for board in boards if board is not None],
        "refTime": "2024-03-02 10:11:12 UTC",
    }


def _board(asic: FakeAsic, index: int) -> Json:
    dead = index in asic.dead_boards
    return {
        "no": index + 1,
        "chipnum": 0 if dead else _CHIPS,
        "chipsuc": 0 if dead else _CHIPS,
        "error": 1 if dead else 0,
        "freq": 0.0 if dead else 1950.0,
        "rtpow": "0.00G" if dead else f"{_BOARD_GHS * asic.rate:.2f}G",
        "avgpow": "0.00G" if dead else f"{_BOARD_GHS * asic.rate * 0.998:.2f}G",
        "idealpow": "4000.00G",
        "tempnum": "1",
        "pcbtemp": "47.5-51.0",
        "intmp": 0 if dead else 46 + index + asic.warmer_c,
        "outtmp": 0 if dead else 62 + index + asic.warmer_c,
        "state": not dead,
    }


def _pool(asic: FakeAsic, index: int, pool: FakePool) -> Json:
    return {
        "no": index + 1,
        "addr": pool.url,
        "user": pool.user,
        "pass": pool.password,
        "connect": index == 0,
        "diff": "35184.37 G",
        "priority": index + 1,
        "accepted": asic.shares(5321) if index == 0 else 0,
        "rejected": 17 if index == 0 else 0,
        "diffa": 0,
        "diffr": 0,
        "state": 1 if index == 0 else 0,
        "lsdiff": 0,
        "lstime": "00:00:00",
    }
