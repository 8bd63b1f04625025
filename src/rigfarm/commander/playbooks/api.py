"""The JSON API of playbooks: thin handlers over the verbs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Request, Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from rigfarm.commander.auth import CONFIGURE
from rigfarm.commander.fields import Changes, changes_of
from rigfarm.commander.numbers import MAX_NUMBER, Number
from rigfarm.commander.playbooks.actions import Playbooks
from rigfarm.commander.playbooks.content.form import PlaybookForm, form_of
from rigfarm.commander.playbooks.content.preview import argument_preview
from rigfarm.commander.playbooks.model import Playbook, PlaybookContent, Revision
from rigfarm.commander.playbooks.view import PlaybookViews
from rigfarm.commander.rigs.actions import Rigs
from rigfarm.commander.web.conditional import IF_MATCH
from rigfarm.commander.web.paging import LIMIT, After, Limit, loaded_page, number_after, one_page
from rigfarm.wire.template import TemplateError

__all__ = ["api_routes"]


class PlaybookAnswer(Struct, omit_defaults=True):
    """A playbook in a list."""

    id: int
    name: str
    revision: int
    coins: list[str]
    software: str
    rigs: int
    behind: int
    """Rigs that have an older revision."""
    states: dict[str, int]
    """Rigs by state."""
    updated_at: datetime
    rollout: int | UnsetType = UNSET
    """Id of the roll-out under way."""


class PlaybookDetail(PlaybookAnswer, omit_defaults=True, kw_only=True):
    """A playbook with all its fields; `/api/playbooks/{id}/rigs` has the rigs that run it."""

    content: PlaybookContent
    form: PlaybookForm
    """The same as it is changed: with the ids of addresses and software"""


class RevisionAnswer(Struct):
    """One revision of a playbook."""

    revision: int
    note: str
    created_at: datetime
    content: PlaybookContent


class PreviewAnswer(Struct):
    """The program and its arguments on a rig; the port is an example."""

    executable: str
    arguments: list[str]
    missing: str = ""
    """Why it could not run."""


if TYPE_CHECKING:

    class PlaybookChange(Changes):
        """See below: made of the fields of PlaybookForm."""

        revision: int | UnsetType = UNSET

else:
    PlaybookChange = changes_of(
        "PlaybookChange",
        PlaybookForm,
        "Fields that are left out don't change. `revision`: refuse if someone else has changed it since.",
        revision=int,
    )


class RollBack(Struct, forbid_unknown_fields=True):
    """Which revision to make the newest again."""

    revision: Number


@get("", summary="List playbooks")
async def list_playbooks(
    request: Request[Any, Any, Any],
    playbooks: NamedDependency[Playbooks],
    playbook_views: NamedDependency[PlaybookViews],
    q: FromQuery[str] = "",
    coin: FromQuery[str] = "",
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[PlaybookAnswer]]:
    """Sorted by name, with their states on rigs."""
    found = playbooks.listed(q, coin)
    return one_page(
        request, found, limit, after, key=lambda one: one.id, answer=lambda one: _answer(one, playbook_views)
    )


@post("", opt=CONFIGURE, status_code=201, summary="Create a playbook")
async def create_playbook(
    data: JSONBody[PlaybookForm], playbooks: NamedDependency[Playbooks], playbook_views: NamedDependency[PlaybookViews]
) -> PlaybookDetail:
    """Nothing runs before it is applied to rigs. A placeholder without a value is named in `errors`."""
    playbook = await playbooks.create(data)
    return _detail(playbook, playbook_views)


@get("/{playbook_id:int}", summary="One playbook in its newest revision")
async def get_playbook(
    playbook_id: FromPath[int], playbooks: NamedDependency[Playbooks], playbook_views: NamedDependency[PlaybookViews]
) -> PlaybookDetail:
    """Its newest revision, and the number of rigs in each state."""
    return _detail(playbooks.get(playbook_id), playbook_views)


@patch("/{playbook_id:int}", opt=CONFIGURE, summary="Change a playbook")
async def change_playbook(
    playbook_id: FromPath[int],
    data: JSONBody[PlaybookChange],
    playbooks: NamedDependency[Playbooks],
    playbook_views: NamedDependency[PlaybookViews],
) -> PlaybookDetail:
    """Makes a new revision. Rigs keep their current one until it is applied."""
    one = playbooks.get(playbook_id)
    revision = one.revision if data.revision is UNSET else data.revision
    playbook = await playbooks.change(playbook_id, data.over(form_of(one.content)), revision)
    return _detail(playbook, playbook_views)


@post("/{playbook_id:int}/duplicate", opt=CONFIGURE, status_code=201, summary="Duplicate a playbook")
async def duplicate_playbook(
    playbook_id: FromPath[int], playbooks: NamedDependency[Playbooks], playbook_views: NamedDependency[PlaybookViews]
) -> PlaybookDetail:
    """Under a name that is free."""
    playbook = await playbooks.create(playbooks.copy_of(playbook_id))
    return _detail(playbook, playbook_views)


@delete("/{playbook_id:int}", opt=CONFIGURE | IF_MATCH, summary="Remove a playbook")
async def remove_playbook(
    playbook_id: FromPath[int],
    playbooks: NamedDependency[Playbooks],
    even_if_used: Annotated[bool, QueryParameter(description="Stop it on the rigs that have it.")] = False,
) -> None:
    """409 while rigs have it, unless `even_if_used`."""
    await playbooks.remove(playbook_id, even_if_used=even_if_used)


@get("/{playbook_id:int}/revisions", summary="Its history")
async def list_revisions(
    request: Request[Any, Any, Any],
    playbook_id: FromPath[int],
    playbooks: NamedDependency[Playbooks],
    limit: Limit = LIMIT,
    after: After = "",
) -> Response[list[RevisionAnswer]]:
    """Newest first."""
    found = await playbooks.history(playbook_id, number_after(after), limit + 1)
    return loaded_page(request, found, limit, cursor=lambda one: str(one.number), answer=_revision)


@post("/{playbook_id:int}/rollback", opt=CONFIGURE, status_code=200, summary="Roll back to an earlier revision")
async def roll_back(
    playbook_id: FromPath[int],
    data: JSONBody[RollBack],
    playbooks: NamedDependency[Playbooks],
    playbook_views: NamedDependency[PlaybookViews],
) -> PlaybookDetail:
    """It becomes the newest, exactly as it was. Rigs keep their current one until it is applied."""
    playbook = await playbooks.roll_back(playbook_id, data.revision)
    return _detail(playbook, playbook_views)


@get("/{playbook_id:int}/preview", summary="The exact arguments on a rig")
async def preview(
    playbook_id: FromPath[int],
    rig: Annotated[int, QueryParameter(ge=0, le=MAX_NUMBER)],
    playbooks: NamedDependency[Playbooks],
    book: NamedDependency[Rigs],
) -> PreviewAnswer:
    """One entry per argument; the port of the stats API is an example."""
    content = playbooks.get(playbook_id).content
    chosen = book.get(rig)
    executable = content.software.archive.executable if content.software.archive is not None else ""
    try:
        found = argument_preview(content, chosen.name, playbooks.holders.variables_of(rig))
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


def _answer(playbook: Playbook, views: PlaybookViews) -> PlaybookAnswer:
    return PlaybookAnswer(**_summary(playbook, views))  # type: ignore[arg-type]  # a dict of fields of many types


def _detail(playbook: Playbook, views: PlaybookViews) -> PlaybookDetail:
    return PlaybookDetail(**_summary(playbook, views), content=playbook.content, form=form_of(playbook.content))  # type: ignore[arg-type]  # a dict of fields of many types


def _summary(playbook: Playbook, views: PlaybookViews) -> dict[str, object]:
    summary = views.summary(playbook)
    software = playbook.content.software
    return {
        "id": playbook.id,
        "name": playbook.name,
        "revision": playbook.revision,
        "coins": playbook.content.coins,
        "software": f"{software.name} {software.version}",
        "rigs": summary.rigs,
        "behind": summary.behind,
        "states": dict(summary.states),
        "updated_at": datetime.fromtimestamp(playbook.updated_at / 1000, UTC),
        "rollout": UNSET if summary.rollout is None else summary.rollout[0],
    }


def _revision(revision: Revision) -> RevisionAnswer:
    return RevisionAnswer(
        revision.number, revision.note, datetime.fromtimestamp(revision.created_at / 1000, UTC), revision.content
    )
