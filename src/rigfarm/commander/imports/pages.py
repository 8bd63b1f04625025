"""The pages of an import: a file is chosen, its plan is looked at, then it is accepted."""

from __future__ import annotations

import asyncio
from typing import Any, TypeAlias

from litestar import Request, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.response import Template

from rigfarm.commander.changes import nothing_changed
from rigfarm.commander.imports.actions import MAX_BODY, Imports
from rigfarm.commander.imports.model import SOURCES, Plan
from rigfarm.commander.imports.sources import Document, document_of, text_of
from rigfarm.commander.imports.view import groups, outcome_of, summary, tokens
from rigfarm.commander.refusals import ChangedMeanwhile, Refusal
from rigfarm.commander.web.render import render

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]


@get("/import", include_in_schema=False)
async def import_page(request: WebRequest) -> Template:
    """Where the file comes from."""
    return _page(request)


@post("/import", status_code=200, request_max_body_size=MAX_BODY, include_in_schema=False)
async def import_files(request: WebRequest, imports: NamedDependency[Imports]) -> Template:
    """What files would do; with `digest` it is done."""
    form = await request.form()
    chosen = str(form.get("source", ""))
    new_rigs = bool(form.get("new_rigs"))
    texts: list[str] = []
    plan: Plan | None = None
    try:
        source = next((one for one in SOURCES if one == chosen), None)
        documents: list[Document] = []
        for one in [*form.getall("file", []), *form.getall("text", [])]:
            text, note = text_of(await one.read()) if isinstance(one, UploadFile) else (str(one), "")
            if text.strip():
                texts.append(text)
                documents.append(await asyncio.to_thread(document_of, text, note))
        digest = str(form.get("digest", ""))
        if digest:
            try:
                plan, results = await imports.accept(documents, source, digest, new_rigs=new_rigs)
            except ChangedMeanwhile as changed:
                plan = await imports.plan(documents, source, new_rigs=new_rigs)
                return _page(request, chosen, texts, plan, str(changed), changed.status, new_rigs=new_rigs)
            return render(
                request, "import_done.html", groups=outcome_of(plan, results), tokens=tokens(plan, results), plan=plan
            )
        plan = await imports.plan(documents, source, new_rigs=new_rigs)
    except Refusal as refusal:
        return _page(request, chosen, error=str(refusal), status=refusal.status, new_rigs=new_rigs)
    nothing_changed()
    return _page(request, chosen, texts, plan, new_rigs=new_rigs)


page_routes = [import_page, import_files]


def _page(
    request: WebRequest,
    chosen: str = "",
    texts: list[str] | None = None,
    plan: Plan | None = None,
    error: str = "",
    status: int = 200,
    *,
    new_rigs: bool = True,
) -> Template:
    return render(
        request,
        "import.html",
        status=status,
        sources=SOURCES,
        source=chosen,
        texts=texts or [],
        plan=plan,
        groups=[] if plan is None else groups(plan),
        summary="" if plan is None else summary(plan),
        new_rigs=new_rigs,
        error=error,
    )
