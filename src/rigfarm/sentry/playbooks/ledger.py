"""What a Sentry must not forget when it or its rig restarts: how often it has restarted programs and the rig.

Stamps are seconds of the Sentry's own running time, carried on from start to start: no wall clock is involved, so a
clock that jumps grants no reboot, and a rig that is switched off for a night has no new budget in the morning.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct, field

from rigfarm.common.intermittent import Rounds
from rigfarm.common.whole_file import write_private

__all__ = ["DAY_S", "HOUR_S", "Ledger", "Memory"]

HOUR_S = 3_600.0
DAY_S = 24 * HOUR_S
SAVE_EVERY_S = 60.0
_KEPT_STAMPS = 600
_KEPT_PLAYBOOKS = 1_000
_FORGET_PLAYBOOK_S = 30 * DAY_S

_log = structlog.get_logger(__name__)


class Memory(Struct):
    """Of one playbook."""

    restarts: list[float] = field(default_factory=list)
    program: str = ""
    """What `normal` was measured with; another program or other arguments start again."""
    normal: list[list[float]] = field(default_factory=list)
    """Recent healthy hashrates of each workload, H/s."""
    rounds: list[Rounds] = field(default_factory=list)
    """When each workload is mined."""
    used: float = 0.0


class _Kept(Struct):
    clock: float = 0.0
    reboots: list[float] = field(default_factory=list)
    playbooks: dict[int, Memory] = field(default_factory=dict)


class Ledger:
    """Kept in one small file. A file that cannot be read counts as a full budget of reboots: better one too few."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._kept = self._load()
        self._offset = self._kept.clock - monotonic()
        self._saved_at = monotonic()
        self._saving = asyncio.Lock()

    def now(self) -> float:
        """Running time in s, since ever."""
        return self._monotonic() + self._offset

    def of(self, playbook: int) -> Memory:
        """What is remembered of a playbook; change it, then `save`."""
        memory = self._kept.playbooks.setdefault(playbook, Memory())
        memory.used = self.now()
        if len(self._kept.playbooks) > _KEPT_PLAYBOOKS:
            playbooks = self._kept.playbooks
            del playbooks[min(playbooks, key=lambda id: playbooks[id].used)]
        return memory

    def restarts_within(self, playbook: int, window_s: float) -> list[float]:
        """Stamps of the automatic restarts that still count, oldest first."""
        after = self.now() - window_s
        return [stamp for stamp in self.of(playbook).restarts if stamp > after]

    async def note_restart(self, playbook: int) -> None:
        """One more automatic restart."""
        memory = self.of(playbook)
        memory.restarts = [*memory.restarts[-_KEPT_STAMPS:], self.now()]
        await self.save()

    def reboots_within(self, window_s: float) -> int:
        """How many reboots still count."""
        after = self.now() - window_s
        return sum(stamp > after for stamp in self._kept.reboots)

    async def note_reboot(self) -> bool:
        """One more reboot; whether it is on disk. A reboot that cannot be noted must not happen."""
        self._kept.reboots = [*self._kept.reboots[-_KEPT_STAMPS:], self.now()]
        return await self.save()

    async def save(self) -> bool:
        """Whether it is on disk now."""
        async with self._saving:
            self._kept.clock = self.now()
            self._saved_at = self._monotonic()
            self._forget_old()
            data = msgspec.json.encode(self._kept)
            try:
                await asyncio.to_thread(write_private, self._path, data)
            except OSError as error:
                _log.warning("restart budgets are not on disk", path=str(self._path), error=str(error))
                return False
            return True

    async def save_now_and_then(self) -> None:
        """Carry the clock on."""
        if self._monotonic() - self._saved_at >= SAVE_EVERY_S:
            await self.save()

    async def forget_playbooks(self) -> None:
        """All but the reboots, which are the rig's."""
        self._kept.playbooks.clear()
        await self.save()

    def _forget_old(self) -> None:
        before = self.now() - _FORGET_PLAYBOOK_S
        self._kept.playbooks = {id: memory for id, memory in self._kept.playbooks.items() if memory.used >= before}

    def _load(self) -> _Kept:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return _Kept()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            _log.error("restart budgets cannot be read; no reboot for a day", path=str(self._path), error=str(error))
            return _Kept(clock=DAY_S, reboots=[DAY_S] * _KEPT_STAMPS)
