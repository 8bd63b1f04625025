"""The JSON API of mining software: thin handlers over the book's verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import Request, Router, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.fields import Changes, changes_of
from rigfarm.commander.mining_software.answers import SoftwareAnswer, software_answer
from rigfarm.commander.mining_software.book import MAX_ARCHIVE, SoftwareBook
from rigfarm.commander.mining_software.catalogue import Program, catalogue, program
from rigfarm.commander.mining_software.model import SoftwareForm
from rigfarm.commander.mining_software.uploading import content_length, raw_body

__all__ = ["api_routes"]


if TYPE_CHECKING:

    class NewSoftware(Changes):
        """See below: made of the fields of SoftwareForm."""

        name: str | UnsetType = UNSET

    class SoftwareChange(Changes):
        """See below: made of the fields of SoftwareForm."""

        revision: int | UnsetType = UNSET

else:
    NewSoftware = changes_of(
        "NewSoftware", SoftwareForm, "What is left out is taken from the catalogue's program of that name."
    )
    SoftwareChange = changes_of(
        "SoftwareChange",
        SoftwareForm,
        "What is left out stays. `revision`: refuse if someone else has changed it since.",
        revision=int,
    )


class Pin(Struct, forbid_unknown_fields=True):
    """The hash that was shown."""

    sha256: str


@get("", summary="List mining software")
async def list_software(software: NamedDependency[SoftwareBook], q: FromQuery[str] = "") -> list[SoftwareAnswer]:
    """Every version of every program, or those with these words."""
    return [software_answer(one, software) for one in software.listed(q)]


@get("/catalogue", summary="Well-known programs")
async def list_catalogue() -> list[Program]:
    """Adapters and templates to start from; nothing here is a file or a hash."""
    return list(catalogue())


@post("", opt=CONFIGURE, status_code=201, summary="Add a version of a mining program")
async def create_software(data: JSONBody[NewSoftware], software: NamedDependency[SoftwareBook]) -> SoftwareAnswer:
    """A name of the catalogue and a version are enough; then fetch or upload its file."""
    known = program(data.name) if isinstance(data.name, str) else None
    start = SoftwareForm() if known is None else known.form()
    return software_answer(await software.create(data.over(start)), software)


@get("/{software_id:int}", summary="One version, its file and who uses it")
async def get_software(software_id: FromPath[int], software: NamedDependency[SoftwareBook]) -> SoftwareAnswer:
    """`file.state` says where its file is."""
    return software_answer(software.get(software_id), software)


@patch("/{software_id:int}", opt=CONFIGURE, summary="Change a version")
async def change_software(
    software_id: FromPath[int], data: JSONBody[SoftwareChange], software: NamedDependency[SoftwareBook]
) -> SoftwareAnswer:
    """Playbooks that use it get a new revision; rigs go on with the old one until that is applied."""
    form = data.over(software.get(software_id).form)
    revision = None if data.revision is UNSET else data.revision
    return software_answer(await software.change(software_id, form, revision), software)


@delete("/{software_id:int}", opt=CONFIGURE, summary="Remove a version and its file")
async def remove_software(
    software_id: FromPath[int],
    software: NamedDependency[SoftwareBook],
    even_if_used: Annotated[bool, QueryParameter(description="Rigs that run it keep it.")] = False,
) -> None:
    """409 while playbooks use it, unless `even_if_used`."""
    await software.remove(software_id, even_if_used=even_if_used)


@post("/{software_id:int}/fetch", opt=CONFIGURE, status_code=202, summary="Fetch its file")
async def fetch_software(software_id: FromPath[int], software: NamedDependency[SoftwareBook]) -> SoftwareAnswer:
    """Downloads once, in the Commander. Look at `file` for how it goes; it is pinned by itself when
    `expected_sha256` was given, else confirm with `pin`."""
    software.fetch(software_id)
    return software_answer(software.get(software_id), software)


@delete("/{software_id:int}/fetch", opt=CONFIGURE, summary="Stop fetching")
async def cancel_fetch(software_id: FromPath[int], software: NamedDependency[SoftwareBook]) -> None:
    """What came so far is thrown away."""
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
    software_id: FromPath[int], request: Request[Any, Any, Any], software: NamedDependency[SoftwareBook]
) -> SoftwareAnswer:
    """For farms without Internet. It is streamed to the disk."""
    done = await software.upload(software_id, raw_body(request), content_length(request))
    return software_answer(done, software)


@post("/{software_id:int}/pin", opt=CONFIGURE, status_code=200, summary="Confirm its file")
async def pin_software(
    software_id: FromPath[int], data: JSONBody[Pin], software: NamedDependency[SoftwareBook]
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
