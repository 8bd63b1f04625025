"""The decision a roll-out begins with: who comes first, who then, and what the first did before."""

from __future__ import annotations

from collections.abc import Iterable

from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.rollouts.model import RolloutForm, RolloutPlan
from rigfarm.commander.playbooks.rollouts.sight import Sight
from rigfarm.commander.playbooks.rollouts.watch import before_of
from rigfarm.commander.refusals import Conflict, Invalid

__all__ = ["check", "make_plan"]


def check(form: RolloutForm) -> None:
    """Invalid says what cannot be right."""
    wrong: dict[str, str] = {}
    if not 0.05 <= form.watch_minutes <= 1440:
        wrong["watch_minutes"] = "Watch for at least 3 seconds and at most a day (1440 minutes)."
    if not 0 <= form.tolerance < 1:
        wrong["tolerance"] = "From 0 (nothing may be lost) to 0.99."
    if not 0 <= form.max_rejects <= 1:
        wrong["max_rejects"] = "From 0 to 1."
    if wrong:
        raise Invalid.of(wrong)


async def make_plan(
    book: PlaybookBook,
    sight: Sight,
    playbook_id: int,
    rig_ids: Iterable[int],
    form: RolloutForm,
    revision: int | None,
    busy: set[int],
) -> RolloutPlan:
    """Who comes first, who then, and what the first did before. `busy`: rigs of other roll-outs."""
    plan = await book.running.plan(playbook_id, rig_ids, revision)
    candidates = plan.rigs
    if not candidates:
        reasons = {step.detail for step in plan.steps}
        raise Invalid("There is nothing to do on these rigs. " + " ".join(sorted(reasons)[:3]))
    first = form.first or sorted(candidates, key=lambda rig_id: not sight.up(rig_id))[:1]
    if strange := [rig_id for rig_id in first if rig_id not in candidates]:
        raise Invalid(f"Rig {strange[0]} cannot be the first: nothing would change on it.", field="first")
    if busy & set(candidates):
        raise Conflict("Another roll-out is under way on some of these rigs: wait for it, or abort it.")
    content = await book.need(playbook_id, plan.revision)
    return RolloutPlan(
        revision=plan.revision,
        first=first,
        rest=[rig_id for rig_id in candidates if rig_id not in first],
        watch_s=form.watch_minutes * 60.0,
        tolerance=form.tolerance,
        max_rejects=form.max_rejects,
        put_back=form.put_back,
        had={rig_id: book.assignments.of_rig(rig_id) for rig_id in first},
        before={rig_id: before_of(sight.stats(rig_id), content.coins) for rig_id in first},
    )
