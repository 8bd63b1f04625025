"""The pages of mining software: the list, live while files come in, and the dialogs around an entry and its file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from jinja2 import Environment
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct
from msgspec.structs import replace

from rigfarm.commander.fields import columns_in, from_form, revision_in
from rigfarm.commander.live import PageRoutes
from rigfarm.commander.mining_software.answers import state_of
from rigfarm.commander.mining_software.book import MAX_ARCHIVE, SoftwareBook
from rigfarm.commander.mining_software.broadcasts import CHANNEL
from rigfarm.commander.mining_software.catalogue import catalogue, program
from rigfarm.commander.mining_software.fetches import Fetch
from rigfarm.commander.mining_software.model import Software, SoftwareForm
from rigfarm.commander.mining_software.uploading import content_length, form_file
from rigfarm.commander.numbers import number
from rigfarm.commander.refusals import Absent, Refusal
from rigfarm.commander.usage import Use
from rigfarm.commander.web.answers import done
from rigfarm.commander.web.headers import is_htmx
from rigfarm.commander.web.region_page import RegionPage
from rigfarm.commander.web.render import render
from rigfarm.units import size

__all__ = ["page_routes", "register_live_pages"]

WebRequest: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Template | Redirect | Response[Any]
UPLOAD_MARGIN = 1 << 20
"""What a form adds to the file in it."""


class Row(Struct, frozen=True):
    """A version in the list."""

    software: Software
    state: str
    fetch: Fetch | None
    uses: list[Use]

    @property
    def size(self) -> str:
        """Of its file, for people."""
        return "" if self.software.kept is None else str(size(self.software.kept.size))

    @property
    def coming(self) -> str:
        """How much of it is here, for people."""
        if self.fetch is None:
            return ""
        received = size(self.fetch.received)
        return f"{received} of {size(self.fetch.total)}" if self.fetch.total else str(received)


class PinData(Struct):
    """The hash that was shown."""

    sha256: str = ""


def _list(book: SoftwareBook, q: str) -> dict[str, Any]:
    rows = [_row(one, book) for one in book.listed(q)]
    return {"rows": rows, "q": q, "any": bool(book.software), "catalogue": catalogue()}


def _row(software: Software, book: SoftwareBook) -> Row:
    return Row(software, state_of(software, book), book.fetches.get(software.id), book.used_by(software.id))


def register_live_pages(routes: PageRoutes, templates: Environment, book: SoftwareBook) -> None:
    """The list."""

    def page(_: Mapping[str, str], params: Mapping[str, str]) -> RegionPage:
        async def regions() -> dict[str, str]:
            context = _list(book, params.get("q", "")[:100])
            return {"software": templates.get_template("software_list.html").render(**context)}

        return RegionPage([CHANNEL], regions)

    routes.add(r"/software", page)


@get("/software", include_in_schema=False)
async def software_page(request: WebRequest, software: NamedDependency[SoftwareBook]) -> Template:
    """Every version of every program."""
    live = f"/software?{request.url.query}" if request.url.query else "/software"
    q = request.query_params.get("q", "").strip()[:100]
    return render(request, "software_index.html", active="software", live=live, **_list(software, q))


@get("/software/new", include_in_schema=False)
async def new_software(request: WebRequest, software: NamedDependency[SoftwareBook]) -> Template:
    """A form that begins with what the catalogue, or another version, says of a program."""
    known = program(request.query_params.get("program", ""))
    form = SoftwareForm() if known is None else known.form()
    like = request.query_params.get("like", "")
    if (copied := number(like) or 0) in software.software:
        form = replace(software.software[copied].form, version="", url="", expected_sha256="")
    return _form(request, form)


@post("/software", status_code=200, include_in_schema=False)
async def create_software(
    request: WebRequest, data: URLEncodedBody[dict[str, object]], software: NamedDependency[SoftwareBook]
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
    request: WebRequest, software_id: FromPath[int], software: NamedDependency[SoftwareBook]
) -> Template:
    """The form with what it says now."""
    one = software.get(software_id)
    return _form(request, one.form, one)


@post("/software/{software_id:int}", status_code=200, include_in_schema=False)
async def change_software(
    request: WebRequest,
    software_id: FromPath[int],
    data: URLEncodedBody[dict[str, object]],
    software: NamedDependency[SoftwareBook],
) -> Answer:
    """Save it."""
    before = software.get(software_id)
    form, revision = from_form(SoftwareForm, data), revision_in(data)
    try:
        await software.change(software_id, form, revision)
    except Absent:
        raise
    except Refusal as refusal:
        return _form(request, form, before, revision=revision, refusal=refusal)
    return done(request, "/software")


@post("/software/{software_id:int}/fetch", status_code=200, include_in_schema=False)
async def fetch_software(
    request: WebRequest, software_id: FromPath[int], software: NamedDependency[SoftwareBook]
) -> Answer:
    """Begin to download its file."""
    software.fetch(software_id)
    return done(request, "/software")


@post("/software/{software_id:int}/cancel", status_code=200, include_in_schema=False)
async def cancel_fetch(
    request: WebRequest, software_id: FromPath[int], software: NamedDependency[SoftwareBook]
) -> Answer:
    """Stop downloading."""
    await software.cancel(software_id)
    return done(request, "/software")


@get("/software/{software_id:int}/upload", include_in_schema=False)
async def ask_upload(
    request: WebRequest, software_id: FromPath[int], software: NamedDependency[SoftwareBook]
) -> Template:
    """Choose a file."""
    return _upload(request, software.get(software_id))


@post(
    "/software/{software_id:int}/upload",
    status_code=200,
    include_in_schema=False,
    request_max_body_size=MAX_ARCHIVE + UPLOAD_MARGIN,
)
async def upload(request: WebRequest, software_id: FromPath[int], software: NamedDependency[SoftwareBook]) -> Answer:
    """Take it, streamed to the disk."""
    one = software.get(software_id)
    try:
        await software.upload(software_id, form_file(request, "file"), content_length(request))
    except Refusal as refusal:
        return _upload(request, one, refusal)
    return done(request, "/software")


@get("/software/{software_id:int}/pin", include_in_schema=False)
async def ask_pin(request: WebRequest, software_id: FromPath[int], software: NamedDependency[SoftwareBook]) -> Template:
    """Size and SHA-256, to be compared with what its authors publish."""
    row = _row(software.get(software_id), software)
    return render(request, "software_pin.html", active="software", hx=is_htmx(request.scope), row=row,
                  known=program(row.software.form.name))  # fmt: skip


@post("/software/{software_id:int}/pin", status_code=200, include_in_schema=False)
async def pin(
    request: WebRequest,
    software_id: FromPath[int],
    data: URLEncodedBody[PinData],
    software: NamedDependency[SoftwareBook],
) -> Answer:
    """From now on rigs may have it."""
    await software.pin(software_id, data.sha256)
    return done(request, "/software")


@get("/software/{software_id:int}/remove", include_in_schema=False)
async def ask_remove(
    request: WebRequest, software_id: FromPath[int], software: NamedDependency[SoftwareBook]
) -> Template:
    """What removing it means."""
    one, uses = software.get(software_id), software.used_by(software_id)
    lines = ["Its file is deleted here.", "No playbook uses it."]
    if uses:
        lines = ["Rigs that run it keep it, and its file stays until none does.",
                 "These playbooks can no longer be applied to other rigs."]  # fmt: skip
    return render(
        request,
        "software_remove.html",
        active="software",
        hx=is_htmx(request.scope),
        software=one,
        uses=[use.name for use in uses],
        consequences=lines,
    )


@post("/software/{software_id:int}/remove", status_code=200, include_in_schema=False)
async def remove(request: WebRequest, software_id: FromPath[int], software: NamedDependency[SoftwareBook]) -> Answer:
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
    return render(
        request,
        "software_form.html",
        status=200 if refusal is None else refusal.status,
        active="software",
        hx=is_htmx(request.scope),
        form=form,
        revision=revision or (0 if software is None else software.revision),
        group=partial(columns_in, SoftwareForm),
        software=software,
        known=program(form.name),
        catalogue=catalogue(),
        errors={} if refusal is None else refusal.fields,
        error="" if refusal is None or refusal.fields else str(refusal),
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
