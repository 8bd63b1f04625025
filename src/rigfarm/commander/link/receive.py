"""What a Sentry sends, frame by frame. Everything here runs for every log of the farm: measure before you add to it."""

from __future__ import annotations

import msgspec
import structlog

from rigfarm.commander.link import charge
from rigfarm.commander.link.budgets import SPECS_WORDS
from rigfarm.commander.link.link import Link
from rigfarm.commander.link.registry import Links
from rigfarm.commander.logs.rows import EncodedLog
from rigfarm.commander.logs.seen import TooManyRangesError
from rigfarm.common.clock import utc_ms
from rigfarm.wire.codec import (
    MAX_LOG_BYTES,
    FrameError,
    IgnoredFrameError,
    UnknownFrameError,
    decode_log,
    decode_up,
)
from rigfarm.wire.frames import (
    Gap,
    Hello,
    Logs,
    Prove,
    RigSpecs,
    UpFrame,
)
from rigfarm.wire.limits import MAX_SEQUENCE
from rigfarm.wire.log import OperationalLog

__all__ = ["receive"]

log = structlog.get_logger()

AHEAD_MS = 31 * 86_400_000
"""A log's time may be so far ahead: whatever set the Commander's clock back within a month, its rigs' logs count."""
BACK_MS = 10 * 366 * 86_400_000
"""And so far back: clocks that were never set say 1970 or 2000."""
MAX_SPECS_BYTES = 64 << 10
"""A rig with a hundred cards needs a third of it. They are kept in memory and in the database."""


def receive(links: Links, link: Link, data: bytes) -> Hello | None:
    """Take one frame. A later Hello is handed back, for it wants an answer. FrameError: close the link; UncheckedError:
    nothing was taken, call again once `Doubles` has read what is stored."""
    try:
        frame = decode_up(data)
    except IgnoredFrameError as error:
        newer = isinstance(error, UnknownFrameError)
        what = "sent a frame that this version does not know" if newer else "sent a frame with impossible values"
        link.limited(what, f"such frames are ignored: {error}")
        charge.for_words(links, link, link.pays(), len(data))
        return None
    if type(frame) is Logs:
        _logs(links, link, frame, len(data))
        return None
    return _other(links, link, frame, len(data))


def _logs(links: Links, link: Link, frame: Logs, size: int) -> None:
    count = len(frame.logs)
    if count != len(frame.slots) or frame.first + count > MAX_SEQUENCE:
        raise FrameError(f"a frame of {count} logs for {len(frame.slots)} slots from {frame.first}")
    # Parse everything before anything is claimed: a frame counts whole or not at all.
    parsed = [_parse(raw) for raw in frame.logs]
    rigs = [_rig(links, link, slot) for slot in frame.slots]
    doubles = link.newcomer.doubles(rigs, parsed) if link.newcomer is not None else ()
    first, last = frame.first, frame.first + count - 1
    journal = links.journal
    taken = _take(links, link, first, last)
    if taken == [(first, last)]:
        positions = [i for i in range(count) if rigs[i] is not None]
    else:
        fresh = {seq - first for low, high in taken for seq in range(low, high + 1)}
        journal.duplicates += count - len(fresh)
        positions = [i for i in range(count) if i in fresh and rigs[i] is not None]
    if doubles:
        journal.duplicates += sum(i in doubles for i in positions)
        positions = [i for i in positions if i not in doubles]
    now_ms = utc_ms()
    oldest, newest = now_ms - BACK_MS, now_ms + AHEAD_MS
    owners: list[int] = []
    raws: list[EncodedLog] = []
    for i in positions:
        rig_id = rigs[i]
        assert rig_id is not None
        parsed_log = parsed[i]
        if not oldest <= parsed_log.t <= newest:
            links.stats.logs_not_kept(rig_id, untimely=1)
            link.limited("sends logs with an impossible time", "they are acknowledged but not stored", rig_id=rig_id)
            continue
        owners.append(rig_id)
        raws.append(frame.logs[i])
        links.arrivals.add(rig_id, parsed_log)
    links.received += len(owners)
    if (kept := charge.for_logs(links, link, owners, raws, count, size)) is not None:
        owners, raws = [owners[i] for i in kept], [raws[i] for i in kept]
    link.flies(size)
    journal.add(link.spool, taken, owners, raws, (first, last), link.receipt)


def _take(links: Links, link: Link, first: int, last: int) -> list[tuple[int, int]]:
    """Claim numbers of the link's spool."""
    try:
        return links.journal.take(link.spool, first, last)
    except TooManyRangesError as error:
        raise FrameError(str(error)) from None


def _parse(raw: msgspec.Raw) -> OperationalLog:
    if len(raw) > MAX_LOG_BYTES:
        raise FrameError(f"an operational log of more than {MAX_LOG_BYTES} bytes")
    return decode_log(raw)


def _rig(links: Links, link: Link, slot: int) -> int | None:
    """The rig behind a slot; None when it may not, or no longer, speak on this link."""
    if slot >= len(link.rigs):
        raise FrameError(f"slot {slot} of {len(link.rigs)}")
    rig_id = link.rigs[slot]
    return rig_id if rig_id is not None and links.by_rig.get(rig_id) is link else None


def _other(links: Links, link: Link, frame: UpFrame, size: int) -> Hello | None:
    """Everything but logs: rare."""
    if isinstance(frame, Hello):
        return frame
    if isinstance(frame, Prove):
        raise FrameError("proof is asked for once, before the Hello")
    if isinstance(frame, Gap):
        _gap(links, link, frame, size)
        return None
    assert not isinstance(frame, Logs)
    rig_id = _rig(links, link, frame.slot)
    charge.for_words(links, link, rig_id or link.pays(), size, SPECS_WORDS if isinstance(frame, RigSpecs) else 1)
    if rig_id is None:
        return None
    if isinstance(frame, RigSpecs) and size > MAX_SPECS_BYTES:
        link.limited(f"sent specs of more than {MAX_SPECS_BYTES >> 10} KiB", "they are ignored", rig_id=rig_id)
    elif (handler := links.handlers.get(type(frame))) is not None and (work := handler(rig_id, frame)) is not None:
        links.background(work)
    return None


def _gap(links: Links, link: Link, frame: Gap, size: int) -> None:
    """The Sentry had to drop logs: count them, so that they are not waited for."""
    if frame.first > frame.last:
        raise FrameError(f"a gap from {frame.first} to {frame.last}")
    told = {
        rig_id: (total, told)
        for slot, total, told in frame.dropped or ()
        if (rig_id := _rig(links, link, slot)) is not None
    }
    taken = _take(links, link, frame.first, frame.last)
    fresh = {rig_id: links.drops.fresh(rig_id, link.spool, *totals) for rig_id, totals in told.items()}
    if len(link.rigs) == 1 and (only := _rig(links, link, 0)) is not None:
        # Then all of these numbers were this rig's, also those of damaged logs, and those that did arrive are known.
        fresh = {only: sum(last - first + 1 for first, last in taken) if frame.lost else 0}
    for rig_id, dropped in fresh.items():
        links.stats.logs_dropped(rig_id, dropped)
    charge.for_logs(links, link, [], [], 1, size)
    link.flies(size)
    links.journal.add(link.spool, taken, [], [], (frame.first, frame.last), link.receipt)
