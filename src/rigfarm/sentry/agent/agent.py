"""The Sentry: parts -> spool -> link, and the Commander's words back to the parts.

Everything is told when it is started (`Agent(settings, parts)`), so a process can hold one Sentry or a farm of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec
import structlog

from rigfarm.common.supervised import Supervised
from rigfarm.common.whole_file import write_private
from rigfarm.sentry.agent.anchor import load_anchor
from rigfarm.sentry.agent.part_host import PartHost
from rigfarm.sentry.agent.parts import FollowsCommander, ForgetsTokens, Part, Successor
from rigfarm.sentry.agent.reporter import AgentReporter
from rigfarm.sentry.agent.updating import UpdatesSentry
from rigfarm.sentry.agent.watch import follow_files
from rigfarm.sentry.identity.folder import make_private
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.link import Link
from rigfarm.sentry.link.connect import Timings
from rigfarm.sentry.link.trust import Trust, insecure_words
from rigfarm.sentry.spool import Spool
from rigfarm.sentry.spool.clock import Clock
from rigfarm.wire.commands import Command, UpdateSentry
from rigfarm.wire.frames import Verdict
from rigfarm.wire.playbooks import AssignedPlaybook

__all__ = ["Agent", "TakesToken"]

log = structlog.get_logger()

PARTS_END_S = 4.0
SPOOL_ENDS_S = 0.8
"""Together less than the five seconds after which a Sentry that was told to end is gone."""
SAVE_CLOCK_EVERY_S = 600.0


@runtime_checkable
class TakesToken(Part, Protocol):
    """A part that an operator can give a token: this machine."""

    def set_token(self, token: str) -> None:
        """From now on speak for this one."""


class Agent:
    """One Sentry. `run` until `stop` is called or it is cancelled."""

    def __init__(
        self,
        settings: Settings,
        parts: Sequence[Part],
        *,
        clock: Clock | None = None,
        timings: Timings | None = None,
        watch_files: bool = False,
        serve: Callable[[Agent], Awaitable[None]] | None = None,
        updates: UpdatesSentry | None = None,
    ) -> None:
        """`watch_files`: notice what `rigfarm sentry join` writes. `serve`: the Sentry's own page, which knows the
        agent; a farm of Sentries in one process needs none. `updates`: how the Commander can update it, if at all."""
        self.settings = settings
        self.started_at = time.monotonic()
        self.spool = Spool(settings.data_dir / "spool.db", settings.spool_mib << 20)
        self.clock = clock or Clock(load_anchor(settings.data_dir / "clock.json"))
        self.trust = Trust(settings.data_dir, ca_file=_path(settings.ca_file), insecure_http=settings.insecure_http)
        self.link = Link(self.spool, self.clock, self, self.trust, timings=timings)
        self._updates = updates
        specs = updates.specs if updates is not None else None
        self.reporter = AgentReporter(self.spool, self.link, self.clock, self.refresh_tokens, specs)
        self.parts = list(parts)
        self.judgements: dict[str, Verdict] = {}
        """The last verdict on every token that is not removed or given up."""
        self.successor: Successor | None = None
        """Who takes our place in this process once `run` has ended."""
        self.removed: str | None = None
        """Name of the rig that this machine was until it was removed (empty: unknown); until it gets a new token."""
        self._hosts = [PartHost(part) for part in parts]
        self._own: list[Supervised] = []
        """What the agent itself consists of while it runs: the link, the clock, the page."""
        self._owners: dict[str, PartHost] = {}
        self._removed: set[str] = set()
        self._held: set[str] = set()
        self._watch_files = watch_files
        self._serve = serve
        self._stop = asyncio.Event()
        self._save_clock = asyncio.Event()
        self._chores: set[asyncio.Task[None]] = set()
        self._go_to_commander()

    # Life

    async def run(self) -> None:
        """Work until told to stop."""
        for change in make_private(self.settings.data_dir):
            log.warning("permissions mended", what=change)
        self.refresh_tokens()
        # Parts first: mining goes on although the disk is slow or the Commander away.
        tasks = [asyncio.create_task(host.run(self.reporter), name=host.name) for host in self._hosts]
        try:
            await self.spool.open()
            self._own = self._own_parts()
            if self._updates is not None:
                self._chore(self._succeed(self._updates.trial()))
            tasks += [asyncio.create_task(one.run(), name=one.name) for one in self._own]
            stopping = asyncio.create_task(self._stop.wait())
            try:
                # None of the others ends before it is cancelled: each is supervised.
                done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopping.cancel()
            for task in done - {stopping}:
                task.result()
        finally:
            await self._end(tasks)

    def stop(self) -> None:
        """End `run` soon."""
        self._stop.set()

    def give_way(self, successor: Successor | None) -> None:
        """End `run` soon without ending what goes on: another Sentry takes our place. None: it does not."""
        if successor is not None and not self.stopping:
            self.successor = successor
            for host in self._hosts:
                host.hands_over = True
            self.stop()

    @property
    def stopping(self) -> bool:
        """Whether it was told to end."""
        return self._stop.is_set()

    def _own_parts(self) -> list[Supervised]:
        own = [Supervised("link", self.link.run), Supervised("clock", self._keep_clock)]
        if (serve := self._serve) is not None:
            own.append(Supervised("page", lambda: serve(self)))
        if self._watch_files:
            own.append(Supervised("files", lambda: follow_files(self.settings.data_dir, self.take_over)))
        return own

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        tasks += self._chores
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=PARTS_END_S)
            for task in late:
                log.error("did not end in time", task=task.get_name())
        try:
            async with asyncio.timeout(SPOOL_ENDS_S):
                await self.spool.close()
                await self._write_clock()
        except TimeoutError:
            log.error("the disk hangs: the last logs may not be written")

    # Tokens

    def refresh_tokens(self) -> None:
        """Ask the parts which tokens they speak for, and tell the link."""
        speaking: list[str] = []
        for host in self._hosts:
            for token in host.part.tokens():
                if token not in self._removed:
                    self._owners[token] = host
                    speaking.append(token)
        gone = self.reporter.tokens - set(speaking)
        self.reporter.tokens = frozenset(speaking)
        self.link.speak_for(speaking)
        for token in gone:
            judgement = self.judgements.get(token)
            if token not in self._removed and (judgement is None or judgement.kind != "unknown"):
                # Not refused, not removed: its part has given it up, so its logs are not waited for.
                self._chore(self.forget(token))

    async def forget(self, token: str) -> None:
        """Delete what is kept of a token that no part speaks for any more."""
        self.judgements.pop(token, None)
        self._owners.pop(token, None)
        self._held.discard(token)
        self.clock.forget(token)
        self.reporter.forget(token)
        await self.spool.forget(token)

    def has_good_token(self, part: Part) -> bool:
        """Whether a part has a token that is good, or was not judged yet."""
        return any(token in self.reporter.tokens for token in part.tokens())

    def verdict_on(self, part: Part) -> Verdict | None:
        """The last verdict on a token of this part, good or not; None: none yet."""
        judged = (token for token in self.judgements if token in self._owners and self._owners[token].part is part)
        return next((self.judgements[token] for token in judged), None)

    @property
    def needs_token(self) -> bool:
        """Whether there is nothing this Sentry could report for."""
        return not self.reporter.tokens and self.rig is not None

    def problems(self) -> list[tuple[str, str]]:
        """What an operator should look at: parts that are not running, and a Commander that cannot be relied on."""
        own = [(one.name, one.problem) for one in self._own]
        parts = [(host.name, host.problem) for host in self._hosts]
        commander = [("Commander", words) for words in self._doubts()]
        return [(name, problem) for name, problem in [*own, *parts, *commander] if problem is not None]

    def _doubts(self) -> list[str]:
        """About the Commander, or what is in between."""
        doubts = []
        if words := insecure_words(self.settings.commander or ""):
            doubts.append(f"{words}.")
        if self.link.unsigned:
            doubts.append(
                f"{self.link.unsigned:,} playbooks, commands or removals were not signed by this machine's Commander "
                "and were ignored. Something in between is forging them: check the proxy, and who can reach it."
            )
        return doubts

    @property
    def rig(self) -> TakesToken | None:
        """The part that is this machine, if this Sentry has one."""
        return next((part for part in self.parts if isinstance(part, TakesToken)), None)

    def adopt(self, token: str) -> None:
        """The operator gave this machine a token; the one before is forgotten."""
        rig = self.rig
        if rig is None:
            raise RuntimeError("this Sentry reports no machine of its own")
        before = [one for one, host in self._owners.items() if host.part is rig and one != token]
        self._removed.discard(token)
        self.removed = None
        rig.set_token(token)
        self.refresh_tokens()
        for old in before:
            if old in self._owners:
                self._chore(self.forget(old))

    def take_over(self, settings: Settings, token: str | None) -> None:
        """Go on with the Commander that these settings and what is trusted name now, or with another token."""
        rig = self.rig
        before = (*_commander_of(self.settings), self.trust.certificate, self.trust.key)
        key = self.trust.key
        self.trust.reload()
        if key not in (None, self.trust.key):
            self._forget_tokens(token)
        if (*_commander_of(settings), self.trust.certificate, self.trust.key) != before:
            log.info("another Commander", url=settings.commander)
            self.settings = msgspec.structs.replace(
                self.settings,
                commander=settings.commander,
                ca_file=settings.ca_file,
                insecure_http=settings.insecure_http,
            )
            self.trust.ca_file, self.trust.insecure_http = _path(settings.ca_file), settings.insecure_http
            self._go_to_commander()
        if rig is not None and token is not None and token not in rig.tokens():
            self.adopt(token)

    def _forget_tokens(self, token: str | None) -> None:
        """The Commander is no longer the one that the tokens were entered for: it gets new tokens only."""
        spared: Part | None = self.rig if token is not None else None
        for part in self.parts:
            if part is not spared and isinstance(part, ForgetsTokens):
                part.forget_tokens()
        self.refresh_tokens()

    def _go_to_commander(self) -> None:
        url = self.settings.commander
        for part in self.parts:
            if isinstance(part, FollowsCommander):
                part.commander_changed(url or "", self.trust)
        self.link.connect_to(url)

    # What the Commander says: link.LinkEvents

    def on_verdict(self, token: str, verdict: Verdict) -> None:
        """It judged a token. Only `removed` ever ends anything but the sending."""
        before = self.judgements.get(token)
        if before is None or before.kind != verdict.kind:
            log.info("the Commander judged a token", verdict=verdict.kind, rig=verdict.name)
        host = self._owners.get(token)
        if host is None:
            return
        if verdict.kind == "removed":
            self._removed.add(token)
            if host.part is self.rig:
                self.removed = verdict.name or ""
            host.judged(token, verdict, lambda: self._after_removal(token))
            return
        self.judgements[token] = verdict
        if self._updates is not None:
            self._updates.welcomed()
            for result in self._updates.results(token) if verdict.kind == "ok" else ():
                self.link.outbox.result(token, *result)
        host.judged(token, verdict, self._after_verdict)
        self._set_aside_or_release(token, verdict)

    async def _after_verdict(self) -> None:
        self.refresh_tokens()

    async def _after_removal(self, token: str) -> None:
        """Its part has cleaned up: now nothing of it stays here either."""
        self.refresh_tokens()
        await self.forget(token)

    def _set_aside_or_release(self, token: str, verdict: Verdict) -> None:
        """Beside good tokens, the logs of a refused one would leave holes in what is sent: they wait aside."""
        if verdict.kind == "ok":
            self._held.discard(token)
            if self.spool.holds:
                self._chore(self.spool.release(token))
            for other, judgement in self.judgements.items():
                if judgement.kind == "unknown":
                    self._hold(other)
        elif any(judgement.kind == "ok" for judgement in self.judgements.values()):
            self._hold(token)

    def _hold(self, token: str) -> None:
        if token not in self._held:
            self._held.add(token)
            self._chore(self.spool.hold(token))

    def on_playbooks(self, token: str, revision: int, playbooks: list[AssignedPlaybook]) -> None:
        """What shall run on a rig."""
        if host := self._owners.get(token):
            host.playbooks(token, revision, playbooks)

    def on_command(self, token: str, command_id: str, command: Command) -> None:
        """An operator's command."""
        if isinstance(command, UpdateSentry):
            self._update(token, command_id, command)
        elif host := self._owners.get(token):
            host.command(token, command, partial(self.link.outbox.result, token, command_id))

    def _update(self, token: str, command_id: str, command: UpdateSentry) -> None:
        report = partial(self.link.outbox.result, token, command_id)
        if self._updates is None:
            report("refused", "This Sentry cannot be updated.")
            return
        url = self.settings.commander or ""
        self._chore(self._succeed(self._updates.carry_out(command, token, command_id, report, url, self.trust.context)))

    async def _succeed(self, successor: Coroutine[Any, Any, Successor | None]) -> None:
        self.give_way(await successor)

    def on_console_watch(self, token: str, playbook: int, on: bool) -> None:
        """A page shows a console, or no longer."""
        if host := self._owners.get(token):
            host.console_watch(token, playbook, on)

    def on_clock(self) -> None:
        """It told the time."""
        self._save_clock.set()

    # Chores

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chore_done)

    def _chore_done(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a chore failed", error=repr(error))

    async def _keep_clock(self) -> None:
        while True:
            await self._write_clock()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SAVE_CLOCK_EVERY_S):
                    await self._save_clock.wait()
            self._save_clock.clear()

    async def _write_clock(self) -> None:
        data = msgspec.json.encode(self.clock.anchor())
        try:
            await asyncio.to_thread(write_private, self.settings.data_dir / "clock.json", data)
        except OSError as error:
            log.warning("the clock cannot be kept", error=str(error))


def _commander_of(settings: Settings) -> tuple[str | None, str | None, bool]:
    return settings.commander, settings.ca_file, settings.insecure_http


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
