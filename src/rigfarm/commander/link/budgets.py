"""How much one rig may send: a rig that floods is slowed down, and no other. What it may do at once is generous, for
a backlog of a day must drain quickly; what it may do for ever is far above what any honest rig does.

A budget belongs to the rig and not to its connection, so reconnecting gains nothing.
"""

from __future__ import annotations

__all__ = ["Allowance", "Budget", "Budgets"]

LOGS_PER_S = 2_000.0
LOGS_AT_ONCE = 20_000.0
"""More than a rig records in a day, at a report every 5 s."""
BYTES_PER_S = float(1 << 20)
BYTES_AT_ONCE = float(16 << 20)
WORDS_PER_S = 50.0
WORDS_AT_ONCE = 500.0
"""Frames beside the logs: statuses, boards, lines of a console, results. Specs count as SPECS_WORDS of them."""
SPECS_WORDS = 25
GREETINGS_PER_S = 2.0
GREETINGS_AT_ONCE = 60.0
UNHEARD_PER_S = float(64 << 10)
UNHEARD_AT_ONCE = float(1 << 20)
"""Bytes of a link on which rigs may no longer speak."""
DAY_S = 86_400.0


class Allowance:
    """So much at once, and so much a second. What came is taken even beyond that; then there is a time to wait."""

    __slots__ = ("_at_once_s", "_paid_until", "_per_s")

    def __init__(self, per_s: float, at_once: float) -> None:
        self._per_s = per_s
        self._at_once_s = at_once / per_s
        self._paid_until = 0.0
        """Monotonic s: what was taken so far would be earned by then."""

    def take(self, amount: float, now: float) -> float:
        """Take it; s to wait before more is taken."""
        self._paid_until = max(self._paid_until, now) + amount / self._per_s
        return max(self._paid_until - now - self._at_once_s, 0.0)

    def spend(self, amount: float, now: float, within_s: float = 0.0) -> float | None:
        """Take it if it is there, or will be within a time: s to wait for it. None: nothing was taken."""
        after = max(self._paid_until, now) + amount / self._per_s
        wait_s = after - now - self._at_once_s
        if wait_s > within_s:
            return None
        self._paid_until = after
        return max(wait_s, 0.0)


class Budget:
    """Of one rig. Of logs it keeps account without an Allowance each: that is asked for every frame of the farm."""

    __slots__ = ("_bytes_until", "_logs_until", "greetings", "journal", "words")

    def __init__(self, journal_bytes: float) -> None:
        self._logs_until = 0.0
        self._bytes_until = 0.0
        self.words = Allowance(WORDS_PER_S, WORDS_AT_ONCE)
        self.greetings = Allowance(GREETINGS_PER_S, GREETINGS_AT_ONCE)
        self.journal = Allowance(journal_bytes / DAY_S, journal_bytes)
        """Bytes of logs within a day."""

    def take(self, logs: float, size: float, now: float) -> float:
        """Logs and bytes came; s to wait before more is taken."""
        at = self._logs_until
        self._logs_until = at = (at if at > now else now) + logs / LOGS_PER_S
        wait_s = at - now - LOGS_AT_ONCE / LOGS_PER_S
        at = self._bytes_until
        self._bytes_until = at = (at if at > now else now) + size / BYTES_PER_S
        bytes_wait_s = at - now - BYTES_AT_ONCE / BYTES_PER_S
        return max(wait_s, bytes_wait_s, 0.0)


class Budgets:
    """Of all rigs that spoke since the start. `journal_bytes`: what a rig may put into the journal within a day."""

    def __init__(self, journal_bytes: float) -> None:
        self._journal_bytes = journal_bytes
        self._rigs: dict[int, Budget] = {}

    def __len__(self) -> int:
        return len(self._rigs)

    def of(self, rig_id: int) -> Budget:
        """The rig's."""
        budget = self._rigs.get(rig_id)
        if budget is None:
            budget = self._rigs[rig_id] = Budget(self._journal_bytes)
        return budget

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        self._rigs.pop(rig_id, None)
