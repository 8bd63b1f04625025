"""The page on which a playbook is given to rigs: who, what would happen to each, and how: at once or in stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.asked import one_of, row_numbers, whole_number
from rigfarm.commander.assignments.actions import Assignments
from rigfarm.commander.assignments.model import Plan
from rigfarm.commander.assignments.pages import MAX_RIGS, RigsForm
from rigfarm.commander.auth import READ
from rigfarm.commander.circuits import Circuits
from rigfarm.commander.circuits.draw.forecast import warnings
from rigfarm.commander.fields import Difference
from rigfarm.commander.numbers import read_decimal
from rigfarm.commander.playbooks.content.diff import differences
from rigfarm.commander.refusals import Absent, Invalid, Refusal
from rigfarm.commander.rigs.listing.query import STATES, IndexQuery
from rigfarm.commander.rigs.listing.rig_list import RigList
from rigfarm.commander.rollouts.actions import Rollouts
from rigfarm.commander.rollouts.model import RolloutForm
from rigfarm.commander.rollouts.view import rollout_view
from rigfarm.commander.selection import RigFilter
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render, render_form
from rigfarm.units import counted

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
MAX_COMPARED = 8
"""Revisions that rigs have now and that are compared with the one to apply."""


WHO_PARAMS = ("those", "q", "state", "coin", "rig", "rigs")


class Who(Struct, frozen=True):
    """Whom the page's URL speaks of: `those` is `have` (rigs that have it), `filter`, `named` (`rig` parameters, or
    `rigs` joined by commas), or `none` (all rigs are shown, and none is chosen yet)."""

    those: str
    q: str = ""
    state: str = ""
    coin: str = ""
    named: list[int] = []

    @classmethod
    def parse(cls, request: WebRequest) -> Who:
        """NotUnderstood for what has no meaning: it must not come to mean all rigs."""
        params = request.query_params
        named = row_numbers("rig", [*params.getall("rig", []), *params.getall("rigs", [])])
        those = params.get("those", "named" if named else "none")
        one_of("those", those, ("have", "filter", "named", "none"))
        query = IndexQuery.parse("cpu-gpu", {name: params[name] for name in ("q", "state", "coin") if name in params})
        return cls(those, query.q, query.state, query.coin, named[:MAX_RIGS])

    def ids(self, playbook_id: int, assignments: Assignments, rig_list: RigList) -> list[int]:
        """The rigs of this moment."""
        if self.those == "named":
            return self.named
        found = RigFilter(self.q, self.state, self.coin).ids(rig_list, "cpu-gpu")
        if self.those in ("filter", "none"):
            return found
        have = assignments.assigned.by_playbook.get(playbook_id, {})
        return [rig_id for rig_id in found if rig_id in have] if self.narrowed else sorted(have)

    @property
    def narrowed(self) -> bool:
        """Whether the filter leaves rigs out."""
        return bool(self.q or self.state or self.coin)


class ApplyForm(RigsForm, frozen=True):
    """What the form of the apply page sends."""

    def rollout(self) -> RolloutForm:
        """How to roll it out in stages. Invalid for numbers that are none."""
        return RolloutForm(
            watch_minutes=self._number("watch_minutes", 10.0),
            tolerance=self._number("tolerance", 10.0) / 100,
            max_rejects=self._number("max_rejects", 5.0) / 100,
            put_back=bool(self.fields.get("put_back")),
        )

    def _number(self, name: str, default: float) -> float:
        found = read_decimal(self.fields.get(name, ""), name)
        return default if found is None else found


@get("/playbooks/choose", opt=asks(*WHO_PARAMS, "kind", "back"), include_in_schema=False)
async def choose_for_rigs(
    request: WebRequest, assignments: NamedDependency[Assignments], rig_list: NamedDependency[RigList]
) -> Template:
    """Every playbook, for the rigs that were selected on the index: some by their ids, or all that match its filter."""
    who = Who.parse(request)
    found = who.named if who.those == "named" else RigFilter(who.q, who.state, who.coin).ids(rig_list, "cpu-gpu")
    named = [rig for rig_id in found if (rig := assignments.rigs.rigs.get(rig_id)) is not None]
    query = {"those": "filter", "q": who.q, "state": who.state, "coin": who.coin}
    return render(
        request,
        "rollout_choose_many.html",
        active="rigs",
        rigs=[(rig.id, rig.name) for rig in named],
        query=urlencode(query if who.those == "filter" else [("rig", rig.id) for rig in named]),
        playbooks=assignments.playbooks.listed(),
    )


@get("/playbooks/{playbook_id:int}/apply", opt=asks(*WHO_PARAMS, "revision"), include_in_schema=False)
async def apply_page(
    request: WebRequest,
    playbook_id: FromPath[int],
    assignments: NamedDependency[Assignments],
    rig_list: NamedDependency[RigList],
    circuits: NamedDependency[Circuits],
) -> Template:
    """Which rigs, and what would happen to each."""
    who = Who.parse(request)
    if who.those == "none" and assignments.assigned.by_playbook.get(playbook_id):
        who = replace(who, those="have")
    number = whole_number(dict(request.query_params), "revision")
    plan = await assignments.plan(playbook_id, who.ids(playbook_id, assignments, rig_list), number)
    return await _page(request, assignments, rig_list, circuits, plan, who, {})


@post("/playbooks/{playbook_id:int}/apply/foot", opt=READ, status_code=200, include_in_schema=False)
async def apply_foot(
    request: WebRequest,
    playbook_id: FromPath[int],
    assignments: NamedDependency[Assignments],
    circuits: NamedDependency[Circuits],
) -> Template:
    """The buttons with the count of those that are chosen now."""
    chosen = await ApplyForm.of(request)
    plan = await assignments.plan(playbook_id, chosen.rigs, chosen.revision)
    return render(request, "rollout_apply_foot.html", **_foot(plan, chosen.fields, circuits))


@post("/playbooks/{playbook_id:int}/apply", status_code=200, include_in_schema=False)
async def apply(
    request: WebRequest,
    playbook_id: FromPath[int],
    assignments: NamedDependency[Assignments],
    rollouts: NamedDependency[Rollouts],
    rig_list: NamedDependency[RigList],
    circuits: NamedDependency[Circuits],
) -> Answer:
    """Do it."""
    chosen = await ApplyForm.of(request)
    try:
        if not chosen.rigs:
            raise Invalid("Choose at least one rig.")
        if chosen.how == "stages":
            rollout = await rollouts.begin(playbook_id, chosen.rigs, chosen.rollout(), chosen.revision)
            return Redirect(f"/playbooks/{playbook_id}/rollouts/{rollout.id}", status_code=303)
        plan = await assignments.apply(playbook_id, chosen.rigs, chosen.revision)
        if not plan.rigs:
            raise Invalid(" ".join(sorted({step.detail for step in plan.steps})[:3]))
    except Absent:
        raise
    except Refusal as refusal:
        plan = await assignments.plan(playbook_id, chosen.rigs, chosen.revision)
        return await _page(
            request, assignments, rig_list, circuits, plan, Who("named", named=chosen.rigs), chosen.fields, refusal
        )
    return Redirect(chosen.back(f"/playbooks/{playbook_id}"), status_code=303)


# A roll-out


@get("/playbooks/{playbook_id:int}/rollouts/{rollout_id:int}", include_in_schema=False)
async def rollout_page(
    request: WebRequest,
    playbook_id: FromPath[int],
    rollout_id: FromPath[int],
    assignments: NamedDependency[Assignments],
    rollouts: NamedDependency[Rollouts],
) -> Template:
    """How far it is, and what the first rigs did before and since."""
    view = rollout_view(await rollouts.get(rollout_id), assignments)
    live = f"/playbooks/{playbook_id}/rollouts/{rollout_id}"
    return render(request, "rollout_page.html", active="playbooks", live=live, rollout=view)


@get("/playbooks/{playbook_id:int}/rollouts/{rollout_id:int}/abort", include_in_schema=False)
async def ask_abort(
    request: WebRequest,
    rollout_id: FromPath[int],
    assignments: NamedDependency[Assignments],
    rollouts: NamedDependency[Rollouts],
) -> Template:
    """What aborting means."""
    view = rollout_view(await rollouts.get(rollout_id), assignments)
    return render(request, "rollout_abort.html", active="playbooks", hx=is_htmx(request.scope), rollout=view)


@post("/playbooks/{playbook_id:int}/rollouts/{rollout_id:int}/abort", status_code=200, include_in_schema=False)
async def abort(
    request: WebRequest, playbook_id: FromPath[int], rollout_id: FromPath[int], rollouts: NamedDependency[Rollouts]
) -> Answer:
    """Abort it."""
    form = await request.form()
    await rollouts.abort(rollout_id, put_back=bool(form.get("put_back")))
    return done(request, f"/playbooks/{playbook_id}/rollouts/{rollout_id}")


page_routes = [choose_for_rigs, apply_page, apply_foot, apply, rollout_page, ask_abort, abort]


async def _page(
    request: WebRequest,
    assignments: Assignments,
    rig_list: RigList,
    circuits: Circuits,
    plan: Plan,
    who: Who,
    fields: Mapping[str, str],
    refusal: Refusal | None = None,
) -> Template:
    return render_form(
        request,
        "rollout_apply.html",
        refusal,
        active="playbooks",
        who=who,
        playbook=assignments.playbooks.get(plan.playbook_id),
        has=len(assignments.assigned.by_playbook.get(plan.playbook_id, {})),
        coins=rig_list.coins("cpu-gpu"),
        states=STATES,
        changes=await _changes(assignments, plan),
        **_foot(plan, fields, circuits, chosen=who.those != "none"),
    )


async def _changes(assignments: Assignments, plan: Plan) -> dict[int, list[Difference]]:
    """What the plan changes, by the revision that rigs have now: those of most rigs."""
    before = Counter(step.from_revision for step in plan.steps if step.action == "change")
    new = await assignments.playbooks.need(plan.playbook_id, plan.revision)
    return {
        number: differences(await assignments.playbooks.need(plan.playbook_id, number), new)
        for number, _ in before.most_common(MAX_COMPARED)
        if number is not None and number != plan.revision
    }


def _foot(plan: Plan, fields: Mapping[str, str], circuits: Circuits, *, chosen: bool = True) -> dict[str, Any]:
    rigs = len(plan.rigs) if chosen else 0
    return {
        "plan": plan,
        "fields": fields,
        "count": rigs,
        "counted": counted(rigs, "rig"),
        "refused": plan.counts["refused"],
        "replaced": sorted(plan.replaced.items()) if chosen else [],
        "chosen": chosen,
        "circuit_warnings": warnings(circuits, plan.rigs) if chosen else [],
        "stages": fields.get("how") == "stages",
    }
