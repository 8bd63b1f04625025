"""The link: keeps one WebSocket to the Commander open, and is down in words when it is down.

States are named, errors are a tree (`errors`), when to try again is `reconnect`'s business, one connection is a
`Session`, and what to send next is the `Lanes`' choice.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from enum import Enum
from typing import NamedTuple, Protocol

import structlog
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection

from rigfarm.common.text import printable
from rigfarm.sentry.link.connect import Timings, open_socket
from rigfarm.sentry.link.errors import (
    LinkError,
    NoGoodTokenError,
    ProtocolError,
    RejectedFrameError,
    UnexpectedError,
    closed,
)
from rigfarm.sentry.link.lanes import FRAME_LOGS, Lanes
from rigfarm.sentry.link.proof import Signatures, prove
from rigfarm.sentry.link.reconnect import Reconnect
from rigfarm.sentry.link.session import Greeting, Session, say_hello
from rigfarm.sentry.link.trust import Trust
from rigfarm.sentry.spool import Spool
from rigfarm.sentry.spool.clock import EARLIEST_MS, LATEST_MS, Clock
from rigfarm.sentry.spool.record import Record
from rigfarm.wire.commands import Command, CommandState
from rigfarm.wire.frames import (
    CommandResult,
    Console,
    ConsoleWatch,
    DownFrame,
    Playbooks,
    ReportEvery,
    RigBoards,
    RigCommand,
    RigPlaybooks,
    RigSpecs,
    RigTrouble,
    Verdict,
    Welcome,
)
from rigfarm.wire.playbooks import AssignedPlaybook, PlaybookStatus
from rigfarm.wire.specs import BoardDetail, Specs

__all__ = ["Link", "LinkEvents", "LinkState", "LinkStatus"]

log = structlog.get_logger()

DEFAULT_INTERVAL_S = 5.0
_SHORTEST_INTERVAL_S = 0.2
_LONGEST_INTERVAL_S = 3600.0
_RESULTS = 200
_SAME_LOG_REFUSED = 3
_GIVEN_UP_QUICKLY = 10
_GIVE_UP_EVERY_S = 600.0
"""Logs in a row that are given up while the Commander takes none at all, and how often one more after that."""


class LinkState(Enum):
    """What the link does at the moment."""

    IDLE = "no token"
    """Nothing to report for, or no Commander known."""
    CONNECTING = "connecting"
    GREETING = "greeting"
    ONLINE = "online"
    WAITING = "waiting"
    """Before it tries again."""
    STOPPED = "stopped"


class LinkStatus(NamedTuple):
    """For the Sentry's own page."""

    state: LinkState
    url: str | None
    error: str | None
    """The last one, in words; absent while all is well."""
    since: float
    """Loop time at which the state was last online, or ceased to be."""
    retry_at: float | None
    commander_version: str | None


class LinkEvents(Protocol):
    """What the Commander says. Called on the loop; must be quick and must not raise."""

    def on_verdict(self, token: str, verdict: Verdict) -> None:
        """What it thinks of a token."""

    def on_playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None:
        """What shall run on a rig."""

    def on_command(self, token: str, command_id: str, command: Command) -> None:
        """An operator's command; answered by `Link.result`."""

    def on_console_watch(self, token: str, playbook: int, on: bool) -> None:
        """A page shows a console, or no longer."""

    def on_clock(self) -> None:
        """The Commander told the time."""


