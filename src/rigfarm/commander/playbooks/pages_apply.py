"""The page on which a playbook is given to rigs: who, what would happen to each, and how: at once or in stages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.auth import READ
from rigfarm.commander.numbers import asked_number
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.model import Assignment
from rigfarm.commander.playbooks.plan import Plan
from rigfarm.commander.playbooks.regions import PlaybookRegions
from rigfarm.commander.playbooks.rollouts import RolloutForm, Rollouts
from rigfarm.commander.playbooks.view import counted
from rigfarm.commander.refusals import Absent, Invalid, Refusal
from rigfarm.commander.rigs.query import STATES, RigList
from rigfarm.commander.selection import RigFilter, numbers
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render

__all__ = ["apply_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
MAX_RIGS = 20_000


class Who(Struct, frozen=True):
    """Whom the page's URL speaks of: `those` is `have` (rigs that have it), `filter`, or `named` (`rig`
    parameters, or `rigs` joined by commas)."""

    those: str
    q: str = ""
    state: str = ""
    coin: str = ""
    named: list[int] = []

    @classmethod
    def parse(cls, request: WebRequest) -> Who:
        """Anything it does not understand means the default."""
        params = request.query_params
        named = numbers([*params.getall("rig", []), *params.getall("rigs", [])])
        those = params.get("those", "")
        state = params.get("state", "")
        return cls(
            those=those if those in ("have", "filter") else "named" if named else "filter",
            q=params.get("q", "").strip()[:100],
            state=state if state in (*STATES, "attention") else "",
            coin=params.get("coin", "").strip()[:32],
            named=named[:MAX_RIGS],
        )

    def ids(self, playbook_id: int, book: PlaybookBook, rig_list: RigList) -> list[int]:
        """The rigs of this moment."""
        if self.those == "named":
            return self.named
        found = RigFilter(self.q, self.state, self.coin).ids(rig_list, "cpu-gpu")
        if self.those == "filter":
            return found
        have = book.assignments.by_playbook.get(playbook_id, {})
        return [rig_id for rig_id in found if rig_id in have] if self.narrowed else sorted(have)

    @property
    def narrowed(self) -> bool:
        """Whether the filter leaves rigs out."""
        return bool(self.q or self.state or self.coin)


class Chosen(Struct, frozen=True):
    """What the form sends."""

    rigs: list[int]
    revision: int | None
    how: str
    fields: Mapping[str, str]

    @classmethod
    async def of(cls, request: WebRequest) -> Chosen:
        """From the request."""
        form = await request.form()
        rigs = numbers(form.getall("rigs", []))
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        return cls(rigs[:MAX_RIGS], asked_number(fields.get("revision", "")), fields.get("how", ""), fields)

    def rollout(self) -> RolloutForm:
        """How to roll it out in stages. Invalid for numbers that are none."""
        return RolloutForm(
            watch_minutes=self._number("watch_minutes", 10.0),
            tolerance=self._number("tolerance", 10.0) / 100,
            max_rejects=self._number("max_rejects", 5.0) / 100,
            put_back=bool(self.fields.get("put_back")),
        )

    def _number(self, name: str, default: float) -> float:
        text = self.fields.get(name, "").strip().replace(",", ".")
        try:
            return float(text) if text else default
        except ValueError:
            raise Invalid("Expected a number.", field=name) from None


@get("/playbooks/choose", include_in_schema=False)
async def choose_for_rigs(
    request: WebRequest, playbooks: NamedDependency[PlaybookBook], rig_list: NamedDependency[RigList]
) -> Template:
    """Every playbook, for the rigs that were selected on the index: some by their ids, or all that match its filter."""
    who = Who.parse(request)
    found = who.named if who.those == "named" else RigFilter(who.q, who.state, who.coin).ids(rig_list, "cpu-gpu")
    named = [rig for rig_id in found if (rig := playbooks.rigs.rigs.get(rig_id)) is not None]
    query = {"those": "filter", "q": who.q, "state": who.state, "coin": who.coin}
    return render(
        request,
        "playbook_choose_many.html",
        active="rigs",
        rigs=[(rig.id, rig.name) for rig in named],
        query=urlencode(query if who.those == "filter" else [("rig", rig.id) for rig in named]),
        playbooks=playbooks.listed(),
    )


@get("/playbooks/{playbook_id:int}/apply", include_in_schema=False)
async def apply_page(
    request: WebRequest,
    playbook_id: FromPath[int],
    playbooks: NamedDependency[PlaybookBook],
    rig_list: NamedDependency[RigList],
) -> Template:
    """Which rigs, and what would happen to each."""
    who = Who.parse(request)
    number = asked_number(request.query_params.get("revision", ""))
    plan = await playbooks.running.plan(playbook_id, who.ids(playbook_id, playbooks, rig_list), number)
    return _page(request, playbooks, rig_list, plan, who, {})


@post("/playbooks/{playbook_id:int}/apply/foot", opt=READ, status_code=200, include_in_schema=False)
async def apply_foot(
    request: WebRequest, playbook_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]
) -> Template:
    """The buttons with the count of those that are chosen now."""
    chosen = await Chosen.of(request)
    plan = await playbooks.running.plan(playbook_id, chosen.rigs, chosen.revision)
    return render(request, "playbook_apply_foot.html", **_foot(plan, chosen.fields))


@post("/playbooks/{playbook_id:int}/apply", status_code=200, include_in_schema=False)
async def apply(
    request: WebRequest,
    playbook_id: FromPath[int],
    playbooks: NamedDependency[PlaybookBook],
    rollouts: NamedDependency[Rollouts],
    rig_list: NamedDependency[RigList],
) -> Answer:
    """Do it."""
    chosen = await Chosen.of(request)
    try:
        if not chosen.rigs:
            raise Invalid("Choose at least one rig.")
        if chosen.how == "stages":
            rollout = await rollouts.begin(playbook_id, chosen.rigs, chosen.rollout(), chosen.revision)
            return Redirect(f"/playbooks/{playbook_id}/rollouts/{rollout.id}", status_code=303)
        plan = await playbooks.running.apply(playbook_id, chosen.rigs, chosen.revision)
        if not plan.rigs:
            raise Invalid(" ".join(sorted({step.detail for step in plan.steps})[:3]))
    except Absent:
        raise
    except Refusal as refusal:
        plan = await playbooks.running.plan(playbook_id, chosen.rigs, chosen.revision)
        return _page(request, playbooks, rig_list, plan, Who("named", named=chosen.rigs), chosen.fields, refusal)
    return Redirect(_back(chosen.fields, f"/playbooks/{playbook_id}"), status_code=303)


# A roll-out


@get("/playbooks/{playbook_id:int}/rollouts/{rollout_id:int}", include_in_schema=False)
async def rollout_page(
    request: WebRequest,
    playbook_id: FromPath[int],
    rollout_id: FromPath[int],
    playbooks: NamedDependency[PlaybookBook],
    rollouts: NamedDependency[Rollouts],
) -> Template:
    """How far it is, and what the first rigs did before and since."""
    context = await PlaybookRegions(playbooks, rollouts).rollout(rollout_id)
    live = f"/playbooks/{playbook_id}/rollouts/{rollout_id}"
    return render(request, "rollout_page.html", active="playbooks", live=live, **context)


@get("/playbooks/{playbook_id:int}/rollouts/{rollout_id:int}/abort", include_in_schema=False)
async def ask_abort(
    request: WebRequest,
    rollout_id: FromPath[int],
    playbooks: NamedDependency[PlaybookBook],
    rollouts: NamedDependency[Rollouts],
) -> Template:
    """What aborting means."""
    context = await PlaybookRegions(playbooks, rollouts).rollout(rollout_id)
    return render(request, "rollout_abort.html", active="playbooks", hx=is_htmx(request.scope), **context)


class AbortData(Struct):
    """Whether the first rigs get back what they had."""

    put_back: str = ""


@post("/playbooks/{playbook_id:int}/rollouts/{rollout_id:int}/abort", status_code=200, include_in_schema=False)
async def abort(
    request: WebRequest, playbook_id: FromPath[int], rollout_id: FromPath[int], rollouts: NamedDependency[Rollouts]
) -> Answer:
    """Abort it."""
    form = await request.form()
    await rollouts.abort(rollout_id, put_back=bool(form.get("put_back")))
    return done(request, f"/playbooks/{playbook_id}/rollouts/{rollout_id}")


# What can be done with rigs that have it

_VERBS = {"stop": "Stop", "start": "Start", "restart": "Restart", "take-off": "Take off"}
_MEANING = {
    "stop": ["The mining program ends.", "The playbook stays, to be started again."],
    "start": ["The mining program starts."],
    "restart": ["The mining program ends and starts anew."],
    "take-off": ["The mining program ends.", "The playbook is there no longer."],
}


@post("/playbooks/{playbook_id:int}/rigs/ask", opt=READ, status_code=200, include_in_schema=False)
async def ask_rigs(
    request: WebRequest, playbook_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]
) -> Template:
    """What it means for the rigs that were chosen."""
    chosen = await Chosen.of(request)
    if chosen.how not in _VERBS:
        raise Invalid("Choose what to do.")
    have: Mapping[int, Assignment] = playbooks.assignments.by_playbook.get(playbook_id, {})
    asked = sorted(have) if chosen.fields.get("everywhere") else chosen.rigs
    rigs = [(rig_id, playbooks.rigs.rigs[rig_id].name) for rig_id in asked if rig_id in have]
    if not rigs:
        raise Invalid("Choose at least one rig.")
    playbook = playbooks.get(playbook_id)
    target = f"{playbook.name} on {rigs[0][1] if len(rigs) == 1 else counted(len(rigs), 'rig')}"
    return render(
        request,
        "playbook_rigs_ask.html",
        active="playbooks",
        hx=is_htmx(request.scope),
        playbook=playbook,
        rigs=rigs,
        how=chosen.how,
        verb=_VERBS[chosen.how],
        target=target,
        consequences=_MEANING[chosen.how],
    )


@post("/playbooks/{playbook_id:int}/rigs", status_code=200, include_in_schema=False)
async def do_rigs(request: WebRequest, playbook_id: FromPath[int], playbooks: NamedDependency[PlaybookBook]) -> Answer:
    """Do it."""
    chosen = await Chosen.of(request)
    verbs = {
        "stop": playbooks.running.stop,
        "start": playbooks.running.start,
        "restart": playbooks.running.restart,
        "take-off": playbooks.running.take_off,
    }
    if chosen.how not in verbs:
        raise Invalid("Choose what to do.")
    await verbs[chosen.how](playbook_id, chosen.rigs)
    return done(request, _back(chosen.fields, f"/playbooks/{playbook_id}"))


apply_routes = [choose_for_rigs, apply_page, apply_foot, apply, rollout_page, ask_abort, abort, ask_rigs, do_rigs]


def _back(fields: Mapping[str, str], otherwise: str) -> str:
    """Where the form was: a page of ours, or the playbook's."""
    back = fields.get("back", "")
    return back if re.fullmatch(r"/(rigs|playbooks)/\d{1,9}", back) else otherwise


def _page(
    request: WebRequest,
    playbooks: PlaybookBook,
    rig_list: RigList,
    plan: Plan,
    who: Who,
    fields: Mapping[str, str],
    refusal: Refusal | None = None,
) -> Template:
    return render(
        request,
        "playbook_apply.html",
        status=200 if refusal is None else refusal.status,
        active="playbooks",
        who=who,
        playbook=playbooks.get(plan.playbook_id),
        has=len(playbooks.assignments.by_playbook.get(plan.playbook_id, {})),
        coins=rig_list.coins("cpu-gpu"),
        states=STATES,
        errors={} if refusal is None else refusal.fields,
        error="" if refusal is None or refusal.fields else str(refusal),
        **_foot(plan, fields),
    )


def _foot(plan: Plan, fields: Mapping[str, str]) -> dict[str, Any]:
    rigs = len(plan.rigs)
    return {
        "plan": plan,
        "fields": fields,
        "count": rigs,
        "counted": counted(rigs, "rig"),
        "refused": plan.counts["refused"],
        "replaced": sorted(plan.replaced.items()),
    }
