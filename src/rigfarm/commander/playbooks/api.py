"""The JSON API of playbooks: thin handlers over the books' verbs. What rigs do with them is in `api_rigs`."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.numbers import MAX_NUMBER, Number
from rigfarm.commander.playbooks.answers import (
    PlaybookAnswer,
    PlaybookDetail,
    PreviewAnswer,
    RevisionAnswer,
    playbook_answer,
    playbook_detail,
    revision_answer,
)
from rigfarm.commander.playbooks.book import PlaybookBook
from rigfarm.commander.playbooks.form import PlaybookForm
from rigfarm.commander.playbooks.order import argument_preview
from rigfarm.commander.playbooks.rollouts import Rollouts
from rigfarm.wire.template import TemplateError

__all__ = ["api_routes"]


class RollBack(Struct, forbid_unknown_fields=True):
    """Which revision shall be the newest again."""

    revision: Number


@get("", summary="List playbooks")
async def list_playbooks(
    playbooks: NamedDependency[PlaybookBook],
    rollouts: NamedDependency[Rollouts],
    q: FromQuery[str] = "",
    coin: FromQuery[str] = "",
) -> list[PlaybookAnswer]:
    """By name, with how they do on their rigs."""
    return [playbook_answer(one, playbooks, rollouts.of(one.id)) for one in playbooks.listed(q, coin)]


@post("", opt=CONFIGURE, status_code=201, summary="Write a playbook")
async def create_playbook(
    data: JSONBody[PlaybookForm], playbooks: NamedDependency[PlaybookBook], rollouts: NamedDependency[Rollouts]
) -> PlaybookDetail:
    """Nothing runs before it is applied to rigs. A placeholder without a value is named in `errors`."""
    playbook = await playbooks.create(data)
    return playbook_detail(playbook, playbooks, rollouts.of(playbook.id))


@get("/{playbook_id:int}", summary="One playbook and the rigs that have it")
async def get_playbook(
    playbook_id: FromPath[int], playbooks: NamedDependency[PlaybookBook], rollouts: NamedDependency[Rollouts]
) -> PlaybookDetail:
    """Its newest revision, and how it does on each rig."""
    return playbook_detail(playbooks.get(playbook_id), playbooks, rollouts.of(playbook_id))


@put("/{playbook_id:int}", opt=CONFIGURE, summary="Change a playbook")
async def change_playbook(
    playbook_id: FromPath[int],
    data: JSONBody[PlaybookForm],
    playbooks: NamedDependency[PlaybookBook],
    rollouts: NamedDependency[Rollouts],
    revision: Annotated[
        int | None, QueryParameter(ge=0, le=MAX_NUMBER, description="Refuse when it is no longer this one.")
    ] = None,
) -> PlaybookDetail:
    """A new revision. Rigs go on with what they have until it is applied."""
    playbook = await playbooks.change(playbook_id, data, revision)
    return playbook_detail(playbook, playbooks, rollouts.of(playbook_id))


@post("/{playbook_id:int}/duplicate", opt=CONFIGURE, status_code=201, summary="Make a second one like it")
async def duplicate_playbook(
    playbook_id: FromPath[int], playbooks: NamedDependency[PlaybookBook], rollouts: NamedDependency[Rollouts]
) -> PlaybookDetail:
    """Under a name that is free."""
    playbook = await playbooks.create(playbooks.copy_of(playbook_id))
    return playbook_detail(playbook, playbooks, rollouts.of(playbook.id))


@delete("/{playbook_id:int}", opt=CONFIGURE, summary="Remove a playbook")
async def remove_playbook(
    playbook_id: FromPath[int],
    playbooks: NamedDependency[PlaybookBook],
    even_if_used: Annotated[bool, QueryParameter(description="Stop it on the rigs that have it.")] = False,
) -> None:
    """409 while rigs have it, unless `even_if_used`."""
    await playbooks.remove(playbook_id, even_if_used=even_if_used)


@get("/{playbook_id:int}/revisions", summary="Its history")
async def list_revisions(
    playbook_id: FromPath[int],
    playbooks: NamedDependency[PlaybookBook],
    before: Annotated[
        int | None, QueryParameter(ge=0, le=MAX_NUMBER, description="Only revisions older than this.")
    ] = None,
) -> list[RevisionAnswer]:
    """Newest first, fifty at a time."""
    return [revision_answer(one) for one in await playbooks.history(playbook_id, before)]


@post("/{playbook_id:int}/rollback", opt=CONFIGURE, status_code=200, summary="Roll back to an earlier revision")
async def roll_back(
    playbook_id: FromPath[int],
    data: JSONBody[RollBack],
    playbooks: NamedDependency[PlaybookBook],
    rollouts: NamedDependency[Rollouts],
) -> PlaybookDetail:
    """It becomes the newest, exactly as it was. Rigs go on with what they have until it is applied."""
    playbook = await playbooks.roll_back(playbook_id, data.revision)
    return playbook_detail(playbook, playbooks, rollouts.of(playbook_id))


@get("/{playbook_id:int}/preview", summary="The exact arguments on a rig")
async def preview(
    playbook_id: FromPath[int],
    rig: Annotated[int, QueryParameter(ge=0, le=MAX_NUMBER)],
    playbooks: NamedDependency[PlaybookBook],
) -> PreviewAnswer:
    """One entry per argument; the port of the stats API is an example."""
    content = playbooks.get(playbook_id).content
    chosen = playbooks.rigs.get(rig)
    executable = content.software.archive.executable if content.software.archive is not None else ""
    try:
        found = argument_preview(content, chosen.name, playbooks.assignments.variables_of(rig))
    except TemplateError as error:
        return PreviewAnswer(executable, [], str(error))
    return PreviewAnswer(executable, found)


api_routes = Router(
    "/api/playbooks",
    route_handlers=[
        list_playbooks,
        create_playbook,
        get_playbook,
        change_playbook,
        duplicate_playbook,
        remove_playbook,
        list_revisions,
        roll_back,
        preview,
    ],
    tags=["playbooks"],
)
