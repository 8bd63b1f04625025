"""One connected Sentry: which rigs it speaks for, and what waits to be sent to it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from rigfarm.commander.link.budgets import UNHEARD_AT_ONCE, UNHEARD_PER_S, Allowance
from rigfarm.commander.logs import Newcomer
from rigfarm.wire.codec import encode
from rigfarm.wire.frames import (
    MAX_RANGES,
    MAX_SIGNED,
    Acks,
    DownFrame,
    Playbooks,
    RigCommand,
    Signed,
    Verdict,
    Verdicts,
    Welcome,
)
from rigfarm.wire.signing import frames_message

if TYPE_CHECKING:
    from rigfarm.commander.link.registry import Links

__all__ = ["Link", "needs_signature"]

log = structlog.get_logger()

MAX_WAITING = 1_000
MAX_WAITING_PER_RIG = 4
"""Frames that may wait for a Sentry that does not read, and so many more for each of its rigs: one click may tell every
ASIC of a farm something. One more closes the link, and it asks again when it returns."""
SIGNED_BYTES = 256 << 10
"""Frames that leave together are signed together, up to so many bytes."""


class Link:
    """State of one link. `send` waits while the Sentry does not read; `close` takes a code and a reason."""

    __slots__ = (
        "_acks",
        "_close",
        "_flight",
        "_landed",
        "_owes",
        "_send",
        "_sending",
        "_waiting",
        "address",
        "closed",
        "heard",
        "in_flight",
        "links",
        "newcomer",
        "nonce",
        "receipt",
        "rigs",
        "sequence",
        "slots",
        "spool",
        "telling",
        "unheard",
        "version",
    )  # fmt: skip

    def __init__(
        self,
        links: Links,
        address: str,
        send: Callable[[bytes], Awaitable[None]],
        close: Callable[[int, str], Coroutine[Any, Any, None]],
    ) -> None:
        self.links = links
        self.address = address
        self.version = ""
        self.spool = b""
        self.rigs: list[int | None] = []
        """Rig id by slot; None where the token was not good. Whether the rig may speak here is asked at each use."""
        self.slots: dict[int, int] = {}
        """Slot by rig id."""
        self.heard = 0
        """Rigs that may speak on this link."""
        self.newcomer: Newcomer | None = None
        """Set while logs of the spool may have come before, under another identity."""
        self.closed = False
        self.in_flight = 0
        """Bytes of frames that are not durable yet."""
        self.unheard = Allowance(UNHEARD_PER_S, UNHEARD_AT_ONCE)
        """For a link on which no rig may speak any more."""
        self.telling: asyncio.Task[None] | None = None
        """What is told to a Sentry that has just greeted."""
        self._flight: deque[int] = deque()
        """Sizes of the frames that are not durable yet, in their order."""
        self._landed: asyncio.Event = asyncio.Event()
        self._owes = 0.0
        self.nonce: bytes | None = None
        """What this Sentry wants signatures to cover; None: it asked for none, so nothing is signed for it."""
        self.sequence = 0
        """Of the last signed frame."""
        self._send = send
        self._close = close
        self.receipt: Callable[[int, int], None] = self.ack
        """Bound once: the journal keeps one per frame."""
        self._acks: list[tuple[int, int]] = []
        self._waiting: list[DownFrame] = []
        self._sending: asyncio.Task[None] | None = None

    def may_speak_for(self, rig_id: int) -> bool:
        """Whether this Sentry is heard for the rig now: its token is good, and no later link came with it."""
        return self.links.by_rig.get(rig_id) is self

    def pays(self) -> int | None:
        """The rig that pays for what cannot be said to be any other's."""
        return next((rig_id for rig_id in self.slots if self.may_speak_for(rig_id)), None) if self.heard else None

    def limited(self, kind: str, action: str, *, count: int = 1, rig_id: int | None = None) -> None:
        """A limit acted on this Sentry: say so under the name of the (first) rig, or its address where it has none."""
        rig = self.links.book.rigs.get(next(iter(self.slots), -1) if rig_id is None else rig_id)
        if rig is None:
            self.links.incidents.note(self.address, kind, action, count=count)
        else:
            self.links.incidents.note(rig.name, kind, action, rig=rig.id, count=count)

    # Up: how fast

    def flies(self, size: int) -> None:
        """A frame was handed to the journal."""
        self._flight.append(size)
        self.in_flight += size

    def owes(self, seconds: float) -> None:
        """Nothing more is read from this Sentry for so long."""
        self._owes = max(self._owes, seconds)

    async def pay(self) -> None:
        """Wait until this Sentry may say more: it sent too much too quickly, or too much of it is not durable yet."""
        if self._owes:
            self.limited(
                "sends faster than one rig may", "its next frames wait; a backlog after an outage may do this, too"
            )
            seconds, self._owes = self._owes, 0.0
            await asyncio.sleep(seconds)
        while self.in_flight > self.links.may_fly() and not self.closed:
            self._landed.clear()
            await self._landed.wait()

    # Down

    def ack(self, first: int, last: int) -> None:
        """These are durable. Ranges that touch leave as one."""
        self.in_flight -= self._flight.popleft()
        self._landed.set()
        acks = self._acks
        if acks and acks[-1][1] + 1 == first:
            acks[-1] = (acks[-1][0], last)
        elif len(acks) < MAX_RANGES:
            acks.append((first, last))
        else:
            self.hang_up(1013, "the Sentry does not read what is acknowledged")
        self._start_sending()

    def tell(self, frame: DownFrame) -> None:
        """Send a frame as soon as the Sentry reads."""
        if len(self._waiting) >= MAX_WAITING + MAX_WAITING_PER_RIG * len(self.rigs):
            self.hang_up(1013, "the Sentry does not read what it is sent")
            return
        self._waiting.append(frame)
        self._start_sending()

    def revoke(self, rig_id: int, verdict: Verdict) -> None:
        """The registry no longer hears this link for the rig; the Sentry is told why."""
        self.heard -= 1
        self.judge(rig_id, verdict)

    def judge(self, rig_id: int, verdict: Verdict) -> None:
        """Tell the Sentry what is thought of a rig's token now."""
        slot = self.slots[rig_id]
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, Verdicts):
            last.changes.append((slot, verdict))  # thousands that are removed at once leave in one frame
        else:
            self.tell(Verdicts([(slot, verdict)]))

    def hang_up(self, code: int, reason: str) -> None:
        """Close the link; the Sentry reconnects when it thinks fit."""
        if not self.closed:
            self.closed = True
            self.links.background(self._close(code, reason))

    async def end(self, code: int, reason: str) -> None:
        """Close the link now: when this returns the code is on its way, and the socket may be let go of."""
        if not self.closed:
            self.closed = True
            await self._close(code, reason)

    def left(self) -> None:
        """The socket is gone: let go of itself, so that it is freed at once."""
        self.closed = True
        self.receipt = _to_nobody
        self._landed.set()

    def _start_sending(self) -> None:
        if self._sending is None and not self.closed:
            self._sending = self.links.background(self._drain())

    async def _drain(self) -> None:
        turns = self.links.turns
        try:
            while self._waiting or self._acks:
                frames: list[DownFrame] = self._waiting
                if self._acks:
                    frames = [Acks(self._acks), *frames]
                self._acks, self._waiting = [], []
                for data in self._outgoing(frames):
                    if turns.over():
                        await turns.next()
                    await self._send(data)
        except Exception as error:  # noqa: BLE001 - whatever a broken socket raises, the link is over
            log.debug("link broke while sending", address=self.address, error=repr(error))
            self.closed = True
        finally:
            self._sending = None

    def _outgoing(self, frames: Sequence[DownFrame]) -> Iterator[bytes]:
        """The frames as bytes; those that change something on a rig signed, neighbours together."""
        batch: list[bytes] = []
        size = 0
        for frame in frames:
            data = encode(frame)
            if self.nonce is None or not needs_signature(frame):
                if batch:
                    yield self._signed(batch)
                    batch, size = [], 0
                yield data
                continue
            if batch and (size + len(data) > SIGNED_BYTES or len(batch) >= MAX_SIGNED):
                yield self._signed(batch)
                batch, size = [], 0
            batch.append(data)
            size += len(data)
            if isinstance(frame, Welcome):  # a Sentry reads it alone
                yield self._signed(batch)
                batch, size = [], 0
        if batch:
            yield self._signed(batch)

    def _signed(self, frames: list[bytes]) -> bytes:
        assert self.nonce is not None
        self.sequence += 1
        signature = self.links.identity.sign(frames_message(self.nonce, self.sequence, frames))
        return encode(Signed(self.sequence, frames, signature))


def needs_signature(frame: DownFrame) -> bool:
    """Whether it changes something on a rig: what runs there, or that nothing does any more."""
    if isinstance(frame, Verdicts):
        return any(verdict.kind == "removed" for _, verdict in frame.changes)
    if isinstance(frame, Welcome):
        return any(verdict.kind == "removed" for verdict in frame.verdicts)
    return isinstance(frame, Playbooks | RigCommand)


def _to_nobody(_first: int, _last: int) -> None:
    """The receipt of a link that is gone."""
