"""The updates of a Sentry that runs: it fetches the one that its Commander names, and takes its word afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

import structlog
from msgspec import Struct
from msgspec.structs import replace

from rigfarm import __version__
from rigfarm.common.versions import is_older
from rigfarm.sentry.agent.parts import Successor
from rigfarm.sentry.identity.settings import Settings
from rigfarm.sentry.playbooks.fetch import FetchError, Pace, PinError, Tls, fetch
from rigfarm.sentry.processes.disk import make_folder, remove_tree
from rigfarm.sentry.update.launch import TRIAL_S
from rigfarm.sentry.update.state import Release, State, Waiting, folder_of, load, save
from rigfarm.sentry.update.trial import PROGRAMS, Checked, TrialError, try_out
from rigfarm.units import size
from rigfarm.wire.commands import CommandState, UpdateSentry
from rigfarm.wire.playbooks import Archive
from rigfarm.wire.specs import SentryUpdates, Specs

__all__ = ["Updates"]

FETCHED = "fetched"
FETCH_WITHIN_S = 900.0
FETCHES = 5
FETCH_AGAIN_S = 2.0
UNPACKED = 5
"""So many times a file's size is free on the disk before it is fetched: it, and what it unpacks to."""
GIVE_UP_AFTER = 0.75
"""Of the trial: then a new Sentry that was not welcomed makes way by itself, so that mining goes on meanwhile. Where it
does not, it is ended at the end of the trial."""

Report = Callable[[CommandState, str], None]

log = structlog.get_logger()


class _RefusedError(Exception):
    """Nothing is done; the text says why."""

    def __init__(self, words: str, state: CommandState = "refused") -> None:
        super().__init__(words)
        self.state: CommandState = state


class _Asked(Struct):
    token: str
    command: str
    report: Report


