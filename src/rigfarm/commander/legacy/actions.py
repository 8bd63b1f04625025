"""Agents as Sentries: each has a link of its own, in which its requests are frames.

So whatever holds for Sentries holds for agents: tokens, budgets, the journal, who is online, commands, playbooks.
"""

from __future__ import annotations

import asyncio
import hashlib
import time

from msgspec import Raw

from rigfarm.commander.assignments import Assignments, assigned_to
from rigfarm.commander.auth import RateLimit
from rigfarm.commander.events import Events, RigRemoved
from rigfarm.commander.legacy.store import load_off, save_off
from rigfarm.commander.legacy.view import ExpectedStatus, PlaybookAnswer, playbook_answer, unsupported
from rigfarm.commander.link.link import Link
from rigfarm.commander.link.receive import receive
from rigfarm.commander.link.registry import Links
from rigfarm.commander.logs import UncheckedError
from rigfarm.commander.refusals import Refusal
from rigfarm.commander.rigs.model import Rig
from rigfarm.commander.storage import Storage
from rigfarm.commander.supervised import Part
from rigfarm.wire.codec import decode_down, encode, encode_log, encode_up
from rigfarm.wire.commands import Command, Locate, Pause, Resume
from rigfarm.wire.frames import (
    PROTOCOL,
    Acks,
    CommandResult,
    Hello,
    Logs,
    Playbooks,
    RigCommand,
    RigPlaybooks,
    RigSpecs,
    Verdicts,
)
from rigfarm.wire.log import OperationalLog
from rigfarm.wire.playbooks import AssignedPlaybook, PlaybookState, PlaybookStatus
from rigfarm.wire.specs import Specs

__all__ = ["Agent", "Agents", "Busy"]

VERSION = "API v1"
DURABLE_WITHIN_S = 15.0
SILENT_S = 35.0
"""An agent that asks nothing for so long is gone: they report every 5 or 10 s."""
CHECK_EVERY_S = 1.0
LIGHT_S = 300.0
"""So long an ASIC blinks."""
MAX_WAITING = 20
"""Logs of one agent that are not durable yet."""


class Busy(Refusal):
    """Not now: the agent tries again by itself."""

    status = 429


class Switches:
    """Which ASICs should be off: what a person commanded, whatever the device did since."""

    def __init__(self, storage: Storage) -> None:
        self.off: set[int] = set()
        self._storage = storage
        self._writing = asyncio.Lock()
        self._changes = self._stored = 0

    async def load(self) -> None:
        """Once, before serving."""
        async with self._storage.read() as tx:
            self.off = await load_off(tx)

    async def switch(self, rig_id: int, *, on: bool) -> None:
        """Returns when it is stored; those that are switched together are written together."""
        (self.off.discard if on else self.off.add)(rig_id)
        self._changes += 1
        mine = self._changes
        async with self._writing:
            if self._stored < mine:
                latest = self._changes
                async with self._storage.begin() as tx:
                    await save_off(tx, self.off)
                self._stored = latest


