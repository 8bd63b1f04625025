"""Consoles of mining programs: their last lines, while a page shows them; else nothing is sent and nothing kept."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from msgspec import Struct, field

from rigfarm.commander.assignments import broadcasts
from rigfarm.commander.events import Events, WorkWaiting
from rigfarm.commander.live import Hub
from rigfarm.commander.supervised import Part
from rigfarm.wire.frames import Console, ConsoleWatch

__all__ = ["KEPT_LINES", "MAX_WATCHED", "Consoles", "Screen"]

KEPT_LINES = 500
MAX_LINE = 1_000
MAX_WATCHED = 200
"""Consoles that are looked at at the same time, in all."""
LOOK_EVERY_S = 1.0
ASKED_FOR_S = 30.0
"""As long as a program that asks every few seconds may pause."""
ANSWER_WITHIN_S = 5.0
_Key = tuple[int, int]


class Screen(Struct):
    """The last lines of one program."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    next: int = 0
    """Number of the line that comes after the last, as the Sentry counts."""
    heard: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once there are lines."""
    began: int = 0
    """Grows when the lines begin again: a page has to show all of them again."""

    def take(self, first: int, lines: list[str]) -> int:
        """New lines; what is known already is passed over. Returns how many came."""
        known = self.next - first
        if self.heard and known > 0 and not self._same(known, lines):
            self.lines.clear()
            self.began += 1
            known = 0
        new = lines[max(known, 0) :]
        if not new:
            return 0
        self.lines.extend(new)
        self.next = first + len(lines)
        self.heard = True
        return len(new)

    def _same(self, known: int, lines: list[str]) -> bool:
        """Whether lines that begin `known` before the end say again what is here: else the Sentry counts again."""
        if known > KEPT_LINES:
            return False
        here, said = list(self.lines)[-known:], lines[max(known - len(self.lines), 0) :]
        again = min(len(here), len(said))
        return here[:again] == said[:again]


class Consoles:
    """Those that are looked at. A page calls `look`; that its session ended is seen by its channel being empty."""

    def __init__(self, hub: Hub, events: Events) -> None:
        self.screens: dict[_Key, Screen] = {}
        self._hub = hub
        self._events = events
        self._asked: dict[_Key, float] = {}
        """Until when consoles are watched for programs that asked, by the monotonic clock."""
        self._told: set[_Key] = set()
        """Consoles that Sentries were asked for."""

    def look(self, rig_id: int, playbook_id: int) -> Screen:
        """A page shows it, and has subscribed to the console's channel: its Sentry is asked for it."""
        key = (rig_id, playbook_id)
        screen = self.screens.get(key)
        if screen is not None:
            return screen
        screen = Screen()
        if len(self.screens) >= MAX_WATCHED:
            screen.lines.append("Too many consoles are open on this Commander: close some, then reload this page.")
            return screen
        self.screens[key] = screen
        self._events.publish(WorkWaiting(rig_id))
        return screen

    async def read(self, rig_id: int, playbook_id: int) -> Screen:
        """For a program that asks now and then: the console is watched for a while from now on, and what the Sentry
        sends within a moment is waited for. The screen says why when there are too many."""
        screen = self.look(rig_id, playbook_id)
        self._asked[rig_id, playbook_id] = time.monotonic() + ASKED_FOR_S
        if (rig_id, playbook_id) in self.screens:
            with suppress(TimeoutError):
                await asyncio.wait_for(screen.arrived.wait(), ANSWER_WITHIN_S)
        return screen

    def receive(self, rig_id: int, frame: Console) -> None:
        """A Sentry sends lines; those that were not asked for are dropped."""
        screen = self.screens.get((rig_id, frame.playbook))
        if screen is None or frame.first < 0:
            return
        lines = [_plain(line) for line in frame.lines[:KEPT_LINES]]
        if screen.take(frame.first, lines):
            screen.arrived.set()
            broadcasts.console_changed(self._hub, rig_id, frame.playbook)

    def frames(self, rig_id: int, slot: int, *, connected: bool) -> list[ConsoleWatch]:
        """What the rig's Sentry has not been told yet."""
        wanted = {key for key in self.screens if key[0] == rig_id}
        told = set() if connected else {key for key in self._told if key[0] == rig_id}
        self._told = {key for key in self._told if key[0] != rig_id} | wanted
        changes = [(key, True) for key in sorted(wanted - told)] + [(key, False) for key in sorted(told - wanted)]
        return [ConsoleWatch(slot, playbook_id, on) for (_, playbook_id), on in changes]

    def forget(self, rig_id: int) -> None:
        """The rig was removed."""
        self._asked = {key: until for key, until in self._asked.items() if key[0] != rig_id}
        self._drop(key for key in list(self.screens) if key[0] == rig_id)
        self._told = {key for key in self._told if key[0] != rig_id}

    async def run(self, part: Part) -> None:
        """Notice that no page shows it any more, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            part.beat()
            self.tick()

    def tick(self) -> None:
        """Let go of consoles whose last viewer left."""
        now = time.monotonic()
        self._asked = {key: until for key, until in self._asked.items() if until > now}
        left = [
            key
            for key in self.screens
            if key not in self._asked and not self._hub.watched(broadcasts.console_channel(*key))
        ]
        self._drop(left)
        for rig_id in {rig_id for rig_id, _ in left}:
            self._events.publish(WorkWaiting(rig_id))

    def _drop(self, keys: Iterable[_Key]) -> None:
        for key in list(keys):
            del self.screens[key]


def _plain(line: str) -> str:
    """One line without what acts on its reader. Sentries send it so; this one may be none of ours."""
    if not line.isprintable():
        line = "".join(char for char in line if char == " " or unicodedata.category(char) not in _UNSEEN)
    return line[:MAX_LINE]


_UNSEEN = ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")
