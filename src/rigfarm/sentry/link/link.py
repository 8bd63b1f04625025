"""The link: keeps one WebSocket to the Commander open, and is down in words when it is down.

States are named (`status`), errors are a tree (`errors`), when to try again is `reconnect`'s business, one connection
is a `Session`, which logs to send next is the `Lanes`' choice, and what rigs say besides is in the `Outbox`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math

import structlog
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection

from rigfarm.common.text import printable
from rigfarm.sentry.link.careful import Care
from rigfarm.sentry.link.connect import Timings, open_socket
from rigfarm.sentry.link.errors import (
    LinkError,
    NoGoodTokenError,
    ProtocolError,
    RejectedFrameError,
    UnexpectedError,
    closed,
)
from rigfarm.sentry.link.lanes import Lanes
from rigfarm.sentry.link.outbox import Outbox
from rigfarm.sentry.link.proof import Signatures, prove
from rigfarm.sentry.link.reconnect import Reconnect
from rigfarm.sentry.link.session import Greeting, Session, say_hello
from rigfarm.sentry.link.status import LinkEvents, LinkState, LinkStatus
from rigfarm.sentry.link.trust import Trust
from rigfarm.sentry.spool import Spool
from rigfarm.sentry.spool.clock import EARLIEST_MS, LATEST_MS, Clock
from rigfarm.sentry.spool.record import Record
from rigfarm.wire.frames import (
    ConsoleWatch,
    DownFrame,
    Playbooks,
    ReportEvery,
    RigCommand,
    Verdict,
    Welcome,
)

__all__ = ["Link"]

log = structlog.get_logger()

DEFAULT_INTERVAL_S = 5.0
_SHORTEST_INTERVAL_S = 0.2
_LONGEST_INTERVAL_S = 3600.0


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
        self.outbox = Outbox(lambda: self._session)
        """What rigs say besides their logs."""
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
        self._renewed = False
        """Whether this process gave its spool a new identity: then it knows every number of it."""
        self._care = Care(spool)
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
            self.outbox.forget(token)
        session = self._session
        if session is None:
            if gone or added:
                self._changed.set()
        elif not new or any(session.slot_of(token) is not None for token in gone):
            self._start_over()
        elif added:
            session.ask([token for token in new if token in added])

    def status(self) -> LinkStatus:
        """For the Sentry's own page."""
        error = str(self.error) if self.error is not None and self.state is not LinkState.ONLINE else None
        return LinkStatus(self.state, self._url, error, self._since, self._retry_at, self._version)

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
        lanes = Lanes(self._spool, loop.time, resend_s=self._timings.resend_s, one_frame_of=self._care.one_frame_of)
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
            await self._care.refused(lanes)
            raise
        except LinkError:
            self._care.one_frame_of = lanes.one_frame_of
            raise
        finally:
            self._session = None

    def _catch_up(self, session: Session) -> None:
        """Tokens may have changed while the Commander was being greeted."""
        if set(session.tokens) - set(self._tokens):
            session.leave()
        elif missing := [token for token in self._tokens if token not in session.tokens]:
            session.ask(missing)

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
            self.outbox.say_again(token)
        if verdict.name is not None:
            verdict = replace(verdict, name=printable(verdict.name, " ", most=120).strip())
        self._events.on_verdict(token, verdict)

    def told(self, frame: DownFrame, token: str | None) -> None:
        """Everything else."""
        if isinstance(frame, ReportEvery):
            self._report_every(frame.interval_s)
        if token is None or self._session is None or self._session.slot_of(token) is None:
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
