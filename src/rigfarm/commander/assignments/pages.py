"""What is done with rigs that have a playbook; a playbook chosen for one rig, and the rig's variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from rigfarm.commander.assignments.actions import Assignments
from rigfarm.commander.assignments.model import EFFECT, Assignment
from rigfarm.commander.auth import READ
from rigfarm.commander.circuits import Circuits
from rigfarm.commander.circuits.draw.forecast import warnings
from rigfarm.commander.numbers import asked_number
from rigfarm.commander.refusals import Invalid, Refusal
from rigfarm.commander.selection import numbers
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.forms import texts
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render
from rigfarm.units import counted

__all__ = ["RigsForm", "page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]


MAX_RIGS = 20_000


class RigsForm(Struct, frozen=True):
    """What a form about chosen rigs sends."""

    rigs: list[int]
    revision: int | None
    how: str
    fields: Mapping[str, str]

    @classmethod
    async def of(cls, request: WebRequest) -> Self:
        """From the request."""
        form = await request.form()
        rigs = numbers(form.getall("rigs", []))
        fields = texts(form)
        return cls(rigs[:MAX_RIGS], asked_number(fields.get("revision", "")), fields.get("how", ""), fields)

    def back(self, otherwise: str) -> str:
        """Where the form was: a page of ours, or another."""
        back = self.fields.get("back", "")
        return back if re.fullmatch(r"/(rigs|playbooks)/\d{1,9}", back) else otherwise


class VariablesData(Struct):
    """NAME=value, one a line."""

    variables: str = ""


@get("/rigs/{rig_id:int}/playbooks/choose", include_in_schema=False)
async def choose_playbook(
    request: WebRequest,
    rig_id: FromPath[int],
    assignments: NamedDependency[Assignments],
    circuits: NamedDependency[Circuits],
) -> Template:
    """Every playbook, and what applying it to this rig would do."""
    rig = assignments.rigs.get(rig_id)
    steps = [(one, (await assignments.plan(one.id, [rig_id])).steps[0]) for one in assignments.playbooks.listed()]
    steps.sort(key=lambda step: EFFECT[step[1].action])
    return render(
        request,
        "assignment_choose.html",
        active="rigs",
        hx=is_htmx(request.scope),
        rig=rig,
        steps=steps,
        circuit_warnings=warnings(circuits, [rig_id]),
    )


@get("/rigs/{rig_id:int}/variables", include_in_schema=False)
async def edit_variables(
    request: WebRequest, rig_id: FromPath[int], assignments: NamedDependency[Assignments]
) -> Template:
    """Placeholders that have a value of this rig's own."""
    rig = assignments.rigs.get(rig_id)
    own = assignments.assigned.variables_of(rig_id)
    return _variables(request, rig_id, rig.name, "\n".join(f"{name}={value}" for name, value in own.items()))


@post("/rigs/{rig_id:int}/variables", status_code=200, include_in_schema=False)
async def save_variables(
    request: WebRequest,
    rig_id: FromPath[int],
    data: URLEncodedBody[VariablesData],
    assignments: NamedDependency[Assignments],
) -> Answer:
    """Keep them."""
    rig = assignments.rigs.get(rig_id)
    pairs = (line.partition("=") for line in data.variables.splitlines() if line.strip())
    try:
        await assignments.set_variables(rig_id, {name.strip(): value.strip() for name, _, value in pairs})
    except Refusal as refusal:
        return _variables(request, rig_id, rig.name, data.variables, refusal)
    return done(request, f"/rigs/{rig_id}")


_VERBS = {"stop": "Stop", "start": "Start", "restart": "Restart", "take-off": "Remove"}
_MEANING = {
    "stop": ["The mining program stops.", "The playbook stays on the rig, and can be started again."],
    "start": ["The mining program starts."],
    "restart": ["The mining program restarts."],
    "take-off": ["The mining program stops.", "The playbook is removed from the rig."],
}


@post("/playbooks/{playbook_id:int}/rigs/ask", opt=READ, status_code=200, include_in_schema=False)
async def ask_rigs(
    request: WebRequest,
    playbook_id: FromPath[int],
    assignments: NamedDependency[Assignments],
    circuits: NamedDependency[Circuits],
) -> Template:
    """What it means for the rigs that were chosen."""
    chosen = await RigsForm.of(request)
    if chosen.how not in _VERBS:
        raise Invalid("Choose what to do.")
    have: Mapping[int, Assignment] = assignments.assigned.by_playbook.get(playbook_id, {})
    asked = sorted(have) if chosen.fields.get("everywhere") else chosen.rigs
    rigs = [(rig_id, assignments.rigs.rigs[rig_id].name) for rig_id in asked if rig_id in have]
    if not rigs:
        raise Invalid("Choose at least one rig.")
    playbook = assignments.playbooks.get(playbook_id)
    where = "from" if chosen.how == "take-off" else "on"
    target = f"{playbook.name} {where} {rigs[0][1] if len(rigs) == 1 else counted(len(rigs), 'rig')}"
    return render(
        request,
        "assignment_rigs_ask.html",
        active="playbooks",
        hx=is_htmx(request.scope),
        playbook=playbook,
        rigs=rigs,
        how=chosen.how,
        verb=_VERBS[chosen.how],
        target=target,
        consequences=_MEANING[chosen.how],
        circuit_warnings=warnings(circuits, [one for one, _ in rigs]) if chosen.how in ("start", "restart") else [],
    )


@post("/playbooks/{playbook_id:int}/rigs", status_code=200, include_in_schema=False)
async def do_rigs(request: WebRequest, playbook_id: FromPath[int], assignments: NamedDependency[Assignments]) -> Answer:
    """Do it."""
    chosen = await RigsForm.of(request)
    verbs = {
        "stop": assignments.stop,
        "start": assignments.start,
        "restart": assignments.restart,
        "take-off": assignments.take_off,
    }
    if chosen.how not in verbs:
        raise Invalid("Choose what to do.")
    await verbs[chosen.how](playbook_id, chosen.rigs)
    return done(request, chosen.back(f"/playbooks/{playbook_id}"))


page_routes = [choose_playbook, edit_variables, save_variables, ask_rigs, do_rigs]


def _variables(request: WebRequest, rig_id: int, name: str, text: str, refusal: Refusal | None = None) -> Template:
    return render(
        request,
        "assignment_variables.html",
        status=200 if refusal is None else refusal.status,
        active="rigs",
        hx=is_htmx(request.scope),
        rig_id=rig_id,
        name=name,
        text=text,
        error="" if refusal is None else str(refusal),
    )