class Agent:
    """One rig's agent, while it asks."""

    def __init__(self, links: Links, switches: Switches, rig: Rig, token: str, address: str) -> None:
        self.rig_id = rig.id
        self.is_asic = rig.of.has_boards
        self.link = Link(links, address, self._sent, self._closed)
        self.known = rig.specs
        """What the rig is made of."""
        self.asked = time.monotonic()
        self.playbooks: list[AssignedPlaybook] = []
        """What it should run."""
        self.light_until = 0.0
        """Monotonic."""
        self.greeting = asyncio.Lock()
        self._links = links
        self._switches = switches
        self._token = token
        self._next = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}
        """By number: logs that are not durable yet."""

    async def greet(self) -> bool:
        """Introduce it to the Commander; whether it may speak for the rig. Busy: too often."""
        # The same rig and token mean the same numbers: after a restart of the Commander they go on.
        spool = hashlib.sha256(f"agent {self.rig_id} {self._token}".encode()).digest()[:16]
        hello = Hello(PROTOCOL, VERSION, spool, [self._token])
        wait_s = self._links.may_greet(self.link, hello)
        if wait_s is None:
            raise Busy("This rig's agents take turns too often: only one may report a rig.")
        await asyncio.sleep(wait_s)
        welcome = self._links.greet(self.link, hello)
        if welcome.verdicts[0].kind != "ok":
            return False
        self._next = (welcome.highest if welcome.highest is not None else -1) + 1
        self._links.after_welcome(self.link)
        return True

    @property
    def speaks(self) -> bool:
        """Whether it still is the one that reports the rig."""
        return not self.link.closed and self.link.may_speak_for(self.rig_id)

    @property
    def busy(self) -> bool:
        """Whether it is being greeted, or waits for an answer."""
        return self.greeting.locked() or bool(self._waiting)

    def leave(self) -> None:
        """It is gone."""
        self._links.leave(self.link)
        self._end()

    def _end(self) -> None:
        """Nothing that still waits will be stored."""
        self.link.closed = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Busy("Another agent or Sentry reports this rig now."))

    async def specs(self, specs: Specs) -> None:
        """Say what the rig is made of."""
        self.known = specs
        self._say(encode_up(RigSpecs(0, specs)))
        await self.link.pay()

    async def log(self, log: OperationalLog) -> None:
        """Report, and return when the log is durable. Busy."""
        if len(self._waiting) >= MAX_WAITING:
            raise Busy("Earlier logs of this rig are not stored yet.")
        number, self._next = self._next, self._next + 1
        self._waiting[number] = durable = asyncio.get_running_loop().create_future()
        frame = encode(Logs(number, [0], [Raw(encode_log(log))]))
        try:
            async with asyncio.timeout(DURABLE_WITHIN_S):
                try:
                    self._say(frame)
                except UncheckedError as unchecked:
                    assert self.link.newcomer is not None
                    await self._links.doubles.learn(self.link.newcomer, unchecked)
                    self._say(frame)
                await self.link.pay()
                await durable
        except TimeoutError:
            raise Busy("The log could not be stored yet.") from None
        finally:
            self._waiting.pop(number, None)
        self._say_playbooks(mines=any((one.hashrate or 0) > 0 for one in log.workloads))

    def _say(self, frame: bytes) -> None:
        receive(self._links, self.link, frame)

    # What the Commander says

    async def _sent(self, data: bytes) -> None:
        frame = decode_down(data)
        if isinstance(frame, Acks):
            for first, last in frame.ranges:
                for number in [one for one in self._waiting if first <= one <= last]:
                    if not self._waiting[number].done():
                        self._waiting[number].set_result(None)
        elif isinstance(frame, Playbooks):
            self.playbooks = frame.playbooks
            self._say_playbooks(mines=False)
        elif isinstance(frame, RigCommand):
            self._say(encode_up(await self._obeyed(frame.id, frame.command)))
        elif isinstance(frame, Verdicts) and frame.changes[-1][1].kind != "ok":
            self._end()

    async def _closed(self, code: int, reason: str) -> None:
        del code, reason
        self._end()

    async def _obeyed(self, command_id: str, command: Command) -> CommandResult:
        """Agents ask how an ASIC should be: what they are answered is what was commanded."""
        if self.is_asic and isinstance(command, Pause | Resume):
            on = isinstance(command, Resume)
            await self._switches.switch(self.rig_id, on=on)
            return CommandResult(
                command_id, 0, "done", f"The agent is told to switch the device {'on' if on else 'off'}."
            )
        if self.is_asic and isinstance(command, Locate):
            self.light_until = time.monotonic() + LIGHT_S if command.on else 0.0
            return CommandResult(command_id, 0, "done", "The agent is told about the light.")
        return CommandResult(command_id, 0, "refused", "This rig's agent can't do that. Install a Sentry on it.")

    def _say_playbooks(self, *, mines: bool) -> None:
        """Agents don't say how their programs do: that the rig mines is all that shows."""
        if self.playbooks and self.speaks:
            statuses = [self._status(one, mines=mines) for one in self.playbooks]
            self._say(encode_up(RigPlaybooks(0, statuses)))

    @staticmethod
    def _status(one: AssignedPlaybook, *, mines: bool) -> PlaybookStatus:
        why = unsupported(one)
        state: PlaybookState = "failed" if why else "stopped" if one.wanted == "stopped" else "starting"
        if mines and state == "starting":
            state = "mining"
        return PlaybookStatus(one.id, one.revision, state, why, name=one.name)


