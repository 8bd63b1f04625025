"""What rigs have to say besides their logs: said now if the Commander listens, and what lasts again at each connect."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rigfarm.sentry.link.session import Session
from rigfarm.wire.commands import CommandState
from rigfarm.wire.frames import CommandResult, Console, RigBoards, RigPlaybooks, RigSpecs, RigTrouble
from rigfarm.wire.playbooks import PlaybookStatus
from rigfarm.wire.specs import BoardDetail, Specs

__all__ = ["Outbox"]

RESULTS = 200
"""That wait for a connection; the oldest is dropped for one more."""


class Outbox:
    """Of all rigs of a link. `session`: the connection there is now."""

    def __init__(self, session: Callable[[], Session | None]) -> None:
        self._session = session
        self._specs: dict[str, Specs] = {}
        self._statuses: dict[str, list[PlaybookStatus]] = {}
        self._troubles: dict[str, tuple[str, str]] = {}
        self._results: deque[tuple[str, str, CommandState, str]] = deque(maxlen=RESULTS)

    def specs(self, token: str, specs: Specs) -> None:
        """Tell them now if connected, and at each connect."""
        self._specs[token] = specs
        if (slot := self._slot(token)) is not None:
            self._send(RigSpecs(slot, specs))

    def playbooks(self, token: str, statuses: list[PlaybookStatus]) -> None:
        """Tell them now if connected, and at each connect."""
        self._statuses[token] = statuses
        if (slot := self._slot(token)) is not None:
            self._send(RigPlaybooks(slot, statuses))

    def trouble(self, token: str, kind: str, detail: str) -> None:
        """Tell it now if connected, and at each connect while it lasts; the same again is not told."""
        if self._troubles.get(token, ("", "")) == (kind, detail):
            return
        if kind:
            self._troubles[token] = (kind, detail)
        else:
            del self._troubles[token]
        self._send_trouble(token, kind, detail)

    def _send_trouble(self, token: str, kind: str, detail: str) -> None:
        if (slot := self._slot(token)) is not None:
            self._send(RigTrouble(slot, kind, detail))

    def boards(self, token: str, boards: list[BoardDetail]) -> None:
        """Tell them if connected."""
        if (slot := self._slot(token)) is not None:
            self._send(RigBoards(slot, boards))

    def console(self, token: str, playbook: int, first: int, lines: list[str]) -> None:
        """Tell them if connected."""
        if (slot := self._slot(token)) is not None:
            self._send(Console(slot, playbook, first, lines))

    def result(self, token: str, command_id: str, state: CommandState, detail: str) -> None:
        """Tell it now, or at the next connect."""
        self._results.append((token, command_id, state, detail))
        self._send_results()

    def say_again(self, token: str) -> None:
        """The Commander knows this rig now: what lasts, and results that waited."""
        if token in self._specs:
            self.specs(token, self._specs[token])
        if token in self._statuses:
            self.playbooks(token, self._statuses[token])
        if token in self._troubles:
            self._send_trouble(token, *self._troubles[token])
        self._send_results()

    def forget(self, token: str) -> None:
        """This Sentry speaks for the rig no more."""
        self._specs.pop(token, None)
        self._statuses.pop(token, None)
        self._troubles.pop(token, None)

    def _slot(self, token: str) -> int | None:
        session = self._session()
        return None if session is None else session.slot_of(token)

    def _send(self, frame: RigSpecs | RigPlaybooks | RigBoards | RigTrouble | Console | CommandResult) -> None:
        session = self._session()
        if session is not None:
            session.send(frame)

    def _send_results(self) -> None:
        kept = [one for one in self._results if self._slot(one[0]) is None]
        for token, command_id, state, detail in self._results:
            if (slot := self._slot(token)) is not None:
                self._send(CommandResult(command_id, slot, state, detail))
        self._results = deque(kept, maxlen=RESULTS)