class Link:
    """One per Sentry. `run` never ends by itself."""

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        events: LinkEvents,
        trust: Trust,
        *,
        timings: Timings | None = None,
    ) -> None:
        self.interval_s = DEFAULT_INTERVAL_S
        """How often the Commander wants to hear of each rig."""
        self.state = LinkState.IDLE
        self.error: LinkError | None = None
        self.unsigned = 0
        """Commands, playbooks and removals that were ignored because they were not signed by this Commander."""
        self._spool = spool
        self._clock = clock
        self._events = events
        self._trust = trust
        self._timings = timings or Timings()
        self._reconnect = Reconnect(self._timings)
        self._url: str | None = None
        self._tokens: list[str] = []
        self._session: Session | None = None
        self._changed = asyncio.Event()
        self._since = 0.0
        self._retry_at: float | None = None
        self._version: str | None = None
        self._specs: dict[str, Specs] = {}
        self._statuses: dict[str, list[PlaybookStatus]] = {}
        self._troubles: dict[str, tuple[str, str]] = {}
        self._results: deque[tuple[str, str, CommandState, str]] = deque(maxlen=_RESULTS)
        self._renewed = False
        """Whether this process gave its spool a new identity: then it knows every number of it."""
        self._one_frame_of: int | None = None
        self._suspect: tuple[int, int] = (0, 0)
        """Number of a log that the Commander may be unable to read, and how often it closed the link at it."""
        self._given_up = 0
        self._gave_up_at = 0.0
        spool.on_recorded = self._recorded
        spool.on_renewed = self._start_over

    # What the agent asks for

    def connect_to(self, url: str | None) -> None:
        """The Commander's address; connect again, for whom this Sentry trusts may have changed too."""
        self._url = url
        self._start_over()

    def speak_for(self, tokens: list[str]) -> None:
        """These tokens and no others."""
        new = list(dict.fromkeys(tokens))
        gone, added = set(self._tokens) - set(new), set(new) - set(self._tokens)
        self._tokens = new
        for token in gone:
            self._specs.pop(token, None)
            self._statuses.pop(token, None)
            self._troubles.pop(token, None)
        session = self._session
        if session is None:
            if gone or added:
                self._changed.set()
        elif not new or any(session.slot_of(token) is not None for token in gone):
            self._start_over()
        elif added:
            session.ask([token for token in new if token in added])

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

    def status(self) -> LinkStatus:
        """For the Sentry's own page."""
        error = str(self.error) if self.error is not None and self.state is not LinkState.ONLINE else None
        return LinkStatus(self.state, self._url, error, self._since, self._retry_at, self._version)

    def _slot(self, token: str) -> int | None:
        return self._session.slot_of(token) if self._session is not None else None

    def _send(self, frame: RigSpecs | RigPlaybooks | RigBoards | RigTrouble | Console | CommandResult) -> None:
        if self._session is not None:
            self._session.send(frame)

    def _send_results(self) -> None:
        kept = [one for one in self._results if self._slot(one[0]) is None]
        for token, command_id, state, detail in self._results:
            if (slot := self._slot(token)) is not None:
                self._send(CommandResult(command_id, slot, state, detail))
        self._results = deque(kept, maxlen=_RESULTS)

    def _recorded(self, records: list[Record]) -> None:
        if self._session is not None:
            self._session.lanes.recorded(records)
            self._session.recorded()

    def _start_over(self) -> None:
        self._changed.set()
        if self._session is not None:
            self._session.leave()

    # Connections, one after another

    async def run(self) -> None:
        """Keep connected until cancelled."""
        self._become(LinkState.IDLE)
        try:
            while True:
                self._changed.clear()
                if not self._tokens or self._url is None:
                    self._become(LinkState.IDLE)
                    await self._changed.wait()
                    continue
                try:
                    await self._connection(self._url)
                except LinkError as error:
                    await self._pause(error)
                except Exception as error:  # noqa: BLE001 - nothing that comes off the link may end more than a connection
                    await self._pause(self._unexpected(error))
        finally:
            self._become(LinkState.STOPPED)

    def _unexpected(self, error: Exception) -> UnexpectedError:
        words = f"{type(error).__name__}: {printable(str(error), ' ', most=200)}"
        known = UnexpectedError(
            f"The link ended by an unexpected error ({words}); trying again. Mining continues. Please report it."
        )
        if str(known) != str(self.error):
            log.error("internal error in the link, please report it", exc_info=error)
        return known

    async def _connection(self, url: str) -> None:
        """One connection from its beginning to its end. LinkError, unless it ended because something here changed."""
        loop = asyncio.get_running_loop()
        greeted: float | None = None
        self._become(LinkState.CONNECTING)
        try:
            async with await open_socket(url, self._trust, self._timings) as socket:
                self._become(LinkState.GREETING)
                signatures = await prove(socket, url, self._trust, self._timings)
                tokens, spool = list(self._tokens), self._spool.id
                if not tokens:  # taken away meanwhile: a greeting without any is refused
                    return
                greeting = await say_hello(socket, spool, tokens, self._timings, signatures)
                welcome, seconds = greeting.welcome, greeting.round_trip_s
                if welcome.highest is not None and self._spool.forgot(welcome.highest):
                    if self._renewed:
                        raise ProtocolError(
                            "The Commander claims to have logs that this Sentry never numbered. It may be damaged, or "
                            "not the Commander it says it is."
                        )
                    await self._renew(spool)
                    return
                await self._tell_time(welcome, seconds)
                greeted = loop.time()
                await self._greeted(socket, spool, tokens, greeting, signatures)
        finally:
            if greeted is not None:
                self._reconnect.stood(loop.time() - greeted)

    async def _renew(self, spool: bytes) -> None:
        log.warning("the Commander knows later numbers of this spool than the spool does: it takes a new identity")
        await self._spool.renew()
        if self._spool.id == spool:
            raise LinkError("This disk was copied or restored, and the spool cannot be written to start over.")
        self._renewed = True

    async def _tell_time(self, welcome: Welcome, seconds: float) -> None:
        if not EARLIEST_MS < welcome.now_ms < LATEST_MS:
            log.warning("the Commander's clock is nonsense and is not used", now_ms=welcome.now_ms)
            return
        corrected = self._clock.told(welcome.now_ms, age_ms=int(seconds * 500))
        if corrected is not None:
            await self._spool.shift(corrected)
        self._events.on_clock()

    async def _greeted(
        self, socket: ClientConnection, spool: bytes, tokens: list[str], greeting: Greeting, signatures: Signatures
    ) -> None:
        loop = asyncio.get_running_loop()
        welcome = greeting.welcome
        lanes = Lanes(self._spool, loop.time, resend_s=self._timings.resend_s, one_frame_of=self._one_frame_of)
        session = self._session = Session(socket, spool, lanes, tokens, self, self._timings.careful_s, signatures)
        self._version = printable(welcome.version, " ", most=40).strip()
        self._report_every(welcome.interval_s)
        try:
            session.judge(enumerate(welcome.verdicts), signed=greeting.signed)
            if not lanes.slots:
                raise closed(NoGoodTokenError.CODE, "")
            self._become(LinkState.ONLINE)
            self._catch_up(session)
            await session.run()
        except RejectedFrameError:
            self._session = None
            await self._be_careful(lanes)
            raise
        except LinkError:
            self._one_frame_of = lanes.one_frame_of
            raise
        finally:
            self._session = None

    def _catch_up(self, session: Session) -> None:
        """Tokens may have changed while the Commander was being greeted."""
        if set(session.tokens) - set(self._tokens):
            session.leave()
        elif missing := [token for token in self._tokens if token not in session.tokens]:
            session.ask(missing)

    async def _be_careful(self, lanes: Lanes) -> None:
        """The Commander could not read a frame. Send smaller ones, one at a time, until the log it cannot read stands
        alone; a log refused so a few times is given up, for else it would hold up all others for ever."""
        air = lanes.in_the_air
        if not air:
            return
        first, last = air[0]
        if lanes.one_frame_of is None:
            self._one_frame_of = FRAME_LOGS // 4
        elif first < last or len(air) > 1:
            self._one_frame_of = max(1, lanes.one_frame_of // 4)
        else:
            times = self._suspect[1] + 1 if self._suspect[0] == first else 1
            self._suspect = (first, times)
            if times >= _SAME_LOG_REFUSED and self._may_give_up(lanes):
                log.error("the Commander cannot read a log; it is dropped", number=first)
                await self._spool.refuse(first, first)

    def _may_give_up(self, lanes: Lanes) -> bool:
        """Not one log after the other, when the Commander takes none at all: then it is not the log's fault."""
        now = asyncio.get_running_loop().time()
        if lanes.acknowledged:
            self._given_up = 0
        elif self._given_up >= _GIVEN_UP_QUICKLY and now < self._gave_up_at + _GIVE_UP_EVERY_S:
            return False
        self._given_up += 1
        self._gave_up_at = now
        return True

    async def _pause(self, error: LinkError) -> None:
        if type(error) is not type(self.error) or str(error) != str(self.error):
            log.warning("no link to the Commander", reason=str(error))
        self.error = error
        delay = self._reconnect.delay(error)
        self._retry_at = asyncio.get_running_loop().time() + delay
        self._become(LinkState.WAITING)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._changed.wait()
        self._retry_at = None

    def _become(self, state: LinkState) -> None:
        was, self.state = self.state, state
        if (was is LinkState.ONLINE) != (state is LinkState.ONLINE) or not self._since:
            self._since = asyncio.get_running_loop().time()
        if state is LinkState.ONLINE:
            if self.error is not None or was is not LinkState.ONLINE:
                log.info("linked to the Commander", url=self._url, version=self._version)
            self.error = None

    # What a session says

    def welcomed(self, welcome: Welcome, round_trip_s: float) -> None:
        """A later Hello was answered."""
        if EARLIEST_MS < welcome.now_ms < LATEST_MS:
            self._clock.told(welcome.now_ms, age_ms=int(round_trip_s * 500))
            self._events.on_clock()
        self._report_every(welcome.interval_s)

    def judged(self, token: str, verdict: Verdict) -> None:
        """A verdict: what the Commander should know of a good rig is told at once."""
        if verdict.kind == "ok":
            if token in self._specs:
                self.specs(token, self._specs[token])
            if token in self._statuses:
                self.playbooks(token, self._statuses[token])
            if token in self._troubles:
                self._send_trouble(token, *self._troubles[token])
            self._send_results()
        if verdict.name is not None:
            verdict = replace(verdict, name=printable(verdict.name, " ", most=120).strip())
        self._events.on_verdict(token, verdict)

    def told(self, frame: DownFrame, token: str | None) -> None:
        """Everything else."""
        if isinstance(frame, ReportEvery):
            self._report_every(frame.interval_s)
        if token is None or self._slot(token) is None:
            return
        if isinstance(frame, Playbooks):
            self._events.on_playbooks(token, frame.revision, frame.playbooks)
        elif isinstance(frame, RigCommand):
            self._events.on_command(token, frame.id, frame.command)
        elif isinstance(frame, ConsoleWatch):
            self._events.on_console_watch(token, frame.playbook, frame.on)

    def not_signed(self, what: str) -> None:
        """What only the Commander may say came without its signature: a proxy in between changes frames."""
        self.unsigned += 1
        if self.unsigned == 1:
            log.error(
                "not signed by this machine's Commander and ignored; something in between may be forging it", what=what
            )

    def _report_every(self, seconds: float) -> None:
        if math.isfinite(seconds):
            self.interval_s = min(max(seconds, _SHORTEST_INTERVAL_S), _LONGEST_INTERVAL_S)