class Agents:
    """All agents that ask now."""

    def __init__(
        self, links: Links, storage: Storage, events: Events, assignments: Assignments, bad_tokens: RateLimit
    ) -> None:
        self.links = links
        self.switches = Switches(storage)
        self._assignments = assignments
        self._bad_tokens = bad_tokens
        self._agents: dict[int, Agent] = {}
        events.listen(RigRemoved, lambda removed: self.switches.off.discard(removed.rig_id))

    def rig(self, token: str, address: str) -> Rig | None:
        """Whose token it is. Busy: too many wrong ones came from this address."""
        rig = self.links.book.by_token(token)
        if rig is None:
            if self._bad_tokens.blocked(address):
                raise Busy("Too many wrong API codes from this address; try again in a minute.")
            self._bad_tokens.hit(address)
        return rig

    def playbooks(self, rig: Rig) -> list[PlaybookAnswer]:
        """What its agent should run, as far as it can."""
        _, wanted = assigned_to(rig.id, self._assignments) or (0, [])
        times = {one.playbook_id: one.assigned_at for one in self._assignments.assigned.of_rig(rig.id)}
        return [
            playbook_answer(one, self._assignments.playbooks.playbooks[one.id].created_at, times[one.id])
            for one in wanted
            if one.wanted == "running" and not unsupported(one)
        ]

    def expected(self, rig: Rig) -> ExpectedStatus:
        """How an ASIC and its light should be."""
        agent = self._agents.get(rig.id)
        blinks = agent is not None and agent.light_until > time.monotonic()
        return ExpectedStatus(rig.name, "off" if rig.id in self.switches.off else "on", "on" if blinks else "off")

    async def of(self, rig: Rig, token: str, address: str) -> Agent:
        """The rig's agent, which has just asked. Busy."""
        agent = self._agents.get(rig.id)
        if agent is None or not agent.speaks:
            if agent is not None and not agent.busy:
                agent.leave()
                agent = None
            if agent is None:
                agent = self._agents[rig.id] = Agent(self.links, self.switches, rig, token, address)
            async with agent.greeting:
                if agent.link.closed or (not agent.speaks and not await agent.greet()):
                    raise Busy("This rig's token was just replaced, or another Sentry reports it.")
        agent.asked = time.monotonic()
        return agent

    def expected_of(self, tokens: list[str], address: str) -> dict[str, ExpectedStatus]:
        """The same by token; those that are no ASIC's are left out, and count as one wrong token. Busy."""
        rigs = {token: self.links.book.by_token(token) for token in tokens}
        if any(rig is None for rig in rigs.values()):
            self.rig(next(token for token, rig in rigs.items() if rig is None), address)
        return {token: self.expected(rig) for token, rig in rigs.items() if rig is not None and rig.of.has_boards}

    async def run(self, part: Part) -> None:
        """Let go of agents that ask nothing any more, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            part.beat()
            now = time.monotonic()
            for rig_id, agent in list(self._agents.items()):
                if not agent.busy and (agent.asked + SILENT_S < now or not agent.speaks):
                    del self._agents[rig_id]
                    agent.leave()
