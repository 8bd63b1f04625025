"""What an IceRiver's panel says: from the bytes of `POST /user/userpanel` (`post=4`) to a DeviceAnswer.

Field meanings after the two open readers of it (pyasic 0.79, asic-rs): hashrates are text with a unit ("4021.37G"),
`runtime` is days:hours:minutes:seconds, boards count from 1, `intmp` is the board and `outtmp` the chips, `softver1`
ends in the model ("20240302_ks5lminer") or, on newer ones, in its number ("20250101_10306_miner", pyasic issue 305).
`model` and `algo` say "none" on most firmwares.
"""

from __future__ import annotations

import re

import msgspec

from rigfarm.sentry.asic.answer import BoardAnswer, DeviceAnswer, Nature, PoolAnswer

__all__ = ["NotAPanel", "model_of", "nature_of", "parse_panel"]

_Json = dict[str, object]
_UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_RATE = re.compile(r"\s*(\d{1,18}(?:\.\d{1,12})?)\s*([KMGTP]?)(?:H/?S?)?\s*", re.IGNORECASE)
_RUNTIME = re.compile(r"(\d{1,5}):(\d{1,2}):(\d{1,2}):(\d{1,2})")
_ALGORITHMS = {"KS": "KHeavyHash", "AL": "Blake3", "AE": "zkSNARK", "RX": "SHA512256d"}
"""By the first letters of the model."""
_NUMBERS = {"10306": "AL3"}
"""Model numbers in place of names, as far as they are known."""
_THREE_BOARDS = ("KS3", "KS5", "KS7", "AL3")
_MOST = 64
"""More boards, pools or fans than this are no device."""


class NotAPanel(ValueError):  # noqa: N818 - it says what the bytes are not
    """These bytes are not the panel of an IceRiver."""


def parse_panel(body: bytes) -> DeviceAnswer:
    """The panel's figures, in SI units. Raises NotAPanel, never anything else."""
    data = _data(body)
    unit = data.get("unit")
    return DeviceAnswer(
        identified=True,
        mac=_text(data.get("mac")),
        hostname=_text(data.get("host")),
        firmware_version=_text(data.get("softver1")),
        model=_named(data.get("model")),
        algorithm=_named(data.get("algo")),
        hashrate=_rate(data.get("rtpow"), unit),
        expected_hashrate=_ideal(data),
        uptime_s=_seconds(data.get("runtime")),
        mining=_flag(data.get("powstate")),
        light=_flag(data.get("locate")),
        fans=[_number(fan) for fan in _list(data.get("fans"))],
        boards=[board for board in (_board(item, unit) for item in _objects(data.get("boards"))) if board],
        pools=[_pool(item) for item in _objects(data.get("pools")) if item.get("addr")],
        messages=_complaints(data),
    )


def model_of(firmware_version: str | None) -> str | None:
    """The model that a software version ends in: "KS5L"."""
    parts = (firmware_version or "").strip().split("_")
    last = parts[-1].lower()
    name = parts[-2] if last == "miner" and len(parts) > 1 else last.removesuffix("miner")
    return name.upper() if re.fullmatch(r"[A-Za-z]{2}\d\w{0,8}", name) else _NUMBERS.get(name)


def nature_of(answer: DeviceAnswer) -> Nature:
    """What kind of IceRiver it is."""
    model = model_of(answer.firmware_version) or answer.model
    return Nature(
        make="IceRiver",
        model=model,
        firmware="IceRiver Stock",
        algorithm=_ALGORITHMS.get((model or "").upper()[:2]) or answer.algorithm,
        supports=frozenset({"locate"}),
        boards_expected=3 if model and model.upper().startswith(_THREE_BOARDS) else None,
    )


def _data(body: bytes) -> _Json:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAPanel(str(error)) from error
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or "rtpow" not in data:
        raise NotAPanel("no panel in it")
    return data


def _list(value: object) -> list[object]:
    return value[:_MOST] if isinstance(value, list) else []


def _objects(value: object) -> list[_Json]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _named(value: object) -> str | None:
    text = _text(value)
    return None if text is None or text.strip().lower() in ("none", "null", "unknown", "") else text.strip()[:40]


def _number(value: object) -> float | None:
    """A number, also one written as text; anything else is unknown."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    number = _number(value)
    return None if number not in (0, 1) else number == 1


def _rate(value: object, unit: object) -> float | None:
    """H/s of "4021.37G", or of a bare number in the panel's own unit."""
    if not isinstance(value, str):
        number = _number(value)
        value = None if number is None or not 0 <= number < 1e15 else f"{number:.6f}"
    match = _RATE.fullmatch(value or "")
    if match is None:
        return None
    own = unit.upper() if isinstance(unit, str) else ""
    factor = _UNITS.get(match[2].upper() or own)
    return float(match[1]) * factor if factor is not None else None


def _ideal(data: _Json) -> float | None:
    """What its boards are made for, H/s, where they all tell."""
    rates = [_rate(board.get("idealpow"), data.get("unit")) for board in _objects(data.get("boards"))]
    known = [rate for rate in rates if rate]
    return sum(known) if known and len(known) == len(rates) else None


def _seconds(value: object) -> float | None:
    match = _RUNTIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part) for part in match.groups())
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _board(item: _Json, unit: object) -> BoardAnswer | None:
    number = _number(item.get("no"))
    if number is None or number != number or not 1 <= number <= _MOST:
        return None
    chips = _number(item.get("chipnum"))
    return BoardAnswer(
        index=int(number) - 1,
        active=_flag(item.get("state")),
        hashrate=_rate(item.get("rtpow"), unit),
        expected_hashrate=_rate(item.get("idealpow"), unit),
        board_c=_number(item.get("intmp")),
        outlet_c=_number(item.get("outtmp")),
        chips=int(chips) if chips is not None and 0 <= chips < 100_000 else None,
        frequency_mhz=_number(item.get("freq")),
    )


def _pool(item: _Json) -> PoolAnswer:
    return PoolAnswer(
        url=_text(item.get("addr")),
        user=_text(item.get("user")),
        alive=_flag(item.get("state")),
        active=_flag(item.get("connect")),
        accepted=_number(item.get("accepted")),
        rejected=_number(item.get("rejected")),
    )


_LAMPS = {"netstate": "network", "fanstate": "fans", "tempstate": "temperature"}


def _complaints(data: _Json) -> list[str]:
    """The lamps of its panel that are red."""
    return [f"Its panel shows trouble with: {what}" for lamp, what in _LAMPS.items() if _flag(data.get(lamp)) is False]
