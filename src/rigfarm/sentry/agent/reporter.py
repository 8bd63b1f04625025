"""How parts speak: their logs go to the spool, the rest to the link."""

from __future__ import annotations

from collections.abc import Callable

from rigfarm.sentry.link import Link
from rigfarm.sentry.spool import Spool
from rigfarm.sentry.spool.clock import Clock
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.specs import BoardDetail, Specs

__all__ = ["AgentReporter"]


class AgentReporter:
    """The `parts.Reporter` of an agent. What is said of a token that no part speaks for is not heard."""

    def __init__(
        self,
        spool: Spool,
        link: Link,
        clock: Clock,
        tokens_changed: Callable[[], None],
        more_specs: Callable[[Specs], Specs] | None = None,
    ) -> None:
        """`more_specs` adds what holds for every rig of this Sentry."""
        self.tokens: frozenset[str] = frozenset()
        self.latest: dict[str, OperationalLog] = {}
        """The last log of every token."""
        self.statuses: dict[str, list[PlaybookStatus]] = {}
        self._spool = spool
        self._link = link
        self._clock = clock
        self._tokens_changed = tokens_changed
        self._more_specs = more_specs

    @property
    def interval_s(self) -> float:
        """See `parts.Reporter`, as for all below."""
        return self._link.interval_s

    def now_ms(self, token: str) -> int:
        return self._clock.now_ms(token)

    def log(self, token: str, log: OperationalLog) -> None:
        if token in self.tokens:
            self.latest[token] = log
            self._spool.append(token, log, self._clock.epoch)

    def specs(self, token: str, specs: Specs) -> None:
        if token in self.tokens:
            self._link.outbox.specs(token, specs if self._more_specs is None else self._more_specs(specs))

    def boards(self, token: str, boards: list[BoardDetail]) -> None:
        self._link.outbox.boards(token, boards)

    def trouble(self, token: str, kind: str, detail: str) -> None:
        if token in self.tokens:
            self._link.outbox.trouble(token, kind, detail)

    def playbooks(self, token: str, statuses: list[PlaybookStatus]) -> None:
        if token in self.tokens:
            self.statuses[token] = statuses
            self._link.outbox.playbooks(token, statuses)

    def console(self, token: str, playbook: int, first: int, lines: list[str]) -> None:
        self._link.outbox.console(token, playbook, first, lines)

    def tokens_changed(self) -> None:
        self._tokens_changed()

    def forget(self, token: str) -> None:
        """No part speaks for it any more."""
        self.latest.pop(token, None)
        self.statuses.pop(token, None)
