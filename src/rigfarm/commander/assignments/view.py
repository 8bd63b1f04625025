"""What is shown of the playbooks that rigs run: on a playbook's page, and on a rig's (with its latest commands)."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment
from markupsafe import Markup
from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.asked import whole_number
from rigfarm.commander.assignments.actions import Assignments
from rigfarm.commander.assignments.model import Assignment
from rigfarm.commander.commands import Commands, GivenCommand
from rigfarm.commander.commands.model import title
from rigfarm.commander.effects import Watch
from rigfarm.commander.effects.view import EffectRow, effect_row
from rigfarm.commander.names import name_sort
from rigfarm.commander.playbooks.model import Playbook
from rigfarm.commander.playbooks.view import TONES, Section, Summary, ago
from rigfarm.commander.rigs.view import ACTIONS, Action
from rigfarm.common.clock import iso, utc_ms

__all__ = ["CommandRow", "RigPanel", "RigPanels", "RigRow", "rig_row", "rig_rows", "section", "summary"]

ON_PAGE = 100
SHOWN_COMMANDS = 6
_WORST_FIRST = (
    "failed",
    "backing-off",
    "offline",
    "queued",
    "downloading",
    "verifying",
    "unpacking",
    "starting",
    "stopping",
    "mining",
)


class RigRow(Struct, frozen=True):
    """A playbook on a rig."""

    rig_id: int
    rig_name: str
    playbook_id: int
    playbook_name: str
    revision: int
    newest: int
    wanted: str
    state: str
    tone: str
    detail: str
    progress: float | None
    since_iso: str
    since: str
    restarts: int
    effect: EffectRow | None = None
    """Only where telemetry contradicts the state."""

    @property
    def behind(self) -> bool:
        """Whether there is a newer revision than the rig has."""
        return self.revision < self.newest

    @property
    def percent(self) -> int | None:
        """How much of the download is done."""
        return None if self.progress is None or self.state != "downloading" else round(self.progress * 100)


class CommandRow(Struct, frozen=True):
    """A command and its result."""

    id: str
    title: str
    state: str
    tone: str
    words: str
    at_iso: str
    at: str
    can_cancel: bool
    effect: EffectRow | None


class RigPanel(Struct, frozen=True):
    """All of the region."""

    rig_id: int
    name: str
    href: str
    programs: bool
    """Whether it runs mining programs; else there is nothing to show but commands."""
    rows: list[RigRow]
    commands: list[CommandRow]
    variables: dict[str, str]
    actions: list[Action]
    """What the rig can do."""
    hint: str
    """Why it cannot do more."""


_ALWAYS = {"restart-miner", "reboot", "shut-down"}
"""What a rig that says nothing of it is taken to do."""
_NO_POWER = (
    "Reboot and shut down: allow them on the rig, with allow_power = true in sentry.toml, then run "
    "sudo rigfarm sentry install."
)
_TONES = {"failed": "bad", "refused": "warn", "done": "good"}


def summary(playbook: Playbook, assignments: Assignments) -> Summary:
    """How a playbook does on its rigs."""
    on = assignments.assigned.of_playbook(playbook.id)
    counts = assignments.statuses.counts(on)
    return Summary(
        rigs=len(on),
        behind=sum(one.revision != playbook.revision for one in on),
        states={word: counts[word] for word in sorted(counts, key=_rank)},
    )


def section(templates: Environment, assignments: Assignments) -> Section:
    """The rigs that have a playbook, on its page."""
    template = templates.get_template("assignment_rigs.html")

    async def html(playbook: Playbook, params: Mapping[str, str], csrf: str) -> str:
        page = whole_number(params, "page") or 1
        rows, pages = rig_rows(playbook.id, assignments, page, utc_ms())
        total = len(assignments.assigned.of_playbook(playbook.id))
        return template.render(playbook=playbook, rows=rows, total=total, page=min(page, pages), pages=pages, csrf=csrf)

    return html


def rig_row(assignment: Assignment, assignments: Assignments, now_ms: int) -> RigRow:
    """How a playbook does on a rig."""
    shown = assignments.statuses.shown(assignment)
    state, status = shown.state, shown.status
    playbook = assignments.playbooks.get(assignment.playbook_id)
    since = None if status is None else status.since_ms
    return RigRow(
        rig_id=assignment.rig_id,
        rig_name=assignments.rigs.rigs[assignment.rig_id].name,
        playbook_id=playbook.id,
        playbook_name=playbook.name,
        revision=assignment.revision,
        newest=playbook.revision,
        wanted=assignment.wanted,
        state=state,
        tone=TONES.get(state, ""),
        detail=shown.detail,
        progress=None if status is None else status.progress,
        since_iso=iso(since),
        since=ago(since, now_ms) if iso(since) else "",
        restarts=0 if status is None else status.restarts,
    )


def rig_rows(playbook_id: int, assignments: Assignments, page: int, now_ms: int) -> tuple[list[RigRow], int]:
    """The rigs of a playbook on a page, sick ones first; and how many pages there are."""
    on = [one for one in assignments.assigned.of_playbook(playbook_id) if one.rig_id in assignments.rigs.rigs]
    names = assignments.rigs.rigs

    def rank(one: Assignment) -> tuple[int, tuple[str | int, ...]]:
        return _rank(assignments.statuses.shown(one).state), name_sort(names[one.rig_id].name)

    on.sort(key=rank)
    pages = max(-(-len(on) // ON_PAGE), 1)
    start = (min(max(page, 1), pages) - 1) * ON_PAGE
    return [rig_row(one, assignments, now_ms) for one in on[start : start + ON_PAGE]], pages


def command_row(command: GivenCommand, now_ms: int, watch: Watch | None) -> CommandRow:
    """With its state in words."""
    return CommandRow(
        id=command.id,
        title=title(command.command),
        state=command.state,
        tone=_TONES.get(command.state, ""),
        words=command.words,
        at_iso=iso(command.created_at),
        at=ago(command.created_at, now_ms),
        can_cancel=command.state == "queued" and command.sent_at is None,
        effect=None if watch is None else effect_row(watch),
    )


class RigPanels:
    """Renders the region."""

    def __init__(self, templates: Environment, assignments: Assignments, commands: Commands) -> None:
        self._template = templates.get_template("assignment_rig_panel.html")
        self._assignments = assignments
        self._commands = commands

    async def html(self, rig_id: int) -> Markup:
        """Of a rig that exists. Its forms are sent by script, which adds the CSRF token; without scripts it reads."""
        return Markup(self._template.render(panel=await self.panel(rig_id)))  # noqa: S704 - autoescaped

    async def panel(self, rig_id: int) -> RigPanel:
        """What it shows."""
        rig = self._assignments.rigs.get(rig_id)
        now_ms = utc_ms()
        given = await self._commands.of_rig(rig_id, SHOWN_COMMANDS)
        of_commands = await self._commands.effects.of_commands(one.id for one in given)
        rows = []
        for one in self._assignments.assigned.of_rig(rig_id):
            watch = self._commands.effects.of_playbook_on(rig_id, one.playbook_id)
            row = rig_row(one, self._assignments, now_ms)
            rows.append(replace(row, effect=effect_row(watch)) if watch is not None and watch.is_bad else row)
        can = set(rig.specs.supports if rig.specs is not None else ()) or _ALWAYS
        return RigPanel(
            rig_id=rig_id,
            name=rig.name,
            href=rig.href,
            programs=rig.of.runs_programs,
            rows=rows,
            commands=[command_row(one, now_ms, of_commands.get(one.id)) for one in given],
            variables=dict(self._assignments.assigned.variables_of(rig_id)),
            actions=[action for action in ACTIONS["cpu-gpu"] if action.name in can],
            hint="" if can & {"reboot", "shut-down"} else _NO_POWER,
        )


def _rank(state: str) -> int:
    return _WORST_FIRST.index(state) if state in _WORST_FIRST else len(_WORST_FIRST)
