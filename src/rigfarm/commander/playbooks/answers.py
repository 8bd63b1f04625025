"""What the JSON API says of playbooks, of what rigs run, and of roll-outs."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.model import Assignment, Playbook, PlaybookContent, Revision, Wanted
from rigfarm.commander.playbooks.plan import Plan, Step
from rigfarm.commander.playbooks.rollouts.model import Before, Rollout, RolloutState

__all__ = [
    "PlanAnswer",
    "PlaybookAnswer",
    "PlaybookDetail",
    "PreviewAnswer",
    "RevisionAnswer",
    "RigPlaybook",
    "RolloutAnswer",
    "plan_answer",
    "playbook_answer",
    "playbook_detail",
    "revision_answer",
    "rig_playbook",
    "rollout_answer",
]


class PlaybookAnswer(Struct, omit_defaults=True):
    """A playbook in a list."""

    id: int
    name: str
    revision: int
    coins: list[str]
    software: str
    rigs: int
    behind: int
    """Rigs that have an older revision."""
    states: dict[str, int]
    """Rigs by state."""
    updated_at: datetime
    rollout: int | UnsetType = UNSET
    """Id of the roll-out under way."""


class RigPlaybook(Struct, omit_defaults=True):
    """One playbook on one rig."""

    rig_id: int
    playbook_id: int
    name: str
    revision: int
    newest: int
    wanted: Wanted
    state: str
    """queued · downloading · verifying · unpacking · starting · mining · backing-off · failed · stopping · stopped ·
    offline (what it says is old)"""
    detail: str = ""
    progress: float | UnsetType = UNSET
    """0..1 while downloading."""
    since: datetime | UnsetType = UNSET
    restarts: int | UnsetType = UNSET


class PlaybookDetail(PlaybookAnswer, omit_defaults=True, kw_only=True):
    """A playbook with everything."""

    content: PlaybookContent
    on: list[RigPlaybook]


class RevisionAnswer(Struct):
    """One state of a playbook."""

    revision: int
    note: str
    created_at: datetime
    content: PlaybookContent


class PlanAnswer(Struct):
    """What applying does, or did, rig by rig."""

    playbook_id: int
    revision: int
    counts: dict[str, int]
    """Rigs by action: start, change, nothing, refused."""
    replaced: dict[str, int]
    """Playbooks that go, and from how many rigs."""
    rigs: list[Step]


class PreviewAnswer(Struct):
    """The program and its arguments on a rig; the port is an example."""

    executable: str
    arguments: list[str]
    missing: str = ""
    """Why it could not run."""


class RolloutAnswer(Struct, omit_defaults=True):
    """A roll-out and how far it is."""

    id: int
    playbook_id: int
    revision: int
    state: RolloutState
    detail: str
    first: list[int]
    rest: list[int]
    watch_s: float
    watched_s: float
    before: dict[int, dict[str, Before]]
    """What the first rigs did before: rig -> coin."""
    now: dict[int, dict[str, Before]]
    """And since."""
    created_at: datetime
    finished_at: datetime | UnsetType = UNSET


def playbook_answer(playbook: Playbook, book: PlaybookBook, rollout: Rollout | None) -> PlaybookAnswer:
    """One line of the list."""
    return PlaybookAnswer(**_summary(playbook, book, rollout))  # type: ignore[arg-type]


def playbook_detail(playbook: Playbook, book: PlaybookBook, rollout: Rollout | None) -> PlaybookDetail:
    """Everything about one."""
    return PlaybookDetail(
        **_summary(playbook, book, rollout),  # type: ignore[arg-type]
        content=playbook.content,
        on=[rig_playbook(one, book) for one in book.assignments.of_playbook(playbook.id)],
    )


def rig_playbook(assignment: Assignment, book: PlaybookBook) -> RigPlaybook:
    """How one playbook does on one rig."""
    shown = book.statuses.shown(assignment)
    playbook = book.get(assignment.playbook_id)
    answer = RigPlaybook(
        rig_id=assignment.rig_id,
        playbook_id=playbook.id,
        name=playbook.name,
        revision=assignment.revision,
        newest=playbook.revision,
        wanted=assignment.wanted,
        state=shown.state,
        detail=shown.detail,
    )
    if (status := shown.status) is not None:
        answer.restarts = status.restarts
        answer.progress = UNSET if status.progress is None else status.progress
        answer.since = _time(status.since_ms)
    return answer


def revision_answer(revision: Revision) -> RevisionAnswer:
    """One of the history."""
    return RevisionAnswer(
        revision.number, revision.note, datetime.fromtimestamp(revision.created_at / 1000, UTC), revision.content
    )


def plan_answer(plan: Plan) -> PlanAnswer:
    """Rig by rig."""
    return PlanAnswer(plan.playbook_id, plan.revision, dict(plan.counts), dict(plan.replaced), plan.steps)


def rollout_answer(rollout: Rollout) -> RolloutAnswer:
    """Where it stands."""
    return RolloutAnswer(
        id=rollout.id,
        playbook_id=rollout.playbook_id,
        revision=rollout.plan.revision,
        state=rollout.state,
        detail=rollout.detail,
        first=rollout.plan.first,
        rest=rollout.plan.rest,
        watch_s=rollout.plan.watch_s,
        watched_s=rollout.progress.watched_s,
        before=rollout.plan.before,
        now={
            rig_id: {coin: Before(seen.hashrate, seen.rejects) for coin, seen in coins.items()}
            for rig_id, coins in rollout.progress.seen.items()
        },
        created_at=datetime.fromtimestamp(rollout.created_at / 1000, UTC),
        finished_at=_time(rollout.finished_at),
    )


def _summary(playbook: Playbook, book: PlaybookBook, rollout: Rollout | None) -> dict[str, object]:
    on = book.assignments.of_playbook(playbook.id)
    software = playbook.content.software
    return {
        "id": playbook.id,
        "name": playbook.name,
        "revision": playbook.revision,
        "coins": playbook.content.coins,
        "software": f"{software.name} {software.version}",
        "rigs": len(on),
        "behind": sum(one.revision != playbook.revision for one in on),
        "states": dict(book.statuses.counts(on)),
        "updated_at": datetime.fromtimestamp(playbook.updated_at / 1000, UTC),
        "rollout": UNSET if rollout is None else rollout.id,
    }


def _time(ms: int | None) -> datetime | UnsetType:
    if ms is None or not 0 <= ms < 1 << 43:
        return UNSET
    return datetime.fromtimestamp(ms / 1000, UTC)
