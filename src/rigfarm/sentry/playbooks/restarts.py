"""When to start a program again, and when to reboot the rig: backoff, budgets, and the words for them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from rigfarm.sentry.playbooks.ledger import DAY_S, HOUR_S, Ledger
from rigfarm.units import duration
from rigfarm.wire.playbooks import Supervision

__all__ = ["LOW_TRIES", "Decision", "Restarts"]

LOW_TRIES = 3
"""So many restarts in a row for a low hashrate; then it mines on, low: better than not at all."""


REBOOTS_PER_HOUR = 3
"""Whatever the operator allows a day."""


REBOOT_TAKES_S = 120.0
"""Nothing is started while the rig goes down; if it is still up after this, mining goes on."""


class Decision(Struct, frozen=True):
    """What to do after a program ended, or was ended."""

    act: Literal["restart", "reboot"]
    wait_s: float
    detail: str
    """For the status, after the reason."""


class Restarts:
    """Of one playbook. `failures` are the stalls and crashes since it last mined well."""

    def __init__(self, playbook: int, ledger: Ledger) -> None:
        self._playbook = playbook
        self._ledger = ledger
        self.supervision = Supervision()
        self._backoff_s = 0.0
        self.failures = 0
        self.lows = 0
        self.count = 0

    def well(self) -> None:
        """It has mined without trouble for a while: the past is forgiven, the budgets are not."""
        self._backoff_s = 0.0
        self.failures = 0
        self.lows = 0

    async def decide(self, *, failure: bool) -> Decision:
        """After one more end; `failure` for a stall or a crash, which may call for a reboot."""
        self.failures += failure
        limit = self.supervision.reboot_after_failures
        alarm = ""
        if limit and self.failures >= limit:
            decision = await self._reboot()
            if decision.act == "reboot":
                return decision
            alarm = decision.detail
        return self._restart(alarm)

    async def restarted(self) -> None:
        """It is being started again, by itself."""
        self.count += 1
        await self._ledger.note_restart(self._playbook)

    def _restart(self, alarm: str) -> Decision:
        wait = self._backoff_s = self._next_backoff()
        stamps = self._ledger.restarts_within(self._playbook, HOUR_S)
        budget = max(1, self.supervision.restarts_per_hour)
        detail = f"restart {len(stamps) + 1} of at most {budget} within an hour, in {{wait}}"
        if len(stamps) >= budget:
            wait = max(wait, stamps[-budget] + HOUR_S - self._ledger.now())
            detail = f"the budget of {budget} restarts an hour is used up; the next in {{wait}}"
        detail = detail.format(wait=duration(wait))
        return Decision("restart", wait, f"{detail}. {alarm}" if alarm else detail)

    async def _reboot(self) -> Decision:
        """A reboot if the day's budget and the disk allow it; else the alarm that takes its place."""
        failed = f"{self.failures} failures in a row"
        budget = self.supervision.reboots_per_day
        used = self._ledger.reboots_within(DAY_S)
        alarm = None
        if used >= budget:
            alarm = f"{failed}, but the budget of {budget} reboots in 24 h is used up: look at the rig"
        elif self._ledger.reboots_within(HOUR_S) >= REBOOTS_PER_HOUR:
            alarm = f"{failed}, but {REBOOTS_PER_HOUR} reboots in an hour are enough: look at the rig"
        elif not await self._ledger.note_reboot():
            alarm = f"{failed}; not rebooting, because it cannot be noted on the full disk"
        if alarm is not None:
            return Decision("restart", 0, alarm)
        self.failures = 0
        return Decision(
            "reboot", REBOOT_TAKES_S, f"{failed}: rebooting the rig ({used + 1} of at most {budget} in 24 h)"
        )

    def _next_backoff(self) -> float:
        first, longest = self.supervision.backoff_first_s, self.supervision.backoff_max_s
        return min(max(self._backoff_s * 2, first), max(longest, first))
