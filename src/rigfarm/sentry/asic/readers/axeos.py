"""What AxeOS (Bitaxe and kin) says and pyasic_rs leaves out or takes otherwise: boards of several chips, and shares.

From `/api/system/info` (ESP-Miner's main/http_server/openapi.yaml): `asicCount` is how many chips the board has;
`hashrateMonitor.asics[]` (2.10 on) is what each of them hashes, GH/s; `temp2` is the second sensor of boards with two
chips or more, -1 where there is none; `fan2rpm` a second fan; `sharesAccepted` and `sharesRejected` are the device's,
whichever of its pools they went to. `boardVersion` is the model. The sensor says 127 °C for a chip without a diode, or
with a broken one (bitaxe issue 59), and -1 before it was read.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from rigfarm.sentry.asic.answer import ChipAnswer, DeviceAnswer

__all__ = ["FIRMWARES", "INFO", "AxeInfo", "as_it_means_it", "complete", "read_info"]

FIRMWARES = frozenset({"Bitaxe Stock", "Nerdaxe Stock"})
INFO = "/api/system/info"
_MAX_CHIPS = 64
_NO_DIODE_C = 127.0
_MODELS = {
    "1": "Max",
    "2": "Ultra",
    "3": "UltraHex",
    "4": "Supra",
    "6": "Gamma",
    "65": "GammaDuo",
    "7": "SupraHex",
    "8": "GammaTurbo",
}
"""By the first digits of `boardVersion` (ESP-Miner's device_config.h), the longer first."""


class _Chip(Struct):
    total: object = None


class _Monitor(Struct):
    asics: list[_Chip] = []


class AxeInfo(Struct):
    """The fields this is about; anything may be nonsense."""

    board: object = msgspec.field(default=None, name="boardVersion")
    temp: object = None
    temp2: object = None
    fan2: object = msgspec.field(default=None, name="fan2rpm")
    monitor: _Monitor = msgspec.field(default_factory=_Monitor, name="hashrateMonitor")

    @property
    def model(self) -> str | None:
        """The board's own name, of a Bitaxe."""
        number = self.board if isinstance(self.board, str) else ""
        return _MODELS.get(number[:2]) or _MODELS.get(number[:1]) if len(number) == 3 and number.isdigit() else None


def read_info(body: bytes) -> AxeInfo | None:
    """None for what is not such a page."""
    try:
        return msgspec.json.decode(body, type=AxeInfo)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def as_it_means_it(answer: DeviceAnswer) -> None:
    """The library writes the device's shares beside every pool, and expects one chip whatever the board says."""
    if answer.pools:
        first = answer.pools[0]
        answer.accepted, answer.rejected = first.accepted, first.rejected
        for pool in answer.pools:
            pool.accepted = pool.rejected = None
    for board in answer.boards:
        if board.chips and (board.chips_expected or 0) < board.chips:
            board.chips_expected = board.chips
        board.inlet_c, board.outlet_c = _measured(board.inlet_c), _measured(board.outlet_c)
        for chip in board.chip_details:
            chip.temperature_c = _measured(chip.temperature_c)


def complete(answer: DeviceAnswer, info: AxeInfo) -> None:
    """Chip by chip, what the board of several chips says of them."""
    if len(answer.boards) != 1:
        return
    board = answer.boards[0]
    rates = [_number(chip.total) for chip in info.monitor.asics[:_MAX_CHIPS]]
    if rates and any(rate is not None for rate in rates):
        # What hashes works; which chip a sensor is at is not said.
        board.chip_details = [
            ChipAnswer(index, hashrate=None if rate is None else rate * 1e9, working=None if rate is None else rate > 0)
            for index, rate in enumerate(rates)
        ]
        if answer.hashrate:
            board.chips = sum(rate is None or rate > 0 for rate in rates)
    board.outlet_c = max(
        (celsius for told in (info.temp, info.temp2) if (celsius := _measured(_number(told))) and celsius > 0),
        default=board.outlet_c,
    )
    second_fan = _number(info.fan2)
    if second_fan is not None and len(answer.fans) == 1 and second_fan > 0:
        answer.fans = [*answer.fans, second_fan]


def _measured(celsius: float | None) -> float | None:
    return celsius if celsius is not None and celsius < _NO_DIODE_C else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
