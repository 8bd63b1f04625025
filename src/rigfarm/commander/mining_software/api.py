"""The JSON API of mining software: thin handlers over the book's verbs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Request, Response, Router, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.fields import Changes, changes_of
from rigfarm.commander.mining_software.actions import MAX_ARCHIVE, MiningSoftware
from rigfarm.commander.mining_software.archives.uploading import content_length, raw_body
from rigfarm.commander.mining_software.catalogue.catalogue import Program, catalogue, program
from rigfarm.commander.mining_software.model import ArchiveFormat, Software, SoftwareForm
from rigfarm.commander.mining_software.view import state_of
from rigfarm.commander.usage import Use
from rigfarm.commander.web.conditional import IF_MATCH
from rigfarm.commander.web.paging import LIMIT, After, Limit, one_page

__all__ = ["api_routes"]


class FileAnswer(Struct, omit_defaults=True):
    """The file of a version, or the progress of fetching it."""

    state: str
    """none · fetching · uploading · failed · unconfirmed · pinned · lost"""
    sha256: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    """Bytes"""
    format: ArchiveFormat | UnsetType = UNSET
    received: int | UnsetType = UNSET
    total: int | UnsetType = UNSET
    error: str | UnsetType = UNSET


class SoftwareAnswer(SoftwareForm, frozen=True, kw_only=True):
    """One version of a mining program: its fields, its file and what uses it."""

    id: int
    file: FileAnswer
    used_by: list[Use]
    revision: int
    created_at: datetime
    updated_at: datetime


if TYPE_CHECKING:

    class NewSoftware(Changes):
        """See below: made of the fields of SoftwareForm."""

        name: str | UnsetType = UNSET

    class SoftwareChange(Changes):
        """See below: made of the fields of SoftwareForm."""

        revision: int | UnsetType = UNSET

else:
    NewSoftware = changes_of(
        "NewSoftware", SoftwareForm, "Fields that are left out come from the catalogue's program of that name."
    )
    SoftwareChange = changes_of(
        "SoftwareChange",
        SoftwareForm,
        "Fields that are left out don't change. `revision`: refuse if someone else has changed it since.",
        revision=int,
    )


class Pin(Struct, forbid_unknown_fields=True):
    """The hash that was shown."""

    sha256: str


@get("", summary="List mining software")
async def list_software(
    request: Request[Any, Any, Any],
    software: NamedDependency[MiningSoftware],
    q: FromQuery[str] = "",
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[SoftwareAnswer]]:
    """Every version of every program, or those with these words."""
    found = software.listed(q)
    return one_page(
        request, found, limit, after, key=lambda one: one.id, answer=lambda one: software_answer(one, software)
    )


@get("/catalogue", summary="Well-known programs")
async def list_catalogue(
    request: Request[Any, Any, Any], limit: Limit = LIMIT, after: After = ""
) -> Response[list[Program]]:
    """Adapters and templates to start from; no files and no hashes."""
    found = catalogue()
    return one_page(request, found, limit, after, key=lambda one: one.name.replace(" ", "_"), answer=lambda one: one)


@post("", opt=CONFIGURE, status_code=201, summary="Add a version of a mining program")
async def create_software(data: JSONBody[NewSoftware], software: NamedDependency[MiningSoftware]) -> SoftwareAnswer:
    """A name from the catalogue and a version are enough; then fetch or upload its file."""
    known = program(data.name) if isinstance(data.name, str) else None
    start = SoftwareForm() if known is None else known.form()
    return software_answer(await software.create(data.over(start)), software)


@get("/{software_id:int}", summary="One version, its file and what uses it")
async def get_software(software_id: FromPath[int], software: NamedDependency[MiningSoftware]) -> SoftwareAnswer:
    """`file.state` says where its file is."""
    return software_answer(software.get(software_id), software)


@patch("/{software_id:int}", opt=CONFIGURE, summary="Change a version")
async def change_software(
    software_id: FromPath[int], data: JSONBody[SoftwareChange], software: NamedDependency[MiningSoftware]
) -> SoftwareAnswer:
    """Playbooks that use it get a new revision; rigs keep the old one until the new one is applied."""
    one = software.get(software_id)
    revision = one.revision if data.revision is UNSET else data.revision
    return software_answer(await software.change(software_id, data.over(one.form), revision), software)


@delete("/{software_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove a version and its file")
async def remove_software(
    software_id: FromPath[int],
    software: NamedDependency[MiningSoftware],
    even_if_used: Annotated[bool, QueryParameter(description="Rigs that run it keep it.")] = False,
) -> None:
    """409 while playbooks use it, unless `even_if_used`."""
    await software.remove(software_id, even_if_used=even_if_used)


@post("/{software_id:int}/fetch", opt=CONFIGURE, status_code=202, summary="Fetch its file")
async def fetch_software(software_id: FromPath[int], software: NamedDependency[MiningSoftware]) -> SoftwareAnswer:
    """Downloads once, in the Commander. `file` shows the progress. The file is pinned automatically if
    `expected_sha256` was given; otherwise confirm it with `pin`."""
    software.fetch(software_id)
    return software_answer(software.get(software_id), software)


@delete("/{software_id:int}/fetch", opt=CONFIGURE, summary="Stop fetching")
async def cancel_fetch(software_id: FromPath[int], software: NamedDependency[MiningSoftware]) -> None:
    """What was downloaded so far is deleted."""
    await software.cancel(software_id)


@put(
    "/{software_id:int}/archive",
    opt=CONFIGURE,
    status_code=200,
    summary="Upload its file",
    description="The request's body is the file: `curl -T miner.tar.gz …`.",
    request_max_body_size=MAX_ARCHIVE,
)
async def upload_archive(
    software_id: FromPath[int], request: Request[Any, Any, Any], software: NamedDependency[MiningSoftware]
) -> SoftwareAnswer:
    """For farms without Internet. It is streamed to the disk."""
    done = await software.upload(software_id, raw_body(request), content_length(request))
    return software_answer(done, software)


@post("/{software_id:int}/pin", opt=CONFIGURE, status_code=200, summary="Confirm its file")
async def pin_software(
    software_id: FromPath[int], data: JSONBody[Pin], software: NamedDependency[MiningSoftware]
) -> SoftwareAnswer:
    """From now on rigs may have it: the file with this SHA-256, and no other."""
    return software_answer(await software.pin(software_id, data.sha256), software)


api_routes = Router(
    "/api/software",
    route_handlers=[
        list_software,
        list_catalogue,
        create_software,
        get_software,
        change_software,
        remove_software,
        fetch_software,
        cancel_fetch,
        upload_archive,
        pin_software,
    ],
    tags=["mining software"],
)


def software_answer(software: Software, book: MiningSoftware) -> SoftwareAnswer:
    """With its file and who uses it."""
    return SoftwareAnswer(
        **asdict(software.form),
        id=software.id,
        file=_file(software, book),
        used_by=book.used_by(software.id),
        revision=software.revision,
        created_at=datetime.fromtimestamp(software.created_at / 1000, UTC),
        updated_at=datetime.fromtimestamp(software.updated_at / 1000, UTC),
    )


def _file(software: Software, book: MiningSoftware) -> FileAnswer:
    kept, fetch = software.kept, book.fetches.get(software.id)
    return FileAnswer(
        state=state_of(software, book),
        sha256=UNSET if kept is None else kept.sha256,
        size=UNSET if kept is None else kept.size,
        format=UNSET if kept is None else kept.format,
        received=UNSET if fetch is None or not fetch.running else fetch.received,
        total=UNSET if fetch is None or fetch.total is None else fetch.total,
        error=UNSET if fetch is None or fetch.error is None else fetch.error,
    )