class Updates:
    """One per Sentry. `program` is our folder, if we are a self-contained program."""

    def __init__(
        self, settings: Settings, program: Path | None, *, pace: Pace | None = None, trial_s: float = TRIAL_S
    ) -> None:
        self._settings = settings
        self._program = program
        self._pace = pace or Pace()
        self._trial_s = trial_s
        self._state = _known_to(program, load(settings.data_dir)) if program is not None else State()
        self._under_way: UpdateSentry | None = None
        self._asked: list[_Asked] = []
        self._welcomed = asyncio.Event()

    @property
    def ability(self) -> SentryUpdates:
        """Whether the Commander can update us."""
        if self._settings.updates == "off":
            return "off"
        return "ready" if self._program is not None else "not-a-bundle"

    def specs(self, specs: Specs) -> Specs:
        """With what the Commander has to know for an update."""
        more = ["update-sentry"] if self.ability == "ready" else []
        return replace(
            specs,
            sentry_machine=platform.machine(),
            sentry_updates=self.ability,
            supports=[*specs.supports, *more],
        )

    # A command

    async def carry_out(
        self, command: UpdateSentry, token: str, command_id: str, report: Report, url: str, tls: Tls
    ) -> Successor | None:
        """Prepare an update; who is to take our place. None: nothing comes of it, or it is under way already."""
        report("running", "")
        if self._under_way is not None:
            if self._under_way == command:  # for another rig of this Sentry: one update, and its result for both
                self._asked.append(_Asked(token, command_id, report))
            else:
                report("refused", "This Sentry is being updated to another version: try again afterwards.")
            return None
        self._under_way, self._asked = command, [_Asked(token, command_id, report)]
        try:
            return await self._prepare(command, url, tls)
        except _RefusedError as refused:
            self._answer(refused.state, str(refused))
        except (FetchError, TrialError) as error:
            self._answer("failed", f"Not updated, nothing was changed: {error}.")
        except OSError as error:
            self._answer("failed", f"Not updated, nothing was changed: {error.strerror or error}.")
        except BaseException:
            self._answer("failed", "Not updated, nothing was changed: internal error in the Sentry.")
            raise
        return None

    def _answer(self, state: CommandState, words: str) -> None:
        asked, self._asked, self._under_way = self._asked, [], None
        for one in asked:
            one.report(state, words)

    async def _prepare(self, command: UpdateSentry, url: str, tls: Tls) -> Successor:
        """_RefusedError, FetchError, TrialError, OSError."""
        program = self._may(command)
        folder = folder_of(self._settings.data_dir)
        await asyncio.to_thread(self._make_room, folder, command.size)
        file = folder / FETCHED
        await self._fetch(command, file, url, tls)
        try:
            found = await try_out(file, folder, self._settings.data_dir)
        finally:
            await asyncio.to_thread(file.unlink, missing_ok=True)
        if found.version != command.version:
            raise TrialError(f"it is Sentry {found.version}, not {command.version}")
        return await self._put_in_place(command, found, program)

    def _may(self, command: UpdateSentry) -> Path:
        """Our folder. _RefusedError when the update is forbidden or pointless."""
        if self._settings.updates == "off":
            raise _RefusedError('This rig forbids it: its sentry.toml has `updates = "off"`.')
        if self._program is None:
            raise _RefusedError(
                "This Sentry was not installed by the Commander's line, so it is not replaced: update it where it was "
                "installed from."
            )
        if command.sha256 == self._state.current.sha256:
            raise _RefusedError(f"It already runs this Sentry, {__version__}.", "done")
        if is_older(command.version, __version__) and not command.downgrade:
            raise _RefusedError(
                f"Sentry {command.version} is older than {__version__}, which runs: ask for a downgrade."
            )
        return self._program

    def _make_room(self, folder: Path, needed: int) -> None:
        """Blocks. _RefusedError, OSError."""
        make_folder(folder)
        (folder / FETCHED).unlink(missing_ok=True)  # what is left of another version would be taken for its beginning
        kept = {Path(one.folder) for one in (self._state.current, self._state.former) if one.folder}
        programs = folder / PROGRAMS
        for path in programs.iterdir() if programs.is_dir() else ():
            if path not in kept:
                remove_tree(path)
        free = shutil.disk_usage(folder).free
        if free < UNPACKED * needed:
            raise _RefusedError(
                f"Its disk has {size(free)} free, and an update needs {size(UNPACKED * needed)}.", "failed"
            )

    async def _fetch(self, command: UpdateSentry, file: Path, url: str, tls: Tls) -> None:
        """From our Commander only, complete and with this hash, or FetchError, OSError."""
        name = f"rigfarm-sentry-{platform.machine()}"
        pinned = Archive(name, command.version, command.sha256, command.size, f"bundle/{name}", "executable", name)
        try:
            async with asyncio.timeout(FETCH_WITHIN_S):
                for tried in range(1, FETCHES + 1):
                    try:
                        await fetch(url, "", pinned, file, lambda _: None, self._pace, tls)
                    except PinError:
                        raise
                    except FetchError:
                        if tried == FETCHES:
                            raise
                        await asyncio.sleep(FETCH_AGAIN_S * tried)
                    else:
                        return
        except TimeoutError:
            raise FetchError(f"the download took longer than {FETCH_WITHIN_S / 60:.0f} min") from None

    async def _put_in_place(self, command: UpdateSentry, found: Checked, program: Path) -> Successor:
        """From now on it is what runs, on trial. OSError."""
        before = self._state
        if found.program == str(program):
            raise _RefusedError(f"It already runs this Sentry, {__version__}.", "done")
        installed = before.current.folder == ""
        state = State(
            base=str(program) if installed else before.base,
            current=Release(found.program, found.version, command.sha256),
            former=replace(before.current, version=__version__),
            on_trial=True,
            tries=1,
            waiting=[Waiting(_hash(one.token), one.command) for one in self._asked],
        )
        await asyncio.to_thread(save, self._settings.data_dir, state)
        self._state = state
        log.info("an update takes this Sentry's place", version=found.version)
        return Successor(Path(found.program), watched=True)

    # Afterwards

    def results(self, token: str) -> list[tuple[str, CommandState, str]]:
        """What there is to say to a Commander that has just taken this rig's word: command, state, words; once."""
        state = self._state
        mine = [one for one in state.waiting if one.token == _hash(token)]
        if not mine or state.on_trial:
            return []
        self._keep(replace(state, waiting=[one for one in state.waiting if one not in mine]))
        outcome: CommandState = "failed" if state.rolled_back else "done"
        words = state.rolled_back or f"Sentry {__version__} runs; its programs went on."
        return [(one.command, outcome, words) for one in mine]

    def welcomed(self) -> None:
        """The Commander knows us: a trial is over."""
        self._welcomed.set()
        if self._state.on_trial:
            log.info("the update is complete", version=__version__)
            self._keep(replace(self._state, on_trial=False, tries=0))

    async def trial(self) -> Successor | None:
        """Who takes our place, if we are on trial and not welcomed in time."""
        if not self._state.on_trial:
            return None
        wait_s = self._trial_s * GIVE_UP_AFTER
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._welcomed.wait()
            return None
        state = self._state.back(f"the Commander had not welcomed it after {wait_s:.0f} s.")
        if not self._keep(state):
            return None
        return Successor(Path(state.current.folder or state.base), watched=False)

    def _keep(self, state: State) -> bool:
        """A few hundred bytes, now and then: not worth a thread. Whether it is on disk."""
        self._state = state
        try:
            save(self._settings.data_dir, state)
        except OSError as error:
            log.error("the state of an update cannot be written down", error=str(error))
            return False
        return True


def _known_to(program: Path, state: State) -> State:
    """What is written down, as this program has to read it: if another one should run, that could not be started."""
    if state.current.folder in ("", str(program)):
        return state
    return replace(state.back("it cannot be started."), current=Release())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
