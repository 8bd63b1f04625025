"""`POST /api/imports`: a plan, and with its digest, accepting it."""

from __future__ import annotations

import asyncio
from typing import Annotated

from litestar import Router, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import MultipartBody
from msgspec import UNSET, Meta, Struct, UnsetType

from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.changes import nothing_changed
from rigfarm.commander.imports.actions import MAX_BODY, Imports
from rigfarm.commander.imports.model import Line, Outcome, Plan, Result, Source, What
from rigfarm.commander.imports.sources import document_of, text_of

__all__ = ["api_routes"]


class ImportFiles(Struct):
    """Files of one product."""

    file: list[UploadFile]
    source: Source | None = None
    """Left out: find out from the files."""
    new_rigs: bool = True
    """Whether rigs that aren't here yet are created."""
    digest: Annotated[str, Meta(max_length=64)] = ""
    """Of the plan that is accepted. Without it, nothing is done."""


class LineAnswer(Struct, omit_defaults=True):
    """What becomes of one thing in the files."""

    where: str
    what: What
    name: str
    outcome: Outcome
    """What the plan says."""
    detail: str = ""
    why: str = ""
    warnings: list[str] = []
    done: bool | UnsetType = UNSET
    """Once the plan was accepted: whether it was created or changed."""
    error: str = ""
    token: str = ""
    """Of a new rig; it is shown only here."""


class ImportAnswer(Struct):
    """A plan, and what became of it."""

    source: Source
    digest: str
    """Send it with the same files to accept the plan."""
    accepted: bool
    notes: list[str]
    lines: list[LineAnswer]


@post(
    "/imports",
    opt=CONFIGURE,
    status_code=200,
    request_max_body_size=MAX_BODY,
    summary="Import files of HiveOS, Awesome Miner or Foreman",
)
async def import_files(data: MultipartBody[ImportFiles], imports: NamedDependency[Imports]) -> ImportAnswer:
    """The answer is a plan: nothing is created before the same files come again with its `digest`. If they would do
    something else by then, that is refused (409). Each line of an accepted plan says whether it was done."""
    texts = [text_of(await one.read()) for one in data.file]
    documents = [await asyncio.to_thread(document_of, text, note) for text, note in texts if text.strip()]
    if not data.digest:
        plan = await imports.plan(documents, data.source, new_rigs=data.new_rigs)
        nothing_changed()
        return _answer(plan, None)
    return _answer(*await imports.accept(documents, data.source, data.digest, new_rigs=data.new_rigs))


api_routes = Router("/api", route_handlers=[import_files], tags=["imports"])


def _answer(plan: Plan, results: dict[int, Result] | None) -> ImportAnswer:
    lines = [_line(line, (results or {}).get(number)) for number, line in enumerate(plan.lines)]
    return ImportAnswer(plan.source, plan.digest, results is not None, plan.notes, lines)


def _line(line: Line, result: Result | None) -> LineAnswer:
    answer = LineAnswer(line.where, line.what, line.name, line.outcome, line.detail, line.why, line.warnings)
    if result is not None:
        answer.done, answer.error, answer.token = result.done, result.error, result.token
    return answer
