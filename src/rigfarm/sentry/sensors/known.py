"""The GPUs this machine has ever had, in the order they were first seen: their indexes for good.

A card that falls off the bus keeps its place, so the others keep theirs. It is forgotten on request only: when the file
in which they are kept is taken away.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from rigfarm.sentry.sensors.source import Outcome
from rigfarm.wire.log import Device

__all__ = ["FILE_NAME", "Known", "KnownGpu", "forget", "load", "remember", "save"]

_log = structlog.get_logger(__name__)

FILE_NAME = "gpus.json"
"""In the Sentry's data folder."""

_MAX = 256
"""Cards of one machine over all its life. What comes after them is shown, and not remembered."""


class KnownGpu(Struct, frozen=True):
    """One card and the source that sees it."""

    id: str
    source: str
    name: str | None = None


Known = tuple[KnownGpu, ...]


def remember(known: Known, outcomes: Iterable[Outcome]) -> Known:
    """`known` and behind it the cards seen for the first time, by PCI address, which is their order on the board."""
    seen = {
        device.id: KnownGpu(device.id, outcome.name, device.name)
        for outcome in outcomes
        for device in _gpus(outcome)
        if device.id is not None
    }
    old = tuple(_learned(gpu, seen.pop(gpu.id, gpu)) for gpu in known)
    return (*old, *(seen[id] for id in sorted(seen)))[:_MAX]


def _gpus(outcome: Outcome) -> list[Device]:
    return [device for device in (outcome.reading.devices if outcome.reading else []) if device.kind == "gpu"]


def _learned(old: KnownGpu, new: KnownGpu) -> KnownGpu:
    return old if old == new else KnownGpu(new.id, new.source, new.name or old.name)


def load(path: Path) -> Known:
    """What was saved. A file that cannot be read costs the places of missing cards only; it is replaced later."""
    try:
        gpus = msgspec.json.decode(path.read_bytes(), type=list[KnownGpu])
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _log.warning("known-gpus-not-read", path=str(path), error=str(error))
        return ()
    return tuple({gpu.id: gpu for gpu in gpus}.values())[:_MAX]


def save(path: Path, known: Known) -> None:
    """Keep it, whole or not at all. Raises OSError."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.encode(list(known)))
    draft.replace(path)


def forget(path: Path) -> bool:
    """Forget all cards, in the file and in a Sentry that runs: it gives places again, to those it sees. Whether there
    were any. Raises OSError."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
