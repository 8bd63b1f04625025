"""The pages of mining software: the list, live while files come in, and the dialogs around an entry and its file."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.asked import short_text, whole_number
from rigfarm.commander.fields import checked, columns_in, differences, from_form, revision_in, words_of
from rigfarm.commander.mining_software.actions import MAX_ARCHIVE, MiningSoftware
from rigfarm.commander.mining_software.archives.uploading import content_length, form_file
from rigfarm.commander.mining_software.catalogue.catalogue import catalogue, program
from rigfarm.commander.mining_software.model import Software, SoftwareForm
from rigfarm.commander.mining_software.view import listing, row_of
from rigfarm.commander.refusals import Absent, ChangedMeanwhile, NotUnderstood, Refusal
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.checked import asks
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.render import render, render_form
from rigfarm.common.text import printable

__all__ = ["page_routes"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
UPLOAD_MARGIN = 1 << 20
"""What a form adds to the file in it."""


class PinData(Struct):
    """The hash that was shown."""

    sha256: str = ""


@get("/software", opt=asks("q"), include_in_schema=False)
async def software_page(request: WebRequest, software: NamedDependency[MiningSoftware]) -> Template:
    """Every version of every program."""
    live = f"/software?{request.url.query}" if request.url.query else "/software"
    q = short_text(dict(request.query_params), "q", 100)
    return render(request, "software_index.html", active="software", live=live, **listing(software, q))


@get("/software/new", opt=asks("program", "like"), include_in_schema=False)
async def new_software(request: WebRequest, software: NamedDependency[MiningSoftware]) -> Template:
    """A form that begins with what the catalogue, or another version, says of a program."""
    params = dict(request.query_params)
    like, name = whole_number(params, "like"), params.get("program", "")
    if like is not None:
        form = replace(software.get(like).form, version="", url="", expected_sha256="")
    elif not name:
        form = SoftwareForm()
    elif (known := program(name)) is not None:
        form = known.form()
    else:
        raise NotUnderstood(f"The catalogue has no program {printable(name, '?', most=40)}.")
    return _form(request, form)


@post("/software", status_code=200, include_in_schema=False)
async def create_software(
    request: WebRequest, data: URLEncodedBody[dict[str, object]], software: NamedDependency[MiningSoftware]
) -> Answer:
    """Add it, and begin to fetch its file where there is a URL."""
    form = from_form(SoftwareForm, data)
    try:
        made = await software.create(form)
    except Refusal as refusal:
        return _form(request, form, refusal=refusal)
    if made.form.url:
        software.fetch(made.id)
    return done(request, "/software")


@get("/software/{software_id:int}/edit", include_in_schema=False)
async def edit_software(
    request: WebRequest, software_id: FromPath[int], software: NamedDependency[MiningSoftware]
) -> Template:
    """The form with what it says now."""
    one = software.get(software_id)
    return _form(request, one.form, one)


@post("/software/{software_id:int}", status_code=200, include_in_schema=False)
async def change_software(
    request: WebRequest,
    software_id: FromPath[int],
    data: URLEncodedBody[dict[str, object]],
    software: NamedDependency[MiningSoftware],
) -> Answer:
    """Save it."""
    form, revision = from_form(SoftwareForm, data), revision_in(data)
    try:
        await software.change(software_id, form, revision)
    except Absent:
        raise
    except Refusal as refusal:
        return _form(request, form, software.get(software_id), revision=revision, refusal=refusal)
    return done(request, "/software")


@post("/software/{software_id:int}/fetch", status_code=200, include_in_schema=False)
async def fetch_software(
    request: WebRequest, software_id: FromPath[int], software: NamedDependency[MiningSoftware]
) -> Answer:
    """Begin to download its file."""
    software.fetch(software_id)
    return done(request, "/software")


@post("/software/{software_id:int}/cancel", status_code=200, include_in_schema=False)
async def cancel_fetch(
    request: WebRequest, software_id: FromPath[int], software: NamedDependency[MiningSoftware]
) -> Answer:
    """Stop downloading."""
    await software.cancel(software_id)
    return done(request, "/software")


@get("/software/{software_id:int}/upload", include_in_schema=False)
async def ask_upload(
    request: WebRequest, software_id: FromPath[int], software: NamedDependency[MiningSoftware]
) -> Template:
    """Choose a file."""
    return _upload(request, software.get(software_id))


@post(
    "/software/{software_id:int}/upload",
    status_code=200,
    include_in_schema=False,
    request_max_body_size=MAX_ARCHIVE + UPLOAD_MARGIN,
)
async def upload(request: WebRequest, software_id: FromPath[int], software: NamedDependency[MiningSoftware]) -> Answer:
    """Take it, streamed to the disk."""
    one = software.get(software_id)
    try:
        await software.upload(software_id, form_file(request, "file"), content_length(request))
    except Refusal as refusal:
        return _upload(request, one, refusal)
    return done(request, "/software")


@get("/software/{software_id:int}/pin", include_in_schema=False)
async def ask_pin(
    request: WebRequest, software_id: FromPath[int], software: NamedDependency[MiningSoftware]
) -> Template:
    """Size and SHA-256, to be compared with what its authors publish."""
    row = row_of(software.get(software_id), software)
    return render(request, "software_pin.html", active="software", hx=is_htmx(request.scope), row=row,
                  known=program(row.software.form.name))  # fmt: skip


@post("/software/{software_id:int}/pin", status_code=200, include_in_schema=False)
async def pin(
    request: WebRequest,
    software_id: FromPath[int],
    data: URLEncodedBody[PinData],
    software: NamedDependency[MiningSoftware],
) -> Answer:
    """From now on rigs may have it."""
    await software.pin(software_id, data.sha256)
    return done(request, "/software")


@get("/software/{software_id:int}/remove", include_in_schema=False)
async def ask_remove(
    request: WebRequest, software_id: FromPath[int], software: NamedDependency[MiningSoftware]
) -> Template:
    """What removing it means."""
    one, uses = software.get(software_id), software.used_by(software_id)
    lines = ["Its file is deleted here.", "No playbook uses it."]
    if uses:
        lines = ["Rigs that run it keep it, and its file stays until none of them runs it.",
                 "These playbooks can no longer be applied to other rigs."]  # fmt: skip
    return render(
        request,
        "remove.html",
        active="software",
        hx=is_htmx(request.scope),
        target=one.title,
        action=f"/software/{one.id}/remove",
        back="/software",
        items=[use.name for use in uses],
        consequences=lines,
    )


@post("/software/{software_id:int}/remove", status_code=200, include_in_schema=False)
async def remove(request: WebRequest, software_id: FromPath[int], software: NamedDependency[MiningSoftware]) -> Answer:
    """Remove it: the dialog has said who uses it."""
    await software.remove(software_id, even_if_used=True)
    return done(request, "/software")


page_routes = [
    software_page,
    new_software,
    create_software,
    edit_software,
    change_software,
    fetch_software,
    cancel_fetch,
    ask_upload,
    upload,
    ask_pin,
    pin,
    ask_remove,
    remove,
]


def _form(
    request: WebRequest,
    form: SoftwareForm,
    software: Software | None = None,
    *,
    revision: int | None = None,
    refusal: Refusal | None = None,
) -> Template:
    return render_form(
        request,
        "software_form.html",
        refusal,
        active="software",
        form=form,
        revision=revision or (0 if software is None else software.revision),
        group=partial(columns_in, SoftwareForm),
        software=software,
        known=program(form.name),
        catalogue=catalogue(),
        theirs=differences(words_of(software.form), words_of(checked(form)))
        if software is not None and isinstance(refusal, ChangedMeanwhile)
        else None,
    )


def _upload(request: WebRequest, software: Software, refusal: Refusal | None = None) -> Template:
    return render(
        request,
        "software_upload.html",
        status=200 if refusal is None else refusal.status,
        active="software",
        hx=is_htmx(request.scope),
        software=software,
        error="" if refusal is None else str(refusal),
    )
