"""A Sentry of some ASICs on the link of a real Commander, without devices behind it."""

from __future__ import annotations

import asyncio
import threading

from msgspec.structs import replace

from rigfarm.common.clock import utc_ms
from rigfarm.simulate.commander import CommanderProcess
from rigfarm.wire.codec import encode
from rigfarm.wire.commands import Command
from rigfarm.wire.frames import CommandResult, DownFrame, RigBoards, RigCommand, RigSpecs, Verdicts, Welcome
from rigfarm.wire.log import OperationalLog
from support.asic_load import an_asic_log, asic_boards, asic_specs
from support.load import LoadLink, connect

__all__ = ["AsicLink"]

EVERY_S = 2.0


class AsicLink:
    """One Sentry's link that reports some ASICs, and obeys. Times are UTC ms."""

    def __init__(self, commander: CommanderProcess, tokens: list[str], supports: dict[int, list[str]]) -> None:
        self.tokens = tokens
        self.said: list[DownFrame] = []
        self.refuses: set[int] = set()
        """Slots that fail to do what they are told."""
        self.logs: dict[int, OperationalLog] = {}
        """What a slot reports instead of a typical log."""
        self._url = commander.url
        self._supports = supports
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="asic link")
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)

    @property
    def verdicts(self) -> list[tuple[int, str]]:
        """(slot, verdict) of tokens that changed."""
        return [(slot, verdict.kind) for one in self.said if isinstance(one, Verdicts) for slot, verdict in one.changes]

    async def _run(self) -> None:
        link = await connect(self._url, self.tokens)
        link.on_frame = lambda frame: self._hear(link, frame)
        slots = range(len(self.tokens))
        for slot in slots:
            specs = asic_specs(slot + 1, supports=self._supports.get(slot))
            link.send(encode(RigSpecs(slot, specs)))
        while not self._stop.is_set():
            now = utc_ms()
            logs = [encode(replace(self.log_of(slot, now), t=now)) for slot in slots]
            link.send_logs(logs, list(slots))
            for slot in slots[:2]:
                link.send(encode(RigBoards(slot, asic_boards(slot + 1, now))))
            await asyncio.sleep(EVERY_S)
        link.close()

    def log_of(self, slot: int, now: int) -> OperationalLog:
        """What an ASIC reports at a moment (UTC ms)."""
        return self.logs.get(slot) or an_asic_log(slot + 1, now)

    def obeys(self, slot: int, command: Command) -> None:
        """An ASIC says that it did what it was told."""

    def _hear(self, link: LoadLink, frame: DownFrame) -> None:
        if not isinstance(frame, Welcome):
            self.said.append(frame)
        if isinstance(frame, RigCommand):
            fails = frame.slot in self.refuses
            link.send(encode(CommandResult(frame.id, frame.slot, "running", "asked the device")))
            if not fails:
                self.obeys(frame.slot, frame.command)
            state, words = (
                ("failed", "No answer. <img src=x onerror=window.owned=1>") if fails else ("done", "It obeys.")
            )
            link.send(encode(CommandResult(frame.id, frame.slot, state, words)))  # type: ignore[arg-type]
