"""The pages of circuits: all of them, one with its places and rigs, and the dialogs that add, change and remove one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template

from rigfarm.commander.asked import known_names, short_text
from rigfarm.commander.circuits.actions import Circuits
from rigfarm.commander.circuits.model import Circuit, CircuitForm
from rigfarm.commander.circuits.view import LIST_PARAMS, asked_words, circuit_page, listing
from rigfarm.commander.fields import (
    checked,
    columns_in,
    differences,
    read_form,
    revision_in,
    texts_of,
    typed_texts,
    words_of,
)
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, Refusal
from rigfarm.commander.rigs.model import MAX_PLACE
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.render import render, render_form
from rigfarm.units import counted

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
Form: TypeAlias = URLEncodedBody[dict[str, object]]


@get("/circuits", opt=asks(*LIST_PARAMS), include_in_schema=False)
async def circuits_page(request: WebRequest, circuits: NamedDependency[Circuits]) -> Template:
    """All of them."""
    words = asked_words(dict(request.query_params))
    live = f"/circuits?{request.url.query}" if request.url.query else "/circuits"
    return render(request, "circuit_index.html", active="places", live=live, **listing(circuits, words))


@get("/circuits/new", opt=asks("place"), include_in_schema=False)
async def new_circuit(request: WebRequest) -> Template:
    """An empty form; `place`: what it feeds."""
    params = dict(request.query_params)
    known_names(params, ("place",))
    place = short_text(params, "place", MAX_PLACE)
    return _form(request, texts_of(CircuitForm(name="")) | {"places": place})


@post("/circuits", status_code=200, include_in_schema=False)
async def create_circuit(request: WebRequest, data: Form, circuits: NamedDependency[Circuits]) -> Answer:
    """Add it."""
    try:
        circuit = await circuits.create(read_form(CircuitForm, data))
    except Refusal as refusal:
        return _form(request, typed_texts(CircuitForm, data), refusal=refusal)
    return done(request, circuit.href)


@get("/circuits/{circuit_id:int}", include_in_schema=False)
async def show_circuit(request: WebRequest, circuit_id: FromPath[int], circuits: NamedDependency[Circuits]) -> Template:
    """Its places and rigs, and what it draws."""
    context = circuit_page(circuits, circuit_id)
    return render(request, "circuit_page.html", active="places", live=f"/circuits/{circuit_id}", **context)


@get("/circuits/{circuit_id:int}/edit", include_in_schema=False)
async def edit_circuit(request: WebRequest, circuit_id: FromPath[int], circuits: NamedDependency[Circuits]) -> Template:
    """The form with what it says now."""
    circuit = circuits.get(circuit_id)
    return _form(request, texts_of(circuit.form) | {"places": "\n".join(circuit.form.places)}, circuit)


@post("/circuits/{circuit_id:int}", status_code=200, include_in_schema=False)
async def change_circuit(
    request: WebRequest, circuit_id: FromPath[int], data: Form, circuits: NamedDependency[Circuits]
) -> Answer:
    """Save it."""
    revision, texts = revision_in(data), typed_texts(CircuitForm, data)
    try:
        await circuits.change(circuit_id, read_form(CircuitForm, data), revision)
    except Absent:
        raise
    except Refusal as refusal:
        return _form(request, texts, circuits.get(circuit_id), revision=revision, refusal=refusal)
    return done(request, f"/circuits/{circuit_id}")


@get("/circuits/{circuit_id:int}/remove", include_in_schema=False)
async def ask_remove_circuit(
    request: WebRequest, circuit_id: FromPath[int], circuits: NamedDependency[Circuits]
) -> Template:
    """What removing it means."""
    circuit = circuits.get(circuit_id)
    rigs = counted(circuits.draws.of(circuit_id).rigs, "rig")
    return render_form(
        request,
        "remove.html",
        active="places",
        target=circuit.name,
        action=f"{circuit.href}/remove",
        back=circuit.href,
        items=[],
        consequences=[f"The power of its {rigs} is no longer compared with its limit.", "Rigs are not affected."],
    )


@post("/circuits/{circuit_id:int}/remove", status_code=200, include_in_schema=False)
async def remove_circuit(request: WebRequest, circuit_id: FromPath[int], circuits: NamedDependency[Circuits]) -> Answer:
    """Remove it."""
    await circuits.remove(circuit_id)
    return done(request, "/circuits")


page_routes = [
    circuits_page,
    new_circuit,
    create_circuit,
    show_circuit,
    edit_circuit,
    change_circuit,
    ask_remove_circuit,
    remove_circuit,
]


def _form(
    request: WebRequest,
    texts: Mapping[str, str],
    circuit: Circuit | None = None,
    *,
    revision: int | None = None,
    refusal: Refusal | None = None,
) -> Template:
    theirs = None
    if circuit is not None and isinstance(refusal, ChangedMeanwhile):
        mine = checked(read_form(CircuitForm, texts))
        theirs = differences(words_of(circuit.form), words_of(mine))
    return render_form(
        request,
        "circuit_form.html",
        refusal,
        active="places",
        form=texts,
        circuit=circuit,
        revision=revision or (0 if circuit is None else circuit.revision),
        group=partial(columns_in, CircuitForm),
        theirs=theirs,
    )
