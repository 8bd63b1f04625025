"""Commands that come from the broker, given as an operator would give them: by the same verb, with an entry in the
activity, and to a rig that can carry them out.

Every client that may publish at the broker can do this, so it is off unless the settings say otherwise, and bounded: a
word of a short list, so many a minute, never a retained message, which the broker would repeat at every connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from sqlalchemy.exc import SQLAlchemyError

from rigfarm.commander.auth import RateLimit
from rigfarm.commander.auth.changes import ChangeLog
from rigfarm.commander.changes import Actor, Change, describe
from rigfarm.commander.commands import Commands
from rigfarm.commander.commands.model import why_not
from rigfarm.commander.refusals import Refusal
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.server.incidents import Incidents
from rigfarm.commander.supervised import Part
from rigfarm.wire.commands import Command, Pause, Reboot, Restart, RestartMiner, Resume

__all__ = ["COMMANDS", "Steering"]

log = structlog.get_logger()

COMMANDS: Mapping[str, Command] = {
    "restart-miner": RestartMiner(),
    "reboot": Reboot(),
    "restart": Restart(),
    "pause": Pause(),
    "resume": Resume(),
}
"""By the payload that gives them."""
MAX_WAITING = 100
PER_RIG = 10
IN_ALL = 120
"""Commands a minute."""
SOURCE = "MQTT"


class Steering:
    """Used from the event loop only."""

    def __init__(self, book: Rigs, commands: Commands, change_log: ChangeLog, incidents: Incidents) -> None:
        self._book = book
        self._commands = commands
        self._change_log = change_log
        self._incidents = incidents
        self._waiting: asyncio.Queue[tuple[int, str]] = asyncio.Queue(MAX_WAITING)
        self._of_rig = RateLimit(PER_RIG)
        self._of_all = RateLimit(IN_ALL)

    def words_for(self, rig: Rig) -> frozenset[str]:
        """What this rig can be told."""
        return frozenset(word for word, command in COMMANDS.items() if not why_not(command, rig))

    def receive(self, rig_id: int, payload: bytes, *, retained: bool) -> None:
        """A message on a rig's command topic."""
        word = payload[:40].decode("ascii", "replace")
        if retained:
            self._ignore("sent a retained command", rig_id)
        elif rig_id not in self._book.rigs:
            self._ignore("sent a command for a rig that does not exist")
        elif len(payload) > len(word) or word not in COMMANDS:
            self._ignore("sent an unknown command", rig_id)
        elif self._of_all.blocked("all") or self._of_rig.blocked(f"rig {rig_id}"):
            self._ignore(f"sent more than {PER_RIG} commands a minute for a rig, or {IN_ALL} in all", rig_id)
        elif self._waiting.full():
            self._ignore("sent commands faster than they can be stored", rig_id)
        else:
            self._of_all.hit("all")
            self._of_rig.hit(f"rig {rig_id}")
            self._waiting.put_nowait((rig_id, word))

    async def run(self, part: Part) -> None:
        """Give what was received, one after the other; until cancelled."""
        while True:
            part.idle()
            rig_id, word = await self._waiting.get()
            part.beat()
            await self._give(rig_id, word)

    async def _give(self, rig_id: int, word: str) -> None:
        change = Change("mqtt", "MQTT broker", Actor("mqtt", "MQTT"))
        async with self._change_log.of(change):
            describe(f"command: {word.replace('-', ' ')}")
            try:
                (given,) = await self._commands.give(COMMANDS[word], [rig_id])
                change.outcome = "refused" if given.state == "refused" else "changed"
                change.result = given.detail or given.state
            except Refusal as error:
                change.outcome, change.result = "refused", str(error)
            except SQLAlchemyError as error:
                change.outcome, change.result = "failed", "it could not be stored"
                log.error("a command from the broker could not be stored", rig=rig_id, error=str(error))

    def _ignore(self, what: str, rig_id: int | None = None) -> None:
        known = None if rig_id not in self._book.rigs else rig_id
        self._incidents.note(SOURCE, what, "it was ignored", rig=known)
