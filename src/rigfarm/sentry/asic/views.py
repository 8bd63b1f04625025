"""A device as its operator sees it: without its token and password."""

from __future__ import annotations

import time

from msgspec import Struct

from rigfarm.sentry.asic.model import STATE_WORDS, DeviceState, ReaderName
from rigfarm.sentry.asic.unit import Unit

__all__ = ["DeviceView", "view"]


class DeviceView(Struct, frozen=True):
    id: int
    ip: str
    name: str
    rig_name: str | None
    """As entered or told by the Commander; None: it goes by its address."""
    what: str | None
    """Make and model."""
    firmware: str | None
    identity: str | None
    model: ReaderName
    state: DeviceState
    state_words: str
    detail: str
    has_token: bool
    username: str | None
    hashrate: float | None
    """H/s, of the last reading."""
    expected_hashrate: float | None
    hottest_c: float | None
    power_w: float | None
    boards: tuple[int, int] | None
    """Alive, all."""
    messages: list[str]
    read_at_ms: int | None
    read_ago_s: float | None


_TOKEN_WORDS = {
    "removed": "This rig was removed in the Commander; nothing is reported for it.",
    "unknown": "The Commander does not know this token: enter a new one.",
}


def view(unit: Unit) -> DeviceView:
    """How it is now."""
    device, reading = unit.device, unit.reading
    state = unit.shown_state
    return DeviceView(
        id=device.id,
        ip=device.ip,
        name=unit.name,
        rig_name=device.name,
        what=" ".join(part for part in (device.make, device.variant) if part) or None,
        firmware=device.firmware,
        identity=str(device.identity) if device.identity else None,
        model=device.model,
        state=state,
        state_words=STATE_WORDS[state],
        detail=_TOKEN_WORDS.get(device.verdict or "", unit.detail) if device.token_invalid else unit.detail,
        has_token=device.token is not None,
        username=device.login.username if device.login else None,
        hashrate=reading.workload.hashrate if reading else None,
        expected_hashrate=reading.workload.expected_hashrate if reading else None,
        hottest_c=reading.hottest_c if reading else None,
        power_w=reading.power_w if reading else None,
        boards=(sum(not b.missing for b in reading.boards), len(reading.boards))
        if reading and reading.boards
        else None,
        messages=[*unit.exposures, *(reading.messages if reading else [])],
        read_at_ms=unit.read_at_ms,
        read_ago_s=time.monotonic() - unit.read_at if unit.read_at is not None else None,
    )
