"""Make a log small enough to be sent: what is said of it least often goes first, and the log says that it went."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from rigfarm.wire.codec import MAX_LOG_BYTES, FrameError, decode_log, encode_log
from rigfarm.wire.log import Devices, OperationalLog, Workload

__all__ = ["fitting"]


def fitting(log: OperationalLog) -> bytes | None:
    """The log as bytes that a Commander takes; None when not even its time can be sent."""
    for one in _smaller_and_smaller(log):
        try:
            data = encode_log(one)
            if len(data) <= MAX_LOG_BYTES:
                decode_log(data)
                return data
        except (FrameError, OverflowError, UnicodeError, TypeError):
            continue  # a number beyond 64 bits, half of a surrogate pair: it goes with what it is in
    return None


def _smaller_and_smaller(log: OperationalLog) -> Iterator[OperationalLog]:
    yield log
    log = replace(
        log, devices=replace(log.devices, names=[], ids=[]), messages=[_left_out("names of devices and messages")]
    )
    yield log
    log = replace(log, devices=Devices(), pools=[], fans=[], messages=[_left_out("devices, pools and messages")])
    yield log
    rates = [Workload(coin=one.coin, hashrate=one.hashrate, state=one.state) for one in log.workloads]
    yield replace(log, workloads=rates, lan_ip=None, wan_ip=None, messages=[_left_out("all but hashrates")])
    yield OperationalLog(log.t, messages=[_left_out("all of it")])


def _left_out(what: str) -> str:
    return f"Not sent with this log, because it was too large or could not be sent: {what}."
